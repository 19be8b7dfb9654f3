// What every Store keeps to, asked of the one in memory, the one with a journal, and the one over REST.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { namespaceKind } from '#api/kinds/namespace';
import { serviceKind } from '#api/kinds/service';
import { ApiServer } from '#apiserver/api-server';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { applyObject } from '#store/apply';
import type { Journal } from '#store/journal';
import { LmdbJournal } from '#store/lmdb-journal';
import { MemoryStore } from '#store/memory-store';
import { admitNamespace, ensureNamespaces } from '#store/namespaces';
import { RemoteStore } from '#store/remote-store';
import type { Store, Watch, WatchEvent } from '#store/store';

const historyMax = 40;

function memory(journal?: Journal): MemoryStore {
  return new MemoryStore({
    clock: new ManualClock(),
    random: new SeededRandom(7),
    historyMax,
    admit: admitNamespace,
    ...(journal && { journal }),
  });
}

const stores: Record<string, () => Promise<{ store: Store; end: () => Promise<void> }>> = {
  memory: async () => {
    const store = memory();
    await ensureNamespaces(store);
    return { store, end: async () => undefined };
  },
  durable: async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-contract-'));
    const journal = await LmdbJournal.open({ directory, historyMax });
    const store = memory(journal);
    await ensureNamespaces(store);
    const end = async () => {
      await journal.close();
      rmSync(directory, { recursive: true, force: true });
    };
    return { store, end };
  },
  remote: async () => {
    const clock = new ManualClock();
    const server = new ApiServer({ store: memory(), clock, logger: silentLogger, version: '0' });
    const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
    const store = new RemoteStore({ api: { url }, clock });
    return {
      store,
      end: async () => {
        store.close();
        await server.close();
      },
    };
  },
};

const configMap = (name: string, data: Record<string, string> = {}, metadata: object = {}) =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ...metadata }, data }) as ApiObject;

const service = (port: number) =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'default' }, spec: { ports: [{ port }] } }) as ApiObject;

