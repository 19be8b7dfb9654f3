// The Store in memory: the whole state of one machine's mesh. What it holds is frozen and shared, never copied. With a journal it is
// durable: a write is seen, and acknowledged, when the journal has it.
import { isDeepStrictEqual } from 'node:util';
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { kindOf } from '#api/registry';
import type { Clock } from '#foundation/clock';
import { formatProblem, type Problem } from '#foundation/problem';
import type { Random } from '#foundation/random';
import { uuid } from '#foundation/uuid';
import { deepFrozen } from './frozen.ts';
import { GroupCommit } from './group-commit.ts';
import { WatchHistory } from './history.ts';
import { type Change, type Journal, objectKey, type Recovered } from './journal.ts';
import { selection } from './selector.ts';
import type { DeleteOptions, ListOptions, ObjectList, Store, Watch, WatchHandlers } from './store.ts';
import { StoreError } from './store-error.ts';

/** What is stored at this moment, to be read within one turn. An admission check sees the state before the write. */
export interface StoreView {
  get(kind: Kind, namespace: string, name: string): ApiObject | undefined;
  /** In no order. */
  all(kind: Kind): Iterable<ApiObject>;
}

/** Of the problem of an object in a namespace that does not exist. */
export const namespaceMissingCode = 'NAMESPACE_NOT_FOUND';

/** Called before an object is created or updated; any error among the problems refuses the write. */
export type Admit = (object: ApiObject, view: StoreView) => Problem[];

export interface MemoryStoreOptions {
  clock: Clock;
  /** For uids. */
  random: Random;
  admit?: Admit;
  objectsMax?: number;
  /** Changes kept for watches that begin in the past. */
  historyMax?: number;
  journal?: Journal;
  /** What it may hold; the kinds of the registry when left out. */
  kindOf?: (apiVersion: string, kind: string) => Kind | undefined;
  /** Fills in what a new object, or a new state of one, leaves to the platform. */
  complete?: (object: ApiObject, view: StoreView) => ApiObject;
  /** Seconds that an object may want to end, once it is to be deleted: whoever runs it then deletes it for good. None when left out. */
  gracePeriodOf?: (object: ApiObject) => number;
}

type WithStatus = ApiObject & { status?: unknown };

export class MemoryStore implements Store {
  /** By group and kind, then by namespace and name. */
  private readonly tables = new Map<string, Map<string, ApiObject>>();
  private readonly history: WatchHistory;
  private readonly objectsMax: number;
  private readonly group: GroupCommit | undefined;
  /** Of the last write that was staged; and of the last one that is published. */
  private version: number;
  private published: number;
  private count = 0;

  constructor(private readonly options: MemoryStoreOptions) {
    const { journal, historyMax = 10_000, objectsMax = 100_000 } = options;
    const recovered = journal?.recover();
    this.version = this.published = recovered?.version ?? 1;
    this.history = new WatchHistory(historyMax, (recovered?.changes[0]?.version ?? this.version + 1) - 1);
    this.objectsMax = objectsMax;
    if (!journal || !recovered) return;
    this.recover(recovered);
    this.group = new GroupCommit(
      journal,
      (_, change) => this.publish(change),
      () => (this.count = this.countPublished()),
    );
  }

  /** What is of no kind any more, since its definition has gone, stays in the journal and is not served. */
  private recover({ objects, changes }: Recovered): void {
    for (const object of objects) {
      const kind = this.kindNamed(object);
      if (kind) this.table(kind).set(keyOf(object.metadata), deepFrozen(object));
    }
    for (const change of changes) {
      const kind = this.kindNamed(change.object);
      if (kind) this.history.record({ ...deepFrozen(change), kind });
    }
    this.count = this.countPublished();
  }

  async get(kind: Kind, namespace: string, name: string): Promise<ApiObject | undefined> {
    return this.find(kind, namespace, name);
  }

