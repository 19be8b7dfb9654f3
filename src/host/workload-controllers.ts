// Keeps what is declared and what there is in step: Deployments and ReplicaSets, the sets and their Pods, Services and their endpoints. The
// plans are pure; this watches, asks them, and writes what they say.
import { isDeepStrictEqual } from 'node:util';
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { type CronJob, cronJobKind } from '#api/kinds/cron-job';
import { type DaemonSet, daemonSetKind } from '#api/kinds/daemon-set';
import { type Deployment, deploymentKind } from '#api/kinds/deployment';
import { endpointSliceKind } from '#api/kinds/endpoint-slice';
import { endpointsKind } from '#api/kinds/endpoints';
import { type Job, jobKind } from '#api/kinds/job';
import { type Pod, podKind } from '#api/kinds/pod';
import { type ReplicaSet, replicaSetKind } from '#api/kinds/replica-set';
import { type Service, serviceKind } from '#api/kinds/service';
import { type StatefulSet, statefulSetKind } from '#api/kinds/stateful-set';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { nameSuffix } from '#foundation/name-suffix';
import type { Random } from '#foundation/random';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import { planCronJob } from './cron-job-plan.ts';
import { planDeployment, revisionAnnotation } from './deployment-plan.ts';
import { planEndpointSlice, planEndpoints } from './endpoint-plan.ts';
import type { EventRecorder } from './event-recorder.ts';
import { jobEvents, jobExpiryMs, planJob } from './job-plan.ts';
import { ownedBy, type PodPlan, planDaemonSet, planReplicaSet, planStatefulSet } from './pod-plan.ts';
import { loadBalancerStatus } from './published-ports.ts';
import { Reconciler } from './reconciler.ts';

export interface ControllerOptions {
  store: Store;
  clock: Clock;
  random: Random;
  logger: Logger;
  events: EventRecorder;
}

const tickMs = 5_000;

type Reconcile = (key: string) => Promise<void>;

export class WorkloadControllers {
  /** By the name of the kind. */
  private readonly informers = new Map<string, Informer>();
  private readonly queues = new Map<string, Reconciler>();
  private tick: Timer | undefined;

  constructor(private readonly options: ControllerOptions) {
    const reconcilers: readonly (readonly [Kind, Reconcile])[] = [
      [deploymentKind, (key) => this.reconcileDeployment(key)],
      [replicaSetKind, this.podOwner<ReplicaSet>(replicaSetKind, (set, pods) => planReplicaSet(set, pods, this.suffix))],
      [statefulSetKind, this.podOwner<StatefulSet>(statefulSetKind, planStatefulSet)],
      [daemonSetKind, this.podOwner<DaemonSet>(daemonSetKind, (set, pods) => planDaemonSet(set, pods, this.suffix))],
      [jobKind, (key) => this.reconcileJob(key)],
      [cronJobKind, (key) => this.reconcileCronJob(key)],
      [serviceKind, (key) => this.reconcileService(key)],
    ];
    for (const [kind, reconcile] of reconcilers) this.queues.set(kind.kind, new Reconciler({ ...options, name: kind.kind, reconcile }));
    for (const kind of [...reconcilers.map(([each]) => each), podKind, endpointSliceKind, endpointsKind])
      this.informers.set(kind.kind, this.informer(kind));
  }

  start(): void {
    for (const informer of this.informers.values()) informer.start();
    this.scheduleTick();
  }

  stop(): void {
    for (const informer of this.informers.values()) informer.stop();
    for (const queue of this.queues.values()) queue.stop();
    this.tick?.cancel();
  }

  /** What waits for a time rather than for a change is looked at again now and then. */
  private scheduleTick(): void {
    this.tick = this.options.clock.after(
      tickMs,
      () => {
        for (const kind of [cronJobKind, jobKind]) for (const key of this.objects(kind).keys()) this.queues.get(kind.kind)?.enqueue(key);
        this.scheduleTick();
      },
      { unref: true },
    );
  }

  private now(): string {
    return `${new Date(this.options.clock.wallMs()).toISOString().slice(0, 19)}Z`;
  }

  private readonly suffix = () => nameSuffix(this.options.random);

