// What is acknowledged survives: kill -9 of a process that writes, a restart, a backup and its return.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { backUp, restore } from '#store/backup';
import type { Journal } from '#store/journal';
import { LmdbJournal, openEnvironment, openTables } from '#store/lmdb-journal';
import { MemoryStore } from '#store/memory-store';
import type { WatchEvent } from '#store/store';
import { StoreError } from '#store/store-error';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** `npm run test:crash` kills more often, and each time in the middle of more writes. */
const killsMax = Number(process.env['LATEEN_KILLS'] ?? 10);
const writesMax = killsMax > 10 ? 10_000 : 400;

let directory: string;
const opened = new Set<LmdbJournal>();

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-store-'));
});
afterEach(async () => {
  for (const journal of opened) await close(journal);
  rmSync(directory, { recursive: true, force: true });
});

async function close(journal: LmdbJournal): Promise<void> {
  opened.delete(journal);
  await journal.close();
}

async function open(options: { historyMax?: number } = {}) {
  const journal = await LmdbJournal.open({ directory, ...options });
  opened.add(journal);
  return { journal, store: new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(3), journal }) };
}

const configMap = (name: string, data: Record<string, string> = {}) =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }) as ApiObject;

const names = async (store: MemoryStore) => (await store.list(configMapKind)).items.map(({ metadata }) => metadata.name);

test('what was written is there after a restart, with its versions; what was deleted is not', async () => {
  const first = await open();
  await first.store.create(configMap('a'));
  const changed = await first.store.update(configMap('a', { x: '1' }));
  await first.store.create(configMap('b'));
  await first.store.delete(configMapKind, 'default', 'b');
  const { resourceVersion } = await first.store.list(configMapKind);
  await close(first.journal);
  const second = await open();
  expect(await second.store.list(configMapKind)).toEqual({ items: [changed], resourceVersion });
  const next = await second.store.create(configMap('c'));
  expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(resourceVersion));
});

test('writes of one turn build on one another, and are refused as they would be one by one', async () => {
  const { store } = await open();
  const outcomes = await Promise.allSettled([
    store.create(configMap('a')),
    store.create(configMap('a')),
    store.update(configMap('a', { x: '1' })),
    store.delete(configMapKind, 'default', 'a'),
    store.delete(configMapKind, 'default', 'a'),
    store.create(configMap('a')),
  ]);
  const code = (outcome: PromiseSettledResult<unknown>) => (outcome.status === 'rejected' ? (outcome.reason as StoreError).code : 'ok');
  expect(outcomes.map(code)).toEqual(['ok', 'ALREADY_EXISTS', 'ok', 'ok', 'NOT_FOUND', 'ok']);
  expect(await names(store)).toEqual(['a']);
});

test('a watch resumes after a restart, and lists again where its version is forgotten', async () => {
  const first = await open({ historyMax: 10 });
  const { metadata } = await first.store.create(configMap('a'));
  await first.store.create(configMap('b'));
  await close(first.journal);
  const second = await open({ historyMax: 10 });
  const heard = (store: MemoryStore, resourceVersion: string) =>
    new Promise<string>((resolve) =>
      store.watch(
        configMapKind,
        { resourceVersion },
        {
          event: (event: WatchEvent) => event.type !== 'BOOKMARK' && resolve(`${event.type} ${event.object.metadata.name}`),
          closed: resolve,
        },
      ),
    );
  expect(await heard(second.store, metadata.resourceVersion!)).toBe('ADDED b');
  for (let i = 0; i < 20; i++) await second.store.create(configMap(`c${i}`));
  await close(second.journal);
  const third = await open({ historyMax: 10 });
  expect(await heard(third.store, metadata.resourceVersion!)).toBe('EXPIRED');
});

test('what is of a kind that nobody knows any more does not hinder a restart', async () => {
  const first = await open();
  await first.store.create(configMap('a'));
  await close(first.journal);
  const journal = await LmdbJournal.open({ directory });
  opened.add(journal);
  const odd = { ...configMap('x'), kind: 'CronTab', apiVersion: 'stable.example.com/v1' };
  journal.append([{ version: 50, previous: undefined, object: odd, deleted: false }]);
  const store = new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(3), journal });
  expect(await names(store)).toEqual(['a']);
  expect((await store.create(configMap('b'))).metadata.resourceVersion).toBe('51');
});

