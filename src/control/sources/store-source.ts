// Gives the control plane what a Store holds, ours or a cluster's: every kind that the mesh is made of, listed and then
// watched. What changes in one turn of the loop is given together, so that what was applied together takes effect together.
import { decodeObject } from '#api/decode';
import type { ApiObject, Kind } from '#api/kind';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { endpointSliceKind } from '#api/kinds/endpoint-slice';
import { endpointsKind } from '#api/kinds/endpoints';
import { gatewayKind } from '#api/kinds/gateway';
import { namespaceKind } from '#api/kinds/namespace';
import { podKind } from '#api/kinds/pod';
import { serviceKind } from '#api/kinds/service';
import { serviceEntryKind } from '#api/kinds/service-entry';
import { sidecarKind } from '#api/kinds/sidecar';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { workloadEntryKind } from '#api/kinds/workload-entry';
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
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** What the mesh is made of. */
const meshKinds: readonly Kind[] = [
  namespaceKind,
  serviceKind,
  endpointsKind,
  endpointSliceKind,
  podKind,
  serviceEntryKind,
  workloadEntryKind,
  destinationRuleKind,
  gatewayKind,
  virtualServiceKind,
  sidecarKind,
];

const delayMsMin = 50;
const delayMsMax = 5_000;

export class StoreSource {
  private informers: Informer[] = [];
  private pending: SourceEvent[] = [];
  private unsynced = meshKinds.length;

  constructor(private readonly options: StoreSourceOptions) {}

  start(handlers: SourceHandlers): void {
    this.informers = meshKinds.map((kind) => this.informerOf(kind, handlers));
    for (const informer of this.informers) informer.start();
  }

  /** Nothing is said after this. */
  stop(): void {
    for (const informer of this.informers) informer.stop();
    this.pending = [];
  }

  private informerOf(kind: Kind, handlers: SourceHandlers): Informer {
    const { store, clock, random, logger } = this.options;
    const backoff = new Backoff({ random, delayMsMin, delayMsMax });
    return new Informer(
      { store, kind, clock, backoff },
      {
        set: (object) => this.take(object, handlers),
        delete: ({ metadata: { namespace = '', name } }) => this.add({ type: 'delete', kind: kind.kind, namespace, name }, handlers),
        synced: () => this.kindSynced(handlers),
        failed: (error, delayMs) =>
          logger.warn({ kind: kind.kind, delayMs: Math.round(delayMs), error }, 'objects cannot be read; trying again'),
      },
    );
  }

  /** A cluster's store may hold what its own checks let pass and ours do not. */
  private take(object: ApiObject, handlers: SourceHandlers): void {
    const decoded = decodeObject(object);
    if (decoded.ok) this.add({ type: 'set', object: decoded.value }, handlers);
    else this.options.logger.warn({ problems: decoded.problems.map(formatProblem) }, 'an object is not taken; its last good version stays');
  }

  private add(event: SourceEvent, handlers: SourceHandlers): void {
    if (this.pending.push(event) === 1) setImmediate(() => this.flush(handlers));
  }

  private flush(handlers: SourceHandlers): void {
    const { pending } = this;
    this.pending = [];
    if (pending.length > 0) handlers.events(pending);
  }

  private kindSynced(handlers: SourceHandlers): void {
    if (--this.unsynced > 0) return;
    this.flush(handlers);
    handlers.synced();
  }
}