  private informer(kind: Kind): Informer {
    const tell = (object: ApiObject) => this.whenSynced(() => this.changed(kind, object));
    const backoff = new Backoff({ random: this.options.random, delayMsMin: 50, delayMsMax: 2_000 });
    return new Informer({ ...this.options, kind, backoff }, { set: tell, delete: tell, synced: () => this.enqueueAll() });
  }

  private changed(kind: Kind, { metadata }: ApiObject): void {
    this.queues.get(kind.kind)?.enqueue(keyOf(metadata));
    for (const { controller, kind: owner, name } of metadata.ownerReferences ?? []) {
      if (controller) this.queues.get(owner)?.enqueue(keyOf({ namespace: metadata.namespace ?? '', name }));
    }
    if (kind !== podKind) return;
    for (const [key, service] of this.objects(serviceKind)) {
      if (service.metadata.namespace === metadata.namespace) this.queues.get('Service')?.enqueue(key);
    }
  }

  /** Plans need the whole picture: nothing is decided before every kind has been listed. */
  private whenSynced(act: () => void): void {
    if ([...this.informers.values()].every(({ isSynced }) => isSynced)) act();
  }

  private enqueueAll(): void {
    this.whenSynced(() => {
      for (const [kind, queue] of this.queues) for (const key of this.informers.get(kind)!.objects.keys()) queue.enqueue(key);
    });
  }

  private objects({ kind }: Kind): ReadonlyMap<string, ApiObject> {
    return this.informers.get(kind)!.objects;
  }

  private owned<T extends ApiObject>(kind: Kind, owner: ApiObject): T[] {
    return ([...this.objects(kind).values()] as T[]).filter((object) => ownedBy(object, owner));
  }

  private async create(kind: Kind, object: ApiObject, owner: ApiObject): Promise<void> {
    this.informers.get(kind.kind)!.observe(await this.options.store.create(object));
    this.options.events.record(owner, 'Normal', 'SuccessfulCreate', `Created ${kind.singular}: ${object.metadata.name}`);
  }

  private async update(kind: Kind, object: ApiObject): Promise<void> {
    this.informers.get(kind.kind)!.observe(await this.options.store.update(object));
  }

  private async delete(kind: Kind, object: ApiObject): Promise<void> {
    const left = await this.options.store.delete(kind, object.metadata.namespace ?? '', object.metadata.name);
    // A pod stays, marked, until its programs have ended.
    if (left.metadata.deletionTimestamp === undefined) this.informers.get(kind.kind)!.forget(object);
    else this.informers.get(kind.kind)!.observe(left);
  }

  private async keepStatus(kind: Kind, object: ApiObject & { status?: unknown }, status: unknown): Promise<void> {
    if (isDeepStrictEqual(object.status, status)) return;
    // Without a version: nobody else writes this status, and the spec may have gone on meanwhile.
    const { resourceVersion: _, ...metadata } = object.metadata;
    this.informers.get(kind.kind)!.observe(await this.options.store.updateStatus({ ...object, metadata, status } as ApiObject));
  }

  private async reconcileDeployment(key: string): Promise<void> {
    const { store, events } = this.options;
    const deployment = this.objects(deploymentKind).get(key) as Deployment | undefined;
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
    const plan = planDeployment(deployment, this.owned<ReplicaSet>(replicaSetKind, deployment), this.now());
    const scaled = (set: ReplicaSet, from: number | undefined) => {
      const to = set.spec.replicas ?? 0;
      if (to === from) return;
      const how = from === undefined || to > from ? 'up' : 'down';
      events.record(deployment, 'Normal', 'ScalingReplicaSet', `Scaled ${how} replica set ${set.metadata.name} to ${to}`);
    };
    if (plan.create) {
      this.informers.get('ReplicaSet')!.observe(await store.create(plan.create));
      scaled(plan.create, undefined);
    }
    for (const set of plan.update) {
      const before = this.objects(replicaSetKind).get(keyOf(set.metadata)) as ReplicaSet | undefined;
      await this.update(replicaSetKind, set);
      scaled(set, before?.spec.replicas);
    }
    for (const set of plan.delete) await this.delete(replicaSetKind, set);
    await this.keepStatus(deploymentKind, deployment, plan.status);
    if (deployment.metadata.annotations?.[revisionAnnotation] !== plan.revision && plan.revision !== '0') {
      const newest = (await store.get(deploymentKind, deployment.metadata.namespace ?? '', deployment.metadata.name)) ?? deployment;
      const annotations = { ...newest.metadata.annotations, [revisionAnnotation]: plan.revision };
      await this.update(deploymentKind, { ...newest, metadata: { ...newest.metadata, annotations } });
    }
  }

