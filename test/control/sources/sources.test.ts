import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Examine } from '#api/examine';
import type { ApiObject } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { serviceKind } from '#api/kinds/service';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { DirectorySource } from '#control/sources/directory-source';
import type { SourceEvent } from '#control/sources/event';
import { StoreSource } from '#control/sources/store-source';
import { ManualClock, systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { formatProblem, type Problem } from '#foundation/problem';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';
import type { Store, WatchHandlers } from '#store/store';

const memory = (historyMax = 1000) => new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(3), historyMax });

const configMap = (name: string, data: Record<string, string> = {}) =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }) as ApiObject;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('StoreSource', () => {
  const describeEvent = (event: SourceEvent) => (event.type === 'set' ? `set ${event.object.metadata.name}` : `delete ${event.name}`);

  function follow(store: Store, clock = new ManualClock()) {
    const said: string[] = [];
    const source = new StoreSource(
      { store, kinds: [configMapKind, serviceKind], clock, random: new SeededRandom(1), logger: silentLogger },
      { events: (batch) => said.push(batch.map(describeEvent).join(', ')), synced: () => said.push('synced') },
    );
    source.start();
    return { said, source, clock };
  }

  test('gives what there is, then synced, then the changes of a turn together', async () => {
    const store = memory();
    await store.create(configMap('a'));
    const { said, source } = follow(store);
    await turn();
    await Promise.all([store.create(configMap('b')), store.update(configMap('a', { x: '1' }))]);
    await store.delete(configMapKind, 'default', 'b');
    await turn();
    await turn();
    source.stop();
    await store.create(configMap('c'));
    await turn();
    expect(said).toEqual(['set a', 'synced', 'set b, set a, delete b']);
  });

  test('lists again after a disconnection, and tells only what changed meanwhile', async () => {
    const store = memory();
    await store.create(configMap('a'));
    await store.create(configMap('b'));
    const cut: WatchHandlers['closed'][] = [];
    const flaky = Object.assign(Object.create(store) as Store, {
      watch: (...[kind, options, handlers]: Parameters<Store['watch']>) => {
        cut.push(handlers.closed);
        return store.watch(kind, options, handlers);
      },
    });
    const { said, source, clock } = follow(flaky);
    await turn();
    cut[0]?.('DISCONNECTED');
    const [, watching] = [said.splice(0), cut.length];
    await store.delete(configMapKind, 'default', 'a');
    await store.create(configMap('c'));
    await turn();
    expect(said.join(', ')).toBe('delete a, set c'); // the old watch of this test still tells
    clock.advance(10_000);
    await turn();
    expect(cut.length).toBe(watching + 1);
    expect(said).toHaveLength(1);
    source.stop();
  });

  test('lists again when the version has expired', async () => {
    const store = memory(4);
    let expire: WatchHandlers['closed'] | undefined;
    let deaf = true;
    const forgetful = Object.assign(Object.create(store) as Store, {
      watch: (...[kind, options, handlers]: Parameters<Store['watch']>) => {
        if (kind !== configMapKind || !deaf) return store.watch(kind, options, handlers);
        expire = handlers.closed;
        return { stop: () => undefined };
      },
    });
    const { said, source } = follow(forgetful);
    await turn();
    for (let i = 0; i < 9; i++) await store.create(configMap(`c${i}`));
    deaf = false;
    expire?.('EXPIRED');
    await turn();
    await turn();
    source.stop();
    expect(said).toEqual(['synced', Array.from({ length: 9 }, (_, i) => `set c${i}`).join(', ')]);
  });

  test('keeps the last good version of an object that is not sound', async () => {
    const store = memory();
    await store.create(configMap('a'));
    const { said, source } = follow(store);
    await turn();
    await store.update({ ...configMap('a'), data: { x: 1 } } as ApiObject);
    await turn();
    source.stop();
    expect(said).toEqual(['set a', 'synced']);
  });
});

