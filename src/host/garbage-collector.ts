// What was made for an object goes when that object does: Kubernetes' garbage collector, for the kinds that own or are owned here. Deletions
// "in the foreground" wait for what they own; "orphaned" objects lose their owner and stay.
import type { ApiObject, Kind, OwnerReference } from '#api/kind';
import { keyOf } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { cronJobKind } from '#api/kinds/cron-job';
import { daemonSetKind } from '#api/kinds/daemon-set';
import { deploymentKind } from '#api/kinds/deployment';
import { endpointSliceKind } from '#api/kinds/endpoint-slice';
import { jobKind } from '#api/kinds/job';
import { podKind } from '#api/kinds/pod';
import { replicaSetKind } from '#api/kinds/replica-set';
import { secretKind } from '#api/kinds/secret';
import { serviceKind } from '#api/kinds/service';
import { statefulSetKind } from '#api/kinds/stateful-set';
import { Backoff } from '#foundation/backoff';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import { Reconciler } from './reconciler.ts';

const collected: readonly Kind[] = [
  ...[deploymentKind, replicaSetKind, statefulSetKind, daemonSetKind, jobKind, cronJobKind, podKind],
  ...[serviceKind, endpointSliceKind, configMapKind, secretKind],
];

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

export class GarbageCollector {
  private readonly informers: ReadonlyMap<string, Informer>;
  private readonly queue: Reconciler;

  constructor(private readonly options: { store: Store; clock: Clock; random: Random; logger: Logger }) {
    this.queue = new Reconciler({ ...options, name: 'garbage', reconcile: (key) => this.reconcile(key) });
    this.informers = new Map(
      collected.map((kind) => {
        const changed = (object: ApiObject) => this.whenSynced(() => this.enqueue(kind, object));
        const backoff = new Backoff({ random: options.random, delayMsMin: 50, delayMsMax: 2_000 });
        return [kind.kind, new Informer({ ...options, kind, backoff }, { set: changed, delete: changed, synced: () => this.enqueueAll() })];
      }),
    );
  }

  start(): void {
    for (const informer of this.informers.values()) informer.start();
  }

  stop(): void {
    for (const informer of this.informers.values()) informer.stop();
    this.queue.stop();
  }

  private whenSynced(act: () => void): void {
    if ([...this.informers.values()].every(({ isSynced }) => isSynced)) act();
  }

  private enqueueAll(): void {
    this.whenSynced(() => {
      for (const [kind, { objects }] of this.informers) for (const key of objects.keys()) this.queue.enqueue(`${kind} ${key}`);
    });
  }

  /** The object, its owners, which may wait for it, and what it owns, which may have to go. */
  private enqueue(kind: Kind, object: ApiObject): void {
    const { namespace = '' } = object.metadata;
    this.queue.enqueue(`${kind.kind} ${keyOf(object.metadata)}`);
    for (const owner of object.metadata.ownerReferences ?? [])
      this.queue.enqueue(`${owner.kind} ${keyOf({ namespace, name: owner.name })}`);
    for (const [dependent] of this.dependents(object)) this.queue.enqueue(dependent);
  }

  private *dependents(owner: ApiObject): Iterable<[key: string, kind: Kind, object: ApiObject]> {
    for (const kind of collected) {
      for (const [key, object] of this.informers.get(kind.kind)!.objects) {
        if (object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid)) yield [`${kind.kind} ${key}`, kind, object];
      }
    }
  }

  private async reconcile(queued: string): Promise<void> {
    const [name = '', key = ''] = queued.split(' ');
    const kind = collected.find((each) => each.kind === name);
    const object = this.informers.get(name)?.objects.get(key);
    if (!kind || !object) return;
    const { ownerReferences = [], finalizers = [], deletionTimestamp } = object.metadata;
    if (ownerReferences.length > 0 && ownerReferences.every((owner) => this.isGone(owner, object))) await this.delete(kind, object);
    else if (deletionTimestamp !== undefined && finalizers.includes(foreground)) await this.deleteDependents(kind, object);
    else if (deletionTimestamp !== undefined && finalizers.includes(orphan)) await this.orphanDependents(kind, object);
  }

  /** Of a kind that is not watched nobody knows. */
  private isGone({ kind, name, uid }: OwnerReference, { metadata }: ApiObject): boolean {
    const informer = this.informers.get(kind);
    return informer !== undefined && informer.objects.get(keyOf({ namespace: metadata.namespace ?? '', name }))?.metadata.uid !== uid;
  }

  private async deleteDependents(kind: Kind, object: ApiObject): Promise<void> {
    const dependents = [...this.dependents(object)];
    for (const [, of, dependent] of dependents) if (dependent.metadata.deletionTimestamp === undefined) await this.delete(of, dependent);
    if (dependents.length === 0) await this.finish(kind, object, foreground);
  }

  private async orphanDependents(kind: Kind, object: ApiObject): Promise<void> {
    for (const [, of, dependent] of this.dependents(object)) {
      const { ownerReferences = [], ...metadata } = dependent.metadata;
      const remaining = ownerReferences.filter(({ uid }) => uid !== object.metadata.uid);
      const orphaned = { ...dependent, metadata: { ...metadata, ...(remaining.length > 0 && { ownerReferences: remaining }) } };
      this.informers.get(of.kind)!.observe(await this.options.store.update(orphaned));
    }
    await this.finish(kind, object, orphan);
  }

  private async finish(kind: Kind, object: ApiObject, finalizer: string): Promise<void> {
    const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    const updated = await this.options.store.update({ ...object, metadata: { ...object.metadata, finalizers } });
    if (finalizers.length === 0) this.informers.get(kind.kind)!.forget(updated);
    else this.informers.get(kind.kind)!.observe(updated);
  }

  private async delete(kind: Kind, { metadata }: ApiObject): Promise<void> {
    await this.options.store.delete(kind, metadata.namespace ?? '', metadata.name);
  }
}
