// Keeps a Store in step with a file or a directory of YAML: what is in the files is created and updated, what vanishes
// from them is deleted. A broken file deletes nothing: the last good objects of it stay.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type FSWatcher, watch } from 'chokidar';
import type { Examine } from '#api/examine';
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { readManifest } from '#api/manifest';
import { originOf } from '#api/origin';
import { kindOf, kinds } from '#api/registry';
import type { Clock, Timer } from '#foundation/clock';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';
import { applyObject } from '#store/apply';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';

export interface DirectorySourceOptions {
  /** A file, or a directory that is read with all of its directories. */
  path: string;
  store: Store;
  examine?: Examine;
  clock: Clock;
  /** Called after files were read: with what is wrong in them, nothing if all is well. */
  report: (problems: readonly Problem[]) => void;
}

/** An object that a file declared and the store took. */
interface Held {
  kind: Kind;
  namespace: string;
  name: string;
}

// Editors write in several steps; a file is read when it has been left alone for so long. Above the 50 ms in which
// chokidar drops a second change of a file: what it dropped is there when the file is read.
const settleMs = 80;
const manifestName = /\.(ya?ml|json)$/i;

export class DirectorySource {
  private readonly held = new Map<string, Map<string, Held>>();
  private readonly dirty = new Set<string>();
  private watcher: FSWatcher | undefined;
  private timer: Timer | undefined;
  private work: Promise<void> = Promise.resolve();
  private ready = false;

  constructor(private readonly options: DirectorySourceOptions) {}

  /** Resolves when what is there has been applied. Throws MeshError PATH_NOT_FOUND. */
  async start(): Promise<void> {
    const { path } = this.options;
    if (!existsSync(path)) throw new MeshError('PATH_NOT_FOUND', `${path} does not exist`);
    const watcher = watch(path, { ignored: (file, stats) => stats?.isFile() === true && !manifestName.test(file) });
    this.watcher = watcher;
    for (const event of ['add', 'change', 'unlink'] as const) watcher.on(event, (file) => this.touch(file));
    watcher.on('error', (error) => this.options.report([unreadable(path, error)]));
    await new Promise<void>((resolve) => watcher.once('ready', resolve));
    this.ready = true;
    await this.settle();
  }

  /** Objects stay in the store. */
  async stop(): Promise<void> {
    this.ready = false;
    this.timer?.cancel();
    await this.watcher?.close();
    await this.work;
  }

  private touch(file: string): void {
    this.dirty.add(file);
    if (!this.ready) return;
    this.timer?.cancel();
    this.timer = this.options.clock.after(settleMs, () => void this.settle());
  }

  /** One round after the other, so that a file's later state is never overtaken by an earlier one. */
  private settle(): Promise<void> {
    this.work = this.work.then(async () => {
      const files = [...this.dirty].sort();
      this.dirty.clear();
      if (files.length > 0) this.options.report(await this.take(files));
    });
    return this.work;
  }

  private async take(files: readonly string[]): Promise<Problem[]> {
    const problems: Problem[] = [];
    const declared: { file: string; object: ApiObject; kind: Kind }[] = [];
    const vanished: { file: string; held: Held }[] = [];
    for (const file of files) {
      const manifest = await this.read(file);
      problems.push(...manifest.problems);
      for (const object of manifest.objects) {
        const kind = kindOf(object.apiVersion, object.kind);
        if (kind) declared.push({ file, object, kind });
      }
      if (manifest.problems.some(({ level }) => level === 'error')) continue;
      const keys = new Set(manifest.objects.map(idOf));
      for (const [id, held] of this.held.get(file) ?? []) if (!keys.has(id)) vanished.push({ file, held });
    }
    declared.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
    for (const { file, object, kind } of declared) problems.push(...(await this.apply(file, object, kind)));
    for (const { file, held } of vanished) problems.push(...(await this.remove(file, held)));
    return problems;
  }

  private async read(file: string): Promise<{ objects: ApiObject[]; problems: Problem[] }> {
    try {
      return readManifest(await readFile(file, 'utf8'), file);
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      return { objects: [], problems: gone ? [] : [unreadable(file, error)] };
    }
  }

  private async apply(file: string, object: ApiObject, kind: Kind): Promise<Problem[]> {
    const id = idOf(object);
    const other = [...this.held].find(([holder, objects]) => holder !== file && objects.has(id));
    if (other && existsSync(other[0]))
      return [problemOf(object, 'DUPLICATE_OBJECT', `is declared in ${other[0]} already`, 'keep one of them')];
    const found = (await this.options.examine?.(object)) ?? [];
    if (found.some(({ level }) => level === 'error')) return [...found];
    try {
      await applyObject(this.options.store, kind, object);
    } catch (error) {
      return [problemOf(object, error instanceof StoreError ? error.code : 'STORE', messageOf(error))];
    }
    let objects = this.held.get(file);
    if (!objects) this.held.set(file, (objects = new Map()));
    const { namespace = '', name } = object.metadata;
    objects.set(id, { kind, namespace, name });
    return [...found];
  }

  /** Only what is still ours: an object that was applied from elsewhere since then stays. */
  private async remove(file: string, { kind, namespace, name }: Held): Promise<Problem[]> {
    const { store } = this.options;
    this.held.get(file)?.delete(idOf({ kind: kind.kind, metadata: { namespace, name } }));
    try {
      const stored = await store.get(kind, namespace, name);
      if (stored && originOf(stored)?.file === file) await store.delete(kind, namespace, name);
      return [];
    } catch (error) {
      if (error instanceof StoreError && error.code === 'NOT_FOUND') return [];
      return [{ level: 'error', code: 'STORE', message: messageOf(error), object: `${kind.kind} ${keyOf({ namespace, name })}` }];
    }
  }
}

function idOf({ kind, metadata }: Pick<ApiObject, 'kind' | 'metadata'>): string {
  return `${kind} ${keyOf(metadata)}`;
}

function problemOf(object: ApiObject, code: string, message: string, hint?: string): Problem {
  const origin = originOf(object);
  return { level: 'error', code, message, object: idOf(object), ...(hint && { hint }), ...(origin && { origin }) };
}

function unreadable(file: string, error: unknown): Problem {
  return { level: 'error', code: 'UNREADABLE', message: `cannot be read: ${messageOf(error)}`, origin: { file, line: 1 } };
}