describe('DirectorySource', () => {
  let directory: string;
  let store: MemoryStore;
  let source: DirectorySource;
  let reports: Problem[][];
  let reported: () => void = () => undefined;

  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  const yaml = (name: string, x: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {x: "${x}"}\n`;
  const names = async () => (await store.list(configMapKind)).items.map(({ metadata }) => metadata.name);
  /** Does something to the files, and waits for the source to have read them. */
  const onceRead = async (act: () => void) => {
    const next = new Promise<void>((resolve) => (reported = resolve));
    act();
    await next;
    return reports.at(-1)!;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'lateen-source-'));
    store = memory();
    reports = [];
    const report = (problems: readonly Problem[]) => {
      reports.push([...problems]);
      reported();
    };
    const examine: Examine = (object) =>
      (object as { data?: { x?: string } }).data?.x === 'bad'
        ? Promise.resolve([{ level: 'error', code: 'BAD', message: 'is bad', field: 'data.x' }])
        : undefined;
    source = new DirectorySource({ path: directory, store, examine, clock: systemClock, report });
  });
  afterEach(async () => {
    await source.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('creates, updates and deletes with the files, in folders too', async () => {
    write('a.yaml', `${yaml('a', '1')}---\n${yaml('b', '1')}`);
    write('notes.txt', 'not: [yaml');
    await source.start();
    expect(await names()).toEqual(['a', 'b']);
    await onceRead(() => write('a.yaml', yaml('a', '2')));
    expect(await names()).toEqual(['a']);
    expect(await store.get(configMapKind, 'default', 'a')).toMatchObject({ data: { x: '2' } });
    await onceRead(() => {
      mkdirSync(join(directory, 'more'));
      write('more/c.yml', yaml('c', '1'));
    });
    expect(await names()).toEqual(['a', 'c']);
    await onceRead(() => rmSync(join(directory, 'a.yaml')));
    expect(await names()).toEqual(['c']);
  });

  test('a broken file says where, and its last good objects stay', async () => {
    write('a.yaml', `${yaml('a', '1')}---\n${yaml('b', '1')}`);
    await source.start();
    const problems = await onceRead(() => write('a.yaml', `${yaml('a', '2')}---\ndato: [\n`));
    expect(problems.map(formatProblem).join('\n')).toContain(`${join(directory, 'a.yaml')}:7:1`);
    expect(await names()).toEqual(['a', 'b']);
    expect(await store.get(configMapKind, 'default', 'a')).toMatchObject({ data: { x: '2' } });
    expect(await onceRead(() => write('a.yaml', yaml('a', '3')))).toEqual([]);
    expect(await names()).toEqual(['a']);
  });

  test('what does not pass its examination is told, and its last good version stays', async () => {
    write('a.yaml', yaml('a', '1'));
    await source.start();
    const problems = await onceRead(() => write('a.yaml', `${yaml('a', 'bad')}---\n${yaml('b', '2')}`));
    expect(problems.map(({ code, field }) => `${code} ${field}`)).toEqual(['BAD data.x']);
    expect(await names()).toEqual(['a', 'b']);
    expect(await store.get(configMapKind, 'default', 'a')).toMatchObject({ data: { x: '1' } });
  });

  test('does not delete what others have applied since, and refuses what two files declare', async () => {
    write('a.yaml', yaml('a', '1'));
    await source.start();
    const problems = await onceRead(() => write('b.yaml', yaml('a', '2')));
    expect(problems.map(({ code }) => code)).toEqual(['DUPLICATE_OBJECT']);
    await store.update({ ...configMap('a', { x: '9' }), metadata: { name: 'a', namespace: 'default', annotations: {} } });
    await onceRead(() => rmSync(join(directory, 'a.yaml')));
    expect(await store.get(configMapKind, 'default', 'a')).toMatchObject({ data: { x: '9' } });
  });

  test('says that a path is not there', async () => {
    const lost = new DirectorySource({ path: join(directory, 'none'), store, clock: systemClock, report: () => undefined });
    await expect(lost.start()).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
    expect(await store.list(virtualServiceKind)).toMatchObject({ items: [] });
  });
});
