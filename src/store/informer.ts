// A live copy of one kind: lists, then watches, and lists again when the watch is lost. Works over any Store.
import type { ApiObject, Kind } from '#api/kind';
import { keyOf } from '#api/kind';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { Store, Watch, WatchEvent } from './store.ts';

export type ObjectChange = { type: 'set'; object: ApiObject } | { type: 'delete'; object: ApiObject };

export interface InformerOptions {
  store: Store;
  kind: Kind;
  clock: Clock;
  random: Random;
  /** Called after `objects` changed; after a list, once per object that differs from what was known. */
  onChange(change: ObjectChange): void;
  /** Called when the objects have been listed for the first time. */
  onSynced?(): void;
}

export class Informer {
  /** By `namespace/name`. */
  readonly objects = new Map<string, ApiObject>();
  synced = false;
  private watch: Watch | undefined;
  private retry: Timer | undefined;
  private stopped = false;
  private readonly backoff: Backoff;

  constructor(private readonly options: InformerOptions) {
    this.backoff = new Backoff({ random: options.random, delayMsMin: 50, delayMsMax: 2_000 });
  }

  start(): void {
    void this.relist();
  }

  stop(): void {
    this.stopped = true;
    this.retry?.cancel();
    this.watch?.stop();
  }

  /** What a write of ours returned, or removed: known at once, before the watch tells. */
  observe(change: ObjectChange): void {
    const key = keyOf(change.object.metadata);
    if (change.type === 'delete') this.objects.delete(key);
    else this.objects.set(key, change.object);
  }

  private async relist(): Promise<void> {
    const { store, kind } = this.options;
    try {
      const { items, resourceVersion } = await store.list(kind);
      if (this.stopped) return;
      this.replace(items);
      this.backoff.reset();
      this.watch = store.watch(kind, { resourceVersion }, { event: (event) => this.apply(event), closed: () => this.later() });
    } catch {
      this.later();
    }
  }

  private later(): void {
    if (this.stopped) return;
    this.watch = undefined;
    this.retry = this.options.clock.after(this.backoff.next(), () => void this.relist());
  }

  private replace(items: readonly ApiObject[]): void {
    const listed = new Map(items.map((object) => [keyOf(object.metadata), object]));
    for (const [key, object] of this.objects) if (!listed.has(key)) this.remove(key, object);
    for (const [key, object] of listed) {
      if (this.objects.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion) this.set(key, object);
    }
    if (this.synced) return;
    this.synced = true;
    this.options.onSynced?.();
  }

  private apply(event: WatchEvent): void {
    if (this.stopped || event.type === 'BOOKMARK') return;
    const key = keyOf(event.object.metadata);
    if (event.type === 'DELETED') this.remove(key, event.object);
    else this.set(key, event.object);
  }

  private set(key: string, object: ApiObject): void {
    this.objects.set(key, object);
    this.options.onChange({ type: 'set', object });
  }

  private remove(key: string, object: ApiObject): void {
    this.objects.delete(key);
    this.options.onChange({ type: 'delete', object });
  }
}
