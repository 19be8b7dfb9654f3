// Follows all objects of one kind: lists, watches, and lists again whenever the watch ends; whoever listens sees only
// what really changed. Kubernetes' clients call this so.
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import type { Store, Watch } from './store.ts';

export interface InformerEvent {
  type: 'set' | 'delete';
  /** Of a deletion: as it was last. */
  object: ApiObject;
}

export interface InformerOptions {
  store: Store;
  kind: Kind;
  clock: Clock;
  random: Random;
  /** Told when the store does not answer. */
  logger: Logger;
  onChange(event: InformerEvent): void;
  /** After the objects of the first list; once. */
  onSynced?(): void;
}

const delayMsMin = 50;
const delayMsMax = 5_000;

export class Informer {
  private readonly known = new Map<string, ApiObject>();
  private readonly backoff: Backoff;
  private state: 'idle' | 'listing' | 'synced' | 'stopped' = 'idle';
  private watch: Watch | undefined;
  private timer: Timer | undefined;

  constructor(private readonly options: InformerOptions) {
    this.backoff = new Backoff({ random: options.random, delayMsMin, delayMsMax });
  }

  /** What there is, as far as it is known, by `namespace/name`. */
  get objects(): ReadonlyMap<string, ApiObject> {
    return this.known;
  }

  /** Whether the first list has come. */
  get synced(): boolean {
    return this.state === 'synced';
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
    const { store, kind } = this.options;
    try {
      const list = await store.list(kind);
      if (this.isStopped()) return;
      this.backoff.reset();
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
    this.options.onSynced?.();
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
    const { clock, kind, logger } = this.options;
    const delayMs = this.backoff.next();
    logger.warn({ kind: kind.kind, delayMs: Math.round(delayMs), error: message }, 'objects cannot be read; trying again');
    this.timer = clock.after(delayMs, () => void this.listAndWatch());
  }

  private put(object: ApiObject): void {
    const key = keyOf(object.metadata);
    const before = this.known.get(key);
    const { uid, resourceVersion } = object.metadata;
    if (before && before.metadata.resourceVersion === resourceVersion && before.metadata.uid === uid) return;
    this.known.set(key, object);
    this.options.onChange({ type: 'set', object });
  }

  private remove(key: string, object: ApiObject): void {
    if (this.known.delete(key)) this.options.onChange({ type: 'delete', object });
  }

  private isStopped(): boolean {
    return this.state === 'stopped';
  }
}
