// The journal on LMDB: objects by name, and the last changes by version, in one transaction a group. The data carry the number of their
// format; a folder belongs to one process at a time.
import { mkdirSync, statfsSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { ApiObject } from '#api/kind';
import { parseApiVersion } from '#api/registry';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { type Change, type Journal, objectKey, type Recovered } from './journal.ts';
import { StoreError } from './store-error.ts';

/** Of the layout below: raise it with the layout, and add the step that brings the old one here to `migrations`. */
export const dataFormat = 1;

/** Brings data of a format to the next one, inside of one transaction. */
export type Migration = (tables: Tables) => void;

export interface Tables {
  objects: Database<string, string>;
  changes: Database<string, number>;
  meta: Database<string, string>;
}

export interface LmdbJournalOptions {
  /** Made where it is not there. */
  directory: string;
  /** Changes kept for watches that resume. */
  historyMax?: number;
  /** By the format that they begin from. */
  migrations?: Readonly<Record<number, Migration>>;
}

export class LmdbJournal implements Journal {
  private kept = 0;
  /** Set by an error that leaves the state of the file in doubt: nothing is written after it. */
  private broken: StoreError | undefined;

  private constructor(
    private readonly options: LmdbJournalOptions,
    private readonly root: RootDatabase,
    private readonly tables: Tables,
    private readonly lock: Server,
  ) {}

  /** Throws MeshError DATA_IN_USE or DATA_FORMAT. */
  static async open(options: LmdbJournalOptions): Promise<LmdbJournal> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const lock = await lockDirectory(options.directory);
    try {
      const root = openEnvironment(options.directory);
      const tables = openTables(root);
      migrate(root, tables, options);
      return new LmdbJournal(options, root, tables, lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  recover(): Recovered {
    const objects = [...this.tables.objects.getRange()].map(({ value }) => JSON.parse(value) as ApiObject);
    const changes = [...this.tables.changes.getRange()].map(({ value }) => JSON.parse(value) as Change);
    this.kept = changes.length;
    return { objects, changes, version: Number(this.tables.meta.get('version') ?? 1) };
  }

  append(changes: readonly Change[]): void {
    if (this.broken) throw this.broken;
    try {
      this.root.transactionSync(() => this.write(changes));
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Makes this the whole content, as of `version`. */
  replace(objects: ReadonlyMap<string, ApiObject>, version: number): void {
    this.root.transactionSync(() => {
      this.tables.objects.clearSync();
      this.tables.changes.clearSync();
      for (const [key, object] of objects) this.tables.objects.putSync(key, JSON.stringify(object));
      this.tables.meta.putSync('version', `${version}`);
    });
  }

  /** Of `directory` no more is held. */
  async close(): Promise<void> {
    await this.root.close();
    await new Promise((resolve) => this.lock.close(resolve));
  }

  private write(changes: readonly Change[]): void {
    const { objects, changes: history, meta } = this.tables;
    for (const change of changes) {
      const key = keyOfObject(change.object);
      if (change.deleted) objects.removeSync(key);
      else objects.putSync(key, JSON.stringify(change.object));
      history.putSync(change.version, JSON.stringify(change));
    }
    this.kept += changes.length;
    const surplus = this.kept - (this.options.historyMax ?? 10_000);
    if (surplus > 0) {
      for (const version of [...history.getKeys({ limit: surplus })]) history.removeSync(version);
      this.kept -= surplus;
    }
    meta.putSync('version', `${changes.at(-1)?.version ?? 1}`);
  }

  /** A full disk is said, and passes; after anything else the file may not be what we take it for. */
  private failed(cause: unknown): StoreError {
    const text = messageOf(cause);
    if (/MDB_MAP_FULL|ENOSPC|No space left/i.test(text) || (isShortWrite(cause) && !hasRoom(this.options.directory))) {
      return new StoreError('FULL', `the disk of ${this.options.directory} is full: nothing was written`, {
        cause,
        hint: 'make room; reads go on, and writes do when there is room again',
      });
    }
    this.broken = new StoreError('UNAVAILABLE', `the data in ${this.options.directory} cannot be written: ${text}`, {
      cause,
      hint: 'end Lateen, check the disk, and start it again; "lateen restore" takes a backup',
    });
    return this.broken;
  }
}

export function keyOfObject({ apiVersion, kind, metadata }: ApiObject): string {
  return objectKey({ group: parseApiVersion(apiVersion).group, kind }, metadata);
}

/** With these settings a transaction that has returned is on the disk. */
export function openEnvironment(directory: string, readOnly = false): RootDatabase {
  return open({
    path: path.join(directory, 'store'),
    maxDbs: 4,
    overlappingSync: false,
    eventTurnBatching: false,
    readOnly,
    encoding: 'string',
  });
}

export function openTables(root: RootDatabase): Tables {
  return {
    objects: root.openDB<string, string>({ name: 'objects', encoding: 'string' }),
    changes: root.openDB<string, number>({ name: 'changes', encoding: 'string' }),
    meta: root.openDB<string, string>({ name: 'meta', encoding: 'string' }),
  };
}

function migrate(root: RootDatabase, tables: Tables, { directory, migrations = {} }: LmdbJournalOptions): void {
  root.transactionSync(() => {
    for (let format = Number(tables.meta.get('format') ?? dataFormat); format !== dataFormat; format++) {
      const step = migrations[format];
      if (!step) {
        throw new MeshError('DATA_FORMAT', `the data in ${directory} have format ${format}; this Lateen reads format ${dataFormat}`, {
          hint: 'use the Lateen that wrote them, or name another folder with --data',
        });
      }
      step(tables);
    }
    tables.meta.putSync('format', `${dataFormat}`);
  });
}

/** A socket in the kernel's abstract namespace: it goes with its process, however that ends. */
function lockDirectory(directory: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new MeshError('DATA_IN_USE', `${directory} is in use by another Lateen`, { cause, hint: 'end that one, or name another --data' }),
      ),
    );
    server.listen(`\0lateen-data:${path.resolve(directory)}`, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** The disk took a part of a page, and LMDB calls that an input/output error. The transaction has not happened. */
const isShortWrite = (cause: unknown) => (cause as { code?: unknown }).code === os.constants.errno.EIO;

/** Less than this is what a write of many pages may not find in one piece. */
const roomBytesMin = 1024 * 1024;

function hasRoom(directory: string): boolean {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize >= roomBytesMin;
}