  /** A kind whose objects own Pods. */
  private podOwner<T extends ApiObject>(kind: Kind, plan: (owner: T, pods: readonly Pod[]) => PodPlan<unknown>): Reconcile {
    return async (key) => {
      const owner = this.objects(kind).get(key) as T | undefined;
      if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return;
      const planned = plan(owner, this.owned<Pod>(podKind, owner));
      for (const pod of planned.create) await this.create(podKind, pod, owner);
      for (const pod of planned.delete) {
        await this.delete(podKind, pod);
        this.options.events.record(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
      }
      await this.keepStatus(kind, owner, planned.status);
    };
  }

  private readonly keepPods = this.podOwner<Job>(jobKind, (job, pods) => planJob(job, pods, this.suffix, this.now()));

  /** The garbage collector takes the pods of one that has been there long enough. */
  private async reconcileJob(key: string): Promise<void> {
    const before = this.objects(jobKind).get(key) as Job | undefined;
    await this.keepPods(key);
    const job = this.objects(jobKind).get(key) as Job | undefined;
    if (job)
      for (const { type, reason, message } of jobEvents(before?.status, job.status)) this.options.events.record(job, type, reason, message);
    const expiryMs = job && job.metadata.deletionTimestamp === undefined ? jobExpiryMs(job) : undefined;
    if (job && expiryMs !== undefined && this.options.clock.wallMs() >= expiryMs) await this.delete(jobKind, job);
  }

  private async reconcileCronJob(key: string): Promise<void> {
    const cron = this.objects(cronJobKind).get(key) as CronJob | undefined;
    if (cron === undefined || cron.metadata.deletionTimestamp !== undefined) return;
    const plan = planCronJob(cron, this.owned<Job>(jobKind, cron), this.options.clock.wallMs());
    // The time goes first: a Job that cannot be made is not tried for ever.
    await this.keepStatus(cronJobKind, cron, plan.status);
    if (plan.create) await this.create(jobKind, plan.create, cron);
    for (const job of plan.delete) await this.delete(jobKind, job);
  }

  private async reconcileService(key: string): Promise<void> {
    const service = this.objects(serviceKind).get(key) as Service | undefined;
    const inNamespace = ({ metadata }: ApiObject) => metadata.namespace === service?.metadata.namespace;
    const pods = [...this.objects(podKind).values()].filter(inNamespace) as Pod[];
    const slice = service && planEndpointSlice(service, pods);
    await this.keepPlanned(endpointSliceKind, key, slice);
    await this.keepPlanned(endpointsKind, key, slice && planEndpoints(slice));
    const status = service && loadBalancerStatus(service);
    if (status) await this.keepStatus(serviceKind, service, status);
  }

  /** What is written for a Service; where nothing is planned, what was written for one goes. */
  private async keepPlanned(kind: Kind, key: string, planned: ApiObject | undefined): Promise<void> {
    const existing = this.objects(kind).get(key);
    if (planned === undefined) {
      const ours = existing?.metadata.ownerReferences?.some((owner) => owner.kind === 'Service');
      if (existing !== undefined && ours) await this.delete(kind, existing);
    } else if (existing === undefined) {
      this.informers.get(kind.kind)!.observe(await this.options.store.create(planned));
    } else if (differs(planned, existing)) {
      const metadata = { ...planned.metadata, resourceVersion: existing.metadata.resourceVersion ?? '' };
      await this.update(kind, { ...planned, metadata });
    }
  }
}

/** In what is planned: the store may have added defaults. */
function differs({ metadata: _, ...planned }: ApiObject, existing: ApiObject): boolean {
  return Object.entries(planned).some(([field, value]) => !isDeepStrictEqual(value, existing[field as keyof ApiObject]));
}
