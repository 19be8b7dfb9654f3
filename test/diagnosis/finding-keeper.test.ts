// Findings come to the resources and go when they are mended; own writes start nothing.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ApiObject } from '#api/kind';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { envoyFilterKind } from '#api/kinds/envoy-filter';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { readManifest } from '#api/manifest';
import { kindOf } from '#api/registry';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { FindingKeeper } from '#diagnosis/finding-keeper';
import { isSameToAnalyzers, statusWith } from '#diagnosis/validation-messages';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { applyObject } from '#store/apply';
import { MemoryStore } from '#store/memory-store';

const descriptors = new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url);
const json = new CanonicalJson(readFileSync(descriptors));
const canonicalJson = async () => json;

interface Status {
  validationMessages?: {
    type: { code: string; name: string };
    level: string;
    documentationUrl?: string;
    message: string;
    field?: string;
  }[];
  observedGeneration?: number;
  conditions?: unknown;
}

let clock: ManualClock;
let store: MemoryStore;
let keeper: FindingKeeper;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryStore({ clock, random: new SeededRandom(1) });
  keeper = new FindingKeeper({ store, clock, random: new SeededRandom(2), logger: silentLogger, canonicalJson });
  keeper.start();
});
afterEach(() => keeper.stop());

async function apply(yaml: string): Promise<void> {
  const { objects, problems } = readManifest(yaml, 'test.yaml');
  expect(problems.filter(({ level }) => level === 'error')).toEqual([]);
  for (const object of objects) await applyObject(store, kindOf(object.apiVersion, object.kind)!, object);
}

async function stored(name: string, kind = virtualServiceKind): Promise<ApiObject & { status?: Status }> {
  return (await store.get(kind, 'default', name))! as ApiObject & { status?: Status };
}

/** Turns of the loop, in which informers and the keeper do what they have to. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The store has been quiet for long enough. */
async function quiet(): Promise<void> {
  await settle();
  clock.advance(500);
  await settle();
}

const codes = ({ status }: { status?: Status }) => status?.validationMessages?.map(({ type }) => type.code);

const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: reviews}\nspec: {ports: [{port: 80, name: http}]}\n';
const route = (host: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews}\nspec: {hosts: [reviews], http: [{route: [{destination: {host: ${host}}}]}]}\n`;

describe('in a store', () => {
  test('values of EnvoyFilters are compared with Envoy’s messages', async () => {
    const value = (text: string) =>
      `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec: {configPatches: [{applyTo: CLUSTER, patch: {operation: ADD, value: ${text}}}]}\n`;
    await apply(value('{connect_timeout: [1]}'));
    await quiet();
    expect(codes(await stored('f', envoyFilterKind))).toContain('IST0106');
    await apply(value('{lb_policy: RANDOM}'));
    await quiet();
    expect(codes(await stored('f', envoyFilterKind))).not.toContain('IST0106');
  });

  test('a finding is written in Istio’s shape, follows the resource, and goes when it is mended', async () => {
    await apply(`${service}---\n${route('nowhere')}`);
    await quiet();
    const wrong = await stored('reviews');
    expect(wrong.metadata.generation).toBe(1);
    expect(wrong.status).toEqual({
      observedGeneration: 1,
      validationMessages: [
        {
          type: { code: 'IST0101', name: 'ReferencedResourceNotFound' },
          level: 'ERROR',
          documentationUrl: 'https://istio.io/v1.30/docs/reference/config/analysis/ist0101/',
          message: expect.stringContaining('nowhere'),
          field: expect.stringContaining('spec.http[0].route[0]'),
        },
      ],
    });
    await apply(route('nobody'));
    await quiet();
    expect((await stored('reviews')).status).toMatchObject({ observedGeneration: 2, validationMessages: [{ level: 'ERROR' }] });
    await apply(route('reviews'));
    await quiet();
    expect((await stored('reviews')).status).toEqual({ observedGeneration: 3 });
  });

  test('what is mended elsewhere is mended here', async () => {
    await apply(route('reviews'));
    await quiet();
    expect(codes(await stored('reviews'))).toEqual(['IST0101']);
    await apply(service);
    await quiet();
    expect(codes(await stored('reviews'))).toBeUndefined();
    await store.delete(kindOf('v1', 'Service')!, 'default', 'reviews');
    await quiet();
    expect(codes(await stored('reviews'))).toEqual(['IST0101']);
  });

  test('a resource without findings is never written, and own writes start no round', async () => {
    await apply(`${service}---\n${route('reviews')}`);
    await apply('apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: other}\nspec: {host: other.example.com}\n');
    await quiet();
    const versions = async () =>
      [await stored('reviews'), await stored('other', destinationRuleKind)].map(({ metadata }) => metadata.resourceVersion);
    expect((await stored('reviews')).status).toBeUndefined();
    expect(codes(await stored('other', destinationRuleKind))).toEqual(['IST0174']);
    const before = await versions();
    const writes = vi.spyOn(store, 'updateStatus');
    for (let i = 0; i < 5; i++) await quiet();
    expect(writes).not.toHaveBeenCalled();
    expect(await versions()).toEqual(before);
  });

  test('nothing is done while edits go on, until the longest wait is over', async () => {
    const writes = vi.spyOn(store, 'updateStatus');
    for (let i = 0; i < 24; i++) {
      await apply(route(`nowhere-${i}`));
      await settle();
      clock.advance(400);
    }
    await settle();
    expect(writes).not.toHaveBeenCalled();
    await apply(route('nobody'));
    await settle();
    clock.advance(400);
    await settle();
    expect(writes).toHaveBeenCalledTimes(1);
  });

  test('what others write into the status stays', async () => {
    await apply(route('nowhere'));
    await store.updateStatus({
      ...(await stored('reviews')),
      status: { conditions: [{ type: 'Reconciled', status: 'True' }] },
    } as ApiObject);
    await quiet();
    expect((await stored('reviews')).status).toMatchObject({ conditions: [{ type: 'Reconciled' }], validationMessages: [{}] });
  });

  test('after stop nothing is written', async () => {
    await apply(route('nowhere'));
    await settle();
    keeper.stop();
    clock.advance(60_000);
    await settle();
    expect((await stored('reviews')).status).toBeUndefined();
  });
});

describe('statusWith', () => {
  const object = { apiVersion: 'v1', kind: 'K', metadata: { name: 'a', generation: 4 } } as ApiObject;
  const finding = { code: 'LTN0004', object, field: '', message: 'm'.repeat(2_000) } as const;

  test('is bounded', () => {
    const { validationMessages } = statusWith(
      object,
      Array.from({ length: 100 }, () => finding),
    ) as Status;
    expect(validationMessages).toHaveLength(20);
    expect(validationMessages![0]!.message).toHaveLength(1_000);
    expect(validationMessages![0]).not.toHaveProperty('documentationUrl');
  });

  test('says nothing where nothing has to change', () => {
    const status = statusWith(object, [finding]);
    const written = { ...object, status } as ApiObject;
    expect(statusWith(written, [finding])).toBeUndefined();
    expect(isSameToAnalyzers(object, written)).toBe(true);
    expect(isSameToAnalyzers(object, { ...object, metadata: { ...object.metadata, labels: { a: 'b' } } })).toBe(false);
  });
});