test('a group that the disk does not take has not happened, and the next one does', async () => {
  let full = false;
  const journal: Journal = {
    recover: () => ({ objects: [], changes: [], version: 1 }),
    append: () => {
      if (full) throw new StoreError('FULL', 'the disk is full');
    },
  };
  const store = new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(3), journal });
  await store.create(configMap('a'));
  full = true;
  await expect(store.create(configMap('b'))).rejects.toMatchObject({ code: 'FULL' });
  await expect(store.update(configMap('a', { x: '1' }))).rejects.toMatchObject({ code: 'FULL' });
  expect(await names(store)).toEqual(['a']);
  full = false;
  await store.create(configMap('b'));
  expect(await names(store)).toEqual(['a', 'b']);
});

describe('the data', () => {
  test('belong to one process at a time', async () => {
    await open();
    await expect(LmdbJournal.open({ directory })).rejects.toMatchObject({ code: 'DATA_IN_USE' });
  });

  test('of an unknown format are left alone, of an older one are migrated', async () => {
    const { journal, store } = await open();
    await store.create(configMap('a'));
    journal.replace(new Map([['/ConfigMap/default/a', configMap('a')]]), 7);
    await close(journal);
    const setFormat = async (format: number) => {
      const root = openEnvironment(directory);
      openTables(root).meta.putSync('format', `${format}`);
      await root.close();
    };
    await setFormat(0);
    await expect(LmdbJournal.open({ directory })).rejects.toMatchObject({ code: 'DATA_FORMAT' });
    const migrated = await LmdbJournal.open({
      directory,
      migrations: { 0: ({ objects }) => objects.putSync('/ConfigMap/default/b', JSON.stringify(configMap('b'))) },
    });
    opened.add(migrated);
    expect(migrated.recover().objects.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    await close(migrated);
    await setFormat(99);
    await expect(LmdbJournal.open({ directory })).rejects.toMatchObject({ code: 'DATA_FORMAT' });
  });
});

describe('a backup', () => {
  test('is taken while the store is in use, and comes back whole into an empty folder', async () => {
    const { store } = await open();
    for (let i = 0; i < 50; i++) await store.create(configMap(`c${i}`));
    const file = path.join(directory, 'backup');
    expect(await backUp(directory, file)).toBe(50);
    const elsewhere = path.join(directory, 'elsewhere');
    mkdirSync(elsewhere);
    expect(await restore(file, elsewhere)).toBe(50);
    await expect(restore(file, elsewhere)).rejects.toMatchObject({ code: 'DATA_EXISTS' });
    const journal = await LmdbJournal.open({ directory: elsewhere });
    opened.add(journal);
    expect(journal.recover().objects).toEqual(
      (await store.list(configMapKind)).items.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    );
  });

  const damage: readonly (readonly [string, (text: string) => string])[] = [
    ['cut short', (text) => text.slice(0, text.length / 2)],
    ['changed', (text) => text.replace('ConfigMap', 'ConfigMop')],
    ['something else', () => 'apiVersion: v1'],
    ['empty', () => ''],
  ];
  test.each(damage)('that is %s is refused', async (_, damaged) => {
    const { store } = await open();
    await store.create(configMap('a'));
    const file = path.join(directory, 'backup');
    await backUp(directory, file);
    writeFileSync(file, damaged(readFileSync(file, 'utf8')));
    await expect(restore(file, path.join(directory, 'elsewhere'))).rejects.toMatchObject({ code: 'BACKUP_BROKEN' });
  });

  test('of a folder without data is refused', async () => {
    await expect(backUp(path.join(directory, 'none'), path.join(directory, 'file'))).rejects.toMatchObject({ code: 'NO_DATA' });
  });
});

describe('a full disk', () => {
  let disk: string | undefined;
  afterEach(() => {
    if (disk !== undefined) spawnSync('/bin/umount', ['--lazy', disk]);
    disk = undefined;
  });

  test('refuses writes by name, and reads go on; with room again writes do as well', async (context) => {
    const mounted = path.join(directory, 'disk');
    mkdirSync(mounted);
    const mount = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mounted]);
    if (mount.status !== 0) return context.skip('a small disk can be mounted by root alone');
    disk = mounted;
    const ballast = path.join(mounted, 'ballast');
    writeFileSync(ballast, Buffer.alloc(1024 * 1024));
    const journal = await LmdbJournal.open({ directory: path.join(mounted, 'data') });
    opened.add(journal);
    const store = new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(3), journal });
    const text = 'x'.repeat(50_000);
    let refused: unknown;
    let count = 0;
    for (; refused === undefined && count < 1_000; count++)
      await store.create(configMap(`c${count}`, { text })).catch((error) => (refused = error));
    expect(refused).toMatchObject({ code: 'FULL', message: expect.stringContaining('is full: nothing was written') });
    expect((await names(store)).length).toBe(count - 1);
    await expect(store.create(configMap('more', { text }))).rejects.toMatchObject({ code: 'FULL' });
    rmSync(ballast);
    await store.create(configMap('more', { text }));
    await close(journal);
    const again = await LmdbJournal.open({ directory: path.join(mounted, 'data') });
    opened.add(again);
    expect(again.recover().objects).toHaveLength(count);
    await close(again);
  });
});

