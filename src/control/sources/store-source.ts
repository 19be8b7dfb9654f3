// Resources from a Store, ours or a cluster's, followed by one informer a kind. Decodes what comes, and hands on the
// changes of one turn together.
import { decodeObject } from '#api/decode';
import type { ApiObject, Kind } from '#api/kind';
import { Backoff } from '#foundation/backoff';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import type { Source, SourceEvent, SourceHandlers } from './event.ts';

export interface StoreSourceOptions {
  store: Store;
  kinds: readonly Kind[];
  clock: Clock;
  random: Random;
  logger: Logger;
}

const delayMsMin = 50;
const delayMsMax = 5_000;

export class StoreSource implements Source {
  private readonly informers: Informer[];
  private batch: SourceEvent[] = [];
  private unsynced: number;
  private stopped = false;

  constructor(
    private readonly options: StoreSourceOptions,
    private readonly handlers: SourceHandlers,
  ) {
    this.unsynced = options.kinds.length;
    this.informers = options.kinds.map((kind) => this.informerOf(kind));
  }

  start(): void {
    for (const informer of this.informers) informer.start();
  }

  /** Nothing is said after this. */
  stop(): void {
    this.stopped = true;
    for (const informer of this.informers) informer.stop();
  }

  private informerOf(kind: Kind): Informer {
    const { store, clock, random, logger } = this.options;
    const backoff = new Backoff({ random, delayMsMin, delayMsMax });
    return new Informer(
      { store, kind, clock, backoff },
      {
        set: (object) => this.take(object),
        delete: ({ metadata }) => this.add({ type: 'delete', kind: kind.kind, namespace: metadata.namespace ?? '', name: metadata.name }),
        synced: () => {
          if (--this.unsynced > 0) return;
          this.flush();
          this.handlers.synced();
        },
        failed: (message, delayMs) =>
          logger.warn({ kind: kind.kind, delayMs: Math.round(delayMs) }, `resources cannot be read: ${message}`),
      },
    );
  }

  private take(object: ApiObject): void {
    const decoded = decodeObject(object);
    if (decoded.ok) this.add({ type: 'set', object: decoded.value });
    else this.handlers.problems?.(decoded.problems);
  }

  private add(event: SourceEvent): void {
    this.batch.push(event);
    // Many lines of a watch arrive in one read: they are one batch.
    if (this.batch.length === 1) queueMicrotask(() => this.flush());
  }

  private flush(): void {
    if (this.batch.length === 0 || this.stopped) return;
    const { batch } = this;
    this.batch = [];
    this.handlers.events(batch);
  }
}