/** Collects what a watch says, and waits for the n-th word. */
function listener() {
  const events: string[] = [];
  let wake: () => void = () => undefined;
  const note = (line: string) => {
    events.push(line);
    wake();
  };
  const handlers = {
    event: (event: WatchEvent) => event.type !== 'BOOKMARK' && note(`${event.type} ${event.object.metadata.name}`),
    closed: (reason: string) => note(reason),
  };
  const until = async (count: number) => {
    while (events.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return events;
  };
  return { events, handlers, until };
}

describe.each(Object.keys(stores))('the %s store', (which) => {
  let store: Store;
  let end: () => Promise<void>;
  const watches: Watch[] = [];
  const follow = (watch: Watch) => watches.push(watch);

  beforeEach(async () => {
    ({ store, end } = await stores[which]!());
  });
  afterEach(async () => {
    for (const watch of watches.splice(0)) watch.stop();
    await end();
  });

  test('gives a new object its uid, version, generation and time', async () => {
    const created = await store.create(configMap('a', { x: '1' }));
    expect(created.metadata).toMatchObject({ generation: 1, creationTimestamp: '2023-11-14T22:13:20Z' });
    expect(created.metadata.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(await store.get(configMapKind, 'default', 'a')).toEqual(created);
    expect(await store.get(configMapKind, 'default', 'b')).toBeUndefined();
  });

  test('refuses what exists, what is gone, what is stale, and what has no namespace to be in', async () => {
    const first = await store.create(configMap('a'));
    await expect(store.create(configMap('a'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(store.update(configMap('b'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.delete(configMapKind, 'default', 'b')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await store.update(configMap('a', { x: '1' }));
    const stale = configMap('a', { x: '2' }, { resourceVersion: first.metadata.resourceVersion });
    await expect(store.update(stale)).rejects.toMatchObject({ code: 'CONFLICT' });
    const astray = configMap('a', {}, { namespace: 'nowhere' });
    await expect(store.create(astray)).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'namespaces "nowhere" not found' });
  });

  test('raises the generation with the spec alone, and nothing where nothing changes', async () => {
    const created = await store.create(service(80));
    const labelled = await store.update({ ...created, metadata: { ...created.metadata, labels: { a: 'b' } } });
    expect(labelled.metadata.generation).toBe(1);
    expect(Number(labelled.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    const changed = await store.update(service(81));
    expect(changed.metadata.generation).toBe(2);
    expect((await store.update(service(81))).metadata.resourceVersion).toBe(changed.metadata.resourceVersion);
  });

  test('keeps spec and status apart', async () => {
    const created = await store.create(service(80));
    const status = { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } };
    const noted = await store.updateStatus({ ...service(99), metadata: created.metadata, status } as ApiObject);
    expect(noted).toMatchObject({ spec: { ports: [{ port: 80 }] }, status, metadata: { generation: 1 } });
    expect(await store.update(service(81))).toMatchObject({ status, spec: { ports: [{ port: 81 }] } });
  });

  test('lists by namespace and labels, in order of names', async () => {
    await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    await store.create(configMap('b', {}, { labels: { app: 'x', v: '1' } }));
    await store.create(configMap('a', {}, { labels: { app: 'x', v: '2' } }));
    await store.create(configMap('c', {}, { labels: { app: 'x', v: '1' }, namespace: 'other' }));
    const names = async (options: object) => (await store.list(configMapKind, options)).items.map(({ metadata }) => metadata.name);
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ namespace: 'default' })).toEqual(['a', 'b']);
    expect(await names({ labels: { app: 'x', v: '1' } })).toEqual(['b', 'c']);
    expect((await store.list(namespaceKind)).items.length).toBe(4);
  });

  test('a watch misses nothing after the list, and follows a selection', async () => {
    await store.create(configMap('before'));
    const { resourceVersion } = await store.list(configMapKind);
    await store.create(configMap('a', {}, { labels: { v: '1' } }));
    const all = listener();
    const selected = listener();
    follow(store.watch(configMapKind, { resourceVersion }, all.handlers));
    follow(store.watch(configMapKind, { resourceVersion, labels: { v: '1' } }, selected.handlers));
    await store.update(configMap('a', { x: '1' }, { labels: { v: '1' } }));
    await store.update(configMap('a', {}, { labels: { v: '2' } }));
    await store.create(service(80));
    await store.delete(configMapKind, 'default', 'a');
    await store.create(configMap('z', {}, { labels: { v: '1' } }));
    expect(await all.until(5)).toEqual(['ADDED a', 'MODIFIED a', 'MODIFIED a', 'DELETED a', 'ADDED z']);
    expect(await selected.until(4)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED z']);
  });

  test('a watch that begins too far back is told so', async () => {
    const { resourceVersion } = await store.list(configMapKind);
    for (let i = 0; i < historyMax + 5; i++) await store.create(configMap(`c${i}`));
    const late = listener();
    follow(store.watch(configMapKind, { resourceVersion }, late.handlers));
    expect(await late.until(1)).toEqual(['EXPIRED']);
  });

  test('applyObject declares: fields that vanish, vanish; annotations of others stay', async () => {
    const outcome = async (object: ApiObject) => (await applyObject(store, configMapKind, object)).outcome;
    expect(await outcome(configMap('a', { x: '1', y: '2' }))).toBe('created');
    expect(await outcome(configMap('a', { x: '1', y: '2' }))).toBe('unchanged');
    await store.update(configMap('a', { x: '1', y: '2' }, { annotations: { other: 'o' } }));
    expect(await outcome(configMap('a', { x: '1' }))).toBe('configured');
    const stored = await store.get(configMapKind, 'default', 'a');
    expect(stored).toMatchObject({ data: { x: '1' }, metadata: { annotations: { other: 'o' } } });
    expect(await store.get(serviceKind, 'default', 'a')).toBeUndefined();
  });
});

test('stored objects cannot be changed by who reads them', async () => {
  const store = memory();
  const created = (await store.create(configMap('a', { x: '1' }))) as ApiObject & { data: Record<string, string> };
  expect(() => (created.data['x'] = '2')).toThrow(TypeError);
});

test('the store is bounded', async () => {
  const store = new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(1), objectsMax: 1 });
  await store.create(configMap('a'));
  await expect(store.create(configMap('b'))).rejects.toMatchObject({ code: 'FULL' });
});

test('a server that is not there is named, with what to do', async () => {
  const store = new RemoteStore({ api: { url: 'http://127.0.0.1:1' }, clock: new ManualClock() });
  await expect(store.list(configMapKind)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'no API server listens at http://127.0.0.1:1',
  });
  const gone = listener();
  store.watch(configMapKind, { resourceVersion: '1' }, gone.handlers);
  expect(await gone.until(1)).toEqual(['DISCONNECTED']);
});
