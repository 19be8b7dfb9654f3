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
  private state: 'idle' | 'running' | 'stopped' = 'idle';
  private synced = false;
  private watch: Watch | undefined;
  private timer: Timer | undefined;

  constructor(
    private readonly options: InformerOptions,
    private readonly handlers: InformerHandlers,
  ) {}

  start(): void {
    if (this.state !== 'idle') return;
    this.state = 'running';
    void this.listAndWatch();
  }

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
      this.reconcile(list.items);
      backoff.reset();
      this.follow(list.resourceVersion);
    } catch (error) {
      this.retry(messageOf(error));
    }
  }

  /** What a list holds is the truth: what it lacks is gone. */
  private reconcile(items: readonly ApiObject[]): void {
    const listed = new Set(items.map((object) => keyOf(object.metadata)));
    for (const [key, object] of this.known) if (!listed.has(key)) this.remove(key, object);
    for (const object of items) this.put(object);
    if (this.synced) return;
    this.synced = true;
    this.handlers.synced();
  }

  private follow(resourceVersion: string): void {
    this.watch = this.options.store.watch(
      this.options.kind,
      { resourceVersion },
      {
        event: (event) => {
          if (event.type === 'BOOKMARK') return;
          if (event.type === 'DELETED') this.remove(keyOf(event.object.metadata), event.object);
          else this.put(event.object);
        },
        closed: (reason) => {
          if (this.isStopped()) return;
          if (reason === 'EXPIRED') void this.listAndWatch();
          else this.retry('the watch was disconnected');
        },
      },
    );
  }

  private retry(message: string): void {
    if (this.isStopped()) return;
    const delayMs = this.options.backoff.next();
    this.handlers.failed?.(message, delayMs);
    this.timer = this.options.clock.after(delayMs, () => void this.listAndWatch());
  }

  private put(object: ApiObject): void {
    const key = keyOf(object.metadata);
    const before = this.known.get(key);
    const { uid, resourceVersion } = object.metadata;
    if (before && before.metadata.resourceVersion === resourceVersion && before.metadata.uid === uid) return;
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