  async list(kind: Kind, options: ListOptions = {}): Promise<ObjectList> {
    const selects = selection(options);
    const items = [...this.table(kind)].filter(([, object]) => selects(object)).sort(([a], [b]) => compare(a, b));
    return { items: items.map(([, object]) => object), resourceVersion: `${this.published}` };
  }

  watch(kind: Kind, options: ListOptions & { resourceVersion: string }, handlers: WatchHandlers): Watch {
    return this.history.watch(kind, options, handlers);
  }

  async create(object: ApiObject): Promise<ApiObject> {
    const kind = this.kindOfObject(object);
    const { namespace = '', name } = object.metadata;
    if (this.newest(kind, namespace, name)) throw alreadyExists(kind, name);
    if (this.count >= this.objectsMax) throw new StoreError('FULL', `the store holds ${this.count} objects, and no more are allowed`);
    const { resourceVersion: _, ...metadata } = object.metadata;
    const given = { uid: uuid(this.options.random), generation: 1, creationTimestamp: this.timestamp() };
    const created = this.completed({ ...object, metadata: { ...metadata, ...given } });
    this.admit(created);
    return this.commit(kind, undefined, created);
  }

  async update(object: ApiObject): Promise<ApiObject> {
    const { kind, stored } = this.storedOf(object);
    const { status } = stored as WithStatus;
    const { status: _, ...rest } = this.completed(object) as WithStatus;
    const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation = 1, resourceVersion } = stored.metadata;
    const sameSpec = isDeepStrictEqual(withoutMetadata(rest), withoutMetadata(stored));
    const kept = {
      uid,
      creationTimestamp,
      generation: sameSpec ? generation : generation + 1,
      resourceVersion,
      ...(deletionTimestamp && { deletionTimestamp }),
      ...(deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds }),
    };
    const updated = { ...rest, metadata: { ...object.metadata, ...kept }, ...(status !== undefined && { status }) } as ApiObject;
    if (isDeepStrictEqual(updated, stored)) return stored;
    // The last finalizer has gone: what waited for it goes as well.
    const isOver = deletionTimestamp && !deletionGracePeriodSeconds && (updated.metadata.finalizers?.length ?? 0) === 0;
    if (isOver) return this.commit(kind, stored, updated, true);
    this.admit(updated);
    return this.commit(kind, stored, updated);
  }

  async updateStatus(object: ApiObject): Promise<ApiObject> {
    const { kind, stored } = this.storedOf(object);
    const { status } = object as WithStatus;
    if (isDeepStrictEqual(status, (stored as WithStatus).status)) return stored;
    return this.commit(kind, stored, { ...stored, status } as ApiObject);
  }

  async delete(kind: Kind, namespace: string, name: string, { gracePeriodSeconds }: DeleteOptions = {}): Promise<ApiObject> {
    const stored = this.newest(kind, namespace, name);
    if (!stored) throw notFound(kind, namespace, name);
    const { finalizers = [], deletionTimestamp, deletionGracePeriodSeconds: granted = Number.POSITIVE_INFINITY } = stored.metadata;
    const own = this.options.gracePeriodOf?.(stored) ?? 0;
    const grace = own === 0 ? 0 : Math.max(0, gracePeriodSeconds ?? own);
    if (grace === 0 && finalizers.length === 0) return this.commit(kind, stored, stored, true);
    // Who asks again may shorten it.
    if (deletionTimestamp !== undefined && (gracePeriodSeconds === undefined || grace >= granted)) return stored;
    const marks = { deletionTimestamp: this.timestamp(grace), deletionGracePeriodSeconds: grace };
    return this.commit(kind, stored, { ...stored, metadata: { ...stored.metadata, ...marks } });
  }

  view(): StoreView {
    return { get: (kind, namespace, name) => this.find(kind, namespace, name), all: (kind) => this.table(kind).values() };
  }

  private completed(object: ApiObject): ApiObject {
    return this.options.complete?.(object, this.view()) ?? object;
  }

  private timestamp(inSeconds = 0): string {
    return `${new Date(this.options.clock.wallMs() + inSeconds * 1000).toISOString().slice(0, 19)}Z`;
  }

  private admit(object: ApiObject): void {
    const problems = this.options.admit?.(object, this.view()).filter(({ level }) => level === 'error') ?? [];
    const [first] = problems;
    if (first?.code === namespaceMissingCode)
      throw new StoreError('NOT_FOUND', `namespaces "${object.metadata.namespace}" not found`, { problems });
    if (first) throw new StoreError('INVALID', formatProblem(first), { problems });
  }

  /** The object that is about to be replaced; its version must be the one that the writer saw, if it says which. */
  private storedOf(object: ApiObject): { kind: Kind; stored: ApiObject } {
    const kind = this.kindOfObject(object);
    const { namespace = '', name, resourceVersion, uid } = object.metadata;
    const stored = this.newest(kind, namespace, name);
    if (!stored) throw notFound(kind, namespace, name);
    const stale = resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion;
    if (stale || (uid !== undefined && uid !== stored.metadata.uid)) {
      const what = `${kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`} "${name}"`;
      throw new StoreError(
        'CONFLICT',
        `Operation cannot be fulfilled on ${what}: the object has been modified; please apply your changes to the latest version and try again`,
      );
    }
    return { kind, stored };
  }

  private commit(kind: Kind, previous: ApiObject | undefined, object: ApiObject, deleted = false): ApiObject | Promise<ApiObject> {
    this.version++;
    const stored = deepFrozen({ ...object, metadata: { ...object.metadata, resourceVersion: `${this.version}` } });
    if (!previous) this.count++;
    if (deleted) this.count--;
    const change: Change = { version: this.version, previous, object: stored, deleted };
    if (this.group) return this.group.commit(objectKey(kind, stored.metadata), change);
    this.publish(change);
    return stored;
  }

  private publish({ version, previous, object, deleted }: Change): void {
    const kind = this.kindOfObject(object);
    const table = this.table(kind);
    if (deleted) table.delete(keyOf(object.metadata));
    else table.set(keyOf(object.metadata), object);
    this.published = version;
    this.history.record({ kind, version, previous, object, deleted });
  }

  private countPublished(): number {
    return [...this.tables.values()].reduce((sum, table) => sum + table.size, 0);
  }

  /** What a write builds on: it may not be durable yet. */
  private newest(kind: Kind, namespace: string, name: string): ApiObject | undefined {
    const staged = this.group?.staged(objectKey(kind, { namespace, name }));
    return staged ? staged.object : this.find(kind, namespace, name);
  }

  private kindNamed({ apiVersion, kind }: ApiObject): Kind | undefined {
    return (this.options.kindOf ?? kindOf)(apiVersion, kind);
  }

  private kindOfObject(object: ApiObject): Kind {
    const kind = this.kindNamed(object);
    if (!kind) throw new StoreError('INVALID', `unknown kind ${object.kind} in ${object.apiVersion}`);
    if (kind.namespaced && !object.metadata.namespace) throw new StoreError('INVALID', `${describe(object)} names no namespace`);
    return kind;
  }

  private find(kind: Kind, namespace: string, name: string): ApiObject | undefined {
    return this.table(kind).get(keyOf({ namespace, name }));
  }

  private table(kind: Kind): Map<string, ApiObject> {
    const key = `${kind.group}/${kind.kind}`;
    let table = this.tables.get(key);
    if (!table) this.tables.set(key, (table = new Map()));
    return table;
  }
}

function withoutMetadata(object: object): object {
  const { metadata: _, status: __, ...rest } = object as WithStatus;
  return rest;
}

const describe = (object: ApiObject) => `${object.kind} ${keyOf(object.metadata)}`;

/** In the words of Kubernetes. */
export function alreadyExists({ plural, group }: Kind, name: string): StoreError {
  return new StoreError('ALREADY_EXISTS', `${group === '' ? plural : `${plural}.${group}`} "${name}" already exists`);
}

function notFound(kind: Kind, namespace: string, name: string): StoreError {
  return new StoreError('NOT_FOUND', `${kind.kind} ${keyOf({ namespace, name })} does not exist`);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