describe('a torn write', () => {
  const sectorBytes = 512;
  const images = 40;

  /** What the disk holds where power fails in the middle of `after`: some of its sectors, in any order, over what was there before. */
  function torn(before: Buffer, after: Buffer, random: SeededRandom, isWritten: (at: number) => boolean): Buffer {
    const image = Buffer.alloc(after.length);
    before.copy(image);
    for (let at = 0; at < after.length; at += sectorBytes) {
      if (isWritten(at) && random.next() < 0.5) after.copy(image, at, at, at + sectorBytes);
    }
    return image;
  }

  test(`of ${images} kinds: what was acknowledged before is there, whole, and the store goes on`, async () => {
    const random = new SeededRandom(11);
    const { journal, store } = await open();
    for (let i = 0; i < 50; i++) await store.create(configMap(`c${i}`, { text: `${i}`.repeat(300) }));
    const file = path.join(directory, 'store', 'data.mdb');
    const before = readFileSync(file);
    const acknowledged = (await store.list(configMapKind)).items;
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.update(configMap(`c${i}`, { text: 'changed'.repeat(200) }))));
    const after = readFileSync(file);
    await close(journal);
    // The first two pages say which tree counts: LMDB writes one of them when everything else is on the disk, in one sector.
    const magic = Buffer.from([0xde, 0xc0, 0xef, 0xbe]);
    const pageBytes = after.indexOf(magic, after.indexOf(magic) + 1) - after.indexOf(magic);
    for (let i = 0; i < images; i++) {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(path.dirname(file), { recursive: true });
      const image = torn(before, after, random, (at) => at >= 2 * pageBytes);
      expect(image.equals(before.subarray(0, image.length))).toBe(false);
      writeFileSync(file, image);
      const again = await open();
      expect((await again.store.list(configMapKind)).items).toEqual(acknowledged);
      await again.store.create(configMap('more'));
      await close(again.journal);
    }
  });
});

describe('kill -9', () => {
  // Below node_modules, where the program finds LMDB.
  const programs = path.join(root, 'node_modules', '.cache', `lateen-writer-${process.pid}`);

  beforeAll(async () => {
    await build({
      cwd: root,
      input: path.join(root, 'test/store/writer.ts'),
      platform: 'node',
      external: ['lmdb'],
      logLevel: 'silent',
      output: { dir: programs, format: 'esm', entryFileNames: 'writer.mjs' },
    });
  });
  afterAll(() => rmSync(programs, { recursive: true, force: true }));

  /** Runs the writer until it has acknowledged `count` writes, kills it, and gives all that it acknowledged. */
  function writeAndKill(prefix: string, count: number): Promise<string[]> {
    const child = spawn(process.execPath, [path.join(programs, 'writer.mjs'), directory, prefix], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      if (output.split('\n').length > count) child.kill('SIGKILL');
    });
    // Its last line may be cut in the middle.
    return new Promise((resolve) => child.once('close', () => resolve(output.split('\n').slice(0, -1))));
  }

  test(`in the middle of writes, ${killsMax} times: every acknowledged one is there, and none half`, async () => {
    const random = new SeededRandom(11);
    const acknowledged: string[] = [];
    for (let kill = 0; kill < killsMax; kill++)
      acknowledged.push(...(await writeAndKill(`k${kill}`, 20 + Math.floor(random.next() * writesMax))));
    const { store } = await open();
    const { items } = await store.list(configMapKind);
    const there = new Set(items.map(({ metadata }) => metadata.name));
    expect(acknowledged.filter((name) => !there.has(name))).toEqual([]);
    expect(items.filter((object) => (object as ApiObject & { data: { text: string } }).data.text.length !== 500)).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(killsMax * 20);
  }, 600_000);
});
