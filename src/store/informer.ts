// Follows all objects of one kind: lists, watches, and lists again whenever the watch ends; whoever listens sees only
// what really changed. Kubernetes' clients call this so.
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import type { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import { messageOf } from '#foundation/mesh-error';
import type { Store, Watch } from './store.ts';

export interface InformerHandlers {
  set(object: ApiObject): void;
  delete(object: ApiObject): void;
  /** After the objects of the first list; once. */
  synced(): void;
  /** The store does not answer; it is tried again after `delayMs`. */
  failed?(message: string, delayMs: number): void;
}

export interface InformerOptions {
  store: Store;
  kind: Kind;
  clock: Clock;
  /** Of the tries to list; its own, not shared. */
  backoff: Backoff;
}

export class Informer {
  private readonly known = new Map<string, ApiObject>();
  private state: 'idle' | 'listing' | 'synced' | 'stopped' = 'idle';
  private watch: Watch | undefined;
  private timer: Timer | undefined;

  constructor(
    private readonly options: InformerOptions,
    private readonly handlers: InformerHandlers,
  ) {}

  /** What there is, as far as it is known, by `namespace/name`. */
  get objects(): ReadonlyMap<string, ApiObject> {
    return this.known;
  }

  /** Whether the first list has come. */
  get isSynced(): boolean {
    return this.state === 'synced';
  }

  /** Takes the result of an own write without waiting for the watch, so that the next decision sees it. */
  observe(object: ApiObject): void {
    this.put(object);
  }

  /** The same of an own deletion. */
  forget(object: ApiObject): void {
    const key = keyOf(object.metadata);
    if (this.known.get(key)?.metadata.uid === object.metadata.uid) this.remove(key, object);
  }

  start(): void {
    if (this.state !== 'idle') return;
    this.state = 'listing';
    void this.listAndWatch();
  }

  /** Nothing is said after this. */
  stop(): void {
    this.state = 'stopped';
    this.watch?.stop();
    this.timer?.cancel();
  }

  private async listAndWatch(): Promise<void> {
    const { store, kind, backoff } = this.options;
    try {
      const list = await store.list(kind);
      if (this.isStopped()) return;
      backoff.reset();
      this.reconcile(list.items);
      if (!this.isStopped()) this.follow(list.resourceVersion);
    } catch (error) {
      this.retry(messageOf(error));
    }
  }

  /** What a list holds is the truth: what it lacks is gone. */
  private reconcile(items: readonly ApiObject[]): void {
    const listed = new Set(items.map((object) => keyOf(object.metadata)));
    for (const [key, object] of this.known) if (!listed.has(key)) this.remove(key, object);
    for (const object of items) this.put(object);
    if (this.state !== 'listing') return;
    this.state = 'synced';
    this.handlers.synced();
  }

  private follow(resourceVersion: string): void {
    const { store, kind } = this.options;
    this.watch = store.watch(
      kind,
      { resourceVersion },
      {
        event: (event) => {
          if (event.type === 'BOOKMARK') return;
          if (event.type === 'DELETED') this.remove(keyOf(event.object.metadata), event.object);
          else this.put(event.object);
        },
        closed: (reason) => {
          if (reason === 'DISCONNECTED') this.retry('the watch was disconnected');
          else if (!this.isStopped()) void this.listAndWatch();
        },
      },
    );
  }

  private retry(message: string): void {
    if (this.isStopped()) return;
    const { clock, backoff } = this.options;
    const delayMs = backoff.next();
    this.handlers.failed?.(message, delayMs);
    this.timer = clock.after(delayMs, () => void this.listAndWatch());
  }

  private put(object: ApiObject): void {
    const key = keyOf(object.metadata);
    const before = this.known.get(key);
    if (before && !isNewer(object, before)) return;
    this.known.set(key, object);
    this.handlers.set(object);
  }

  private remove(key: string, object: ApiObject): void {
    if (this.known.delete(key)) this.handlers.delete(object);
  }

  private isStopped(): boolean {
    return this.state === 'stopped';
  }
}

/** An own write may have been observed before the watch tells of an earlier one. */
function isNewer(object: ApiObject, than: ApiObject): boolean {
  const sameObject = object.metadata.uid === than.metadata.uid;
  return !sameObject || Number(object.metadata.resourceVersion) > Number(than.metadata.resourceVersion);
}
