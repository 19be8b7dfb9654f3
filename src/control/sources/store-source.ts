// Gives the control plane what a Store holds, ours or a cluster's: the kinds that the mesh is made of, listed and then
// watched. What changes in one turn of the loop is given together, so that what was applied together takes effect together.
import { decodeObject } from '#api/decode';
import type { ApiObject, Kind } from '#api/kind';
import { Backoff } from '#foundation/backoff';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { formatProblem } from '#foundation/problem';
import type { Random } from '#foundation/random';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import type { SourceEvent, SourceHandlers } from './event.ts';

export interface StoreSourceOptions {
  store: Store;
  kinds: readonly Kind[];
  clock: Clock;
  random: Random;
  logger: Logger;
}

const delayMsMin = 50;
const delayMsMax = 5_000;

export class StoreSource {
  private readonly informers: Informer[];
  private pending: SourceEvent[] = [];
  private unsynced: number;

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
    for (const informer of this.informers) informer.stop();
    this.pending = [];
  }

  private informerOf(kind: Kind): Informer {
    const { store, clock, random, logger } = this.options;
    const backoff = new Backoff({ random, delayMsMin, delayMsMax });
    return new Informer(
      { store, kind, clock, backoff },
      {
        set: (object) => this.take(object),
        delete: ({ metadata: { namespace = '', name } }) => this.add({ type: 'delete', kind: kind.kind, namespace, name }),
        synced: () => this.kindSynced(),
        failed: (error, delayMs) =>
          logger.warn({ kind: kind.kind, delayMs: Math.round(delayMs), error }, 'objects cannot be read; trying again'),
      },
    );
  }

  /** A cluster's store may hold what its own checks let pass and ours do not. */
  private take(object: ApiObject): void {
    const decoded = decodeObject(object);
    if (decoded.ok) this.add({ type: 'set', object: decoded.value });
    else this.options.logger.warn({ problems: decoded.problems.map(formatProblem) }, 'an object is not taken; its last good version stays');
  }

  private add(event: SourceEvent): void {
    if (this.pending.push(event) === 1) setImmediate(() => this.flush());
  }

  private flush(): void {
    const { pending } = this;
    this.pending = [];
    if (pending.length > 0) this.handlers.events(pending);
  }

  private kindSynced(): void {
    if (--this.unsynced > 0) return;
    this.flush();
    this.handlers.synced();
  }
}
