// What `lateen up`'s API server refuses beyond schemas: values of EnvoyFilters that no Envoy takes.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { envoyValueProblems } from '#analysis/envoy-values';
import { ApiServer } from '#apiserver/api-server';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';

const json = new CanonicalJson(readFileSync(new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));
const collection = '/apis/networking.istio.io/v1alpha3/namespaces/default/envoyfilters';

let server: ApiServer;
let url: string;

beforeEach(async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock, random: new SeededRandom(5) });
  const examine = (object: Parameters<typeof envoyValueProblems>[0]) => envoyValueProblems(object, async () => json);
  server = new ApiServer({ store, clock, logger: silentLogger, version: '0', examine });
  ({ url } = await server.listen({ host: '127.0.0.1', port: 0 }));
});
afterEach(() => server.close());

function filter(value: object): string {
  const configPatches = [{ applyTo: 'CLUSTER', patch: { operation: 'MERGE', value } }];
  const metadata = { name: 'x', namespace: 'default' };
  return JSON.stringify({ apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter', metadata, spec: { configPatches } });
}

async function send(method: string, path: string, body: string, type = 'application/json') {
  const response = await fetch(url + path, { method, body, headers: { 'content-type': type } });
  return { status: response.status, warning: response.headers.get('warning'), text: await response.text() };
}

const field = 'spec.configPatches[0].patch.value';

test.each([
  ['create', 'POST', collection, 'application/json'],
  ['a dry run', 'POST', `${collection}?dryRun=All`, 'application/json'],
  ['server-side apply', 'PATCH', `${collection}/x?fieldManager=me`, 'application/apply-patch+yaml'],
])('%s: a value of the wrong type is refused, with its field', async (_, method, path, type) => {
  const { status, text } = await send(method, path, filter({ connect_timeout: [1] }), type);
  expect(status).toBe(422);
  expect(JSON.parse(text).message).toContain(`${field}: is no envoy.config.cluster.v3.Cluster`);
  expect((await fetch(`${url}${collection}/x`)).status).toBe(404);
});

test('an update is refused as well, and what was good stays', async () => {
  expect(await send('POST', collection, filter({ connect_timeout: '3s' }))).toMatchObject({ status: 201 });
  expect((await send('PUT', `${collection}/x`, filter({ connect_timeout: 'soon' }))).status).toBe(422);
  const stored = await (await fetch(`${url}${collection}/x`)).json();
  expect(stored).toMatchObject({ spec: { configPatches: [{ patch: { value: { connect_timeout: '3s' } } }] } });
});

test('a field that a newer Envoy may have is taken with a warning', async () => {
  const { status, warning } = await send('POST', collection, filter({ newer_field: 1 }));
  expect(status).toBe(201);
  expect(warning).toContain('newer_field');
});
