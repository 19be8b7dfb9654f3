// Keeps Pods in step with Deployments, and EndpointSlices with Services and Pods. The plans are pure; this watches,
// asks them, and writes what they say.
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import type { Deployment } from '#api/kinds/deployment';
import { deploymentKind } from '#api/kinds/deployment';
import { type EndpointSlice, endpointSliceKind } from '#api/kinds/endpoint-slice';
import { type Pod, podKind } from '#api/kinds/pod';
import { type Service, serviceKind } from '#api/kinds/service';
import { Backoff } from '#foundation/backoff';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import { ownedBy, planDeployment } from './deployment-plan.ts';
import { planEndpointSlice } from './endpoint-plan.ts';
import { Reconciler } from './reconciler.ts';

export interface ControllerOptions {
  store: Store;
  clock: Clock;
  random: Random;
  logger: Logger;
}

export class WorkloadControllers {
  private readonly deployments: Informer;
  private readonly services: Informer;
  private readonly pods: Informer;
  private readonly slices: Informer;
  private readonly deploymentQueue: Reconciler;
  private readonly serviceQueue: Reconciler;

  constructor(private readonly options: ControllerOptions) {
    const informer = (kind: Kind, changed: (key: string, namespace: string) => void) => {
      const tell = ({ metadata }: ApiObject) => changed(keyOf(metadata), metadata.namespace ?? '');
      const backoff = new Backoff({ random: options.random, delayMsMin: 50, delayMsMax: 2_000 });
      return new Informer({ ...options, kind, backoff }, { set: tell, delete: tell, synced: () => this.enqueueAll() });
    };
    this.deployments = informer(deploymentKind, (key) => this.whenSynced(() => this.deploymentQueue.enqueue(key)));
    this.services = informer(serviceKind, (key) => this.whenSynced(() => this.serviceQueue.enqueue(key)));
    this.slices = informer(endpointSliceKind, (key) => this.whenSynced(() => this.serviceQueue.enqueue(key)));
    this.pods = informer(podKind, (_key, namespace) => this.whenSynced(() => this.enqueueNamespace(namespace)));
    this.deploymentQueue = new Reconciler({ ...options, name: 'deployment', reconcile: (key) => this.reconcileDeployment(key) });
    this.serviceQueue = new Reconciler({ ...options, name: 'endpoints', reconcile: (key) => this.reconcileService(key) });
  }

  start(): void {
    for (const informer of this.informers()) informer.start();
  }

  stop(): void {
    for (const informer of this.informers()) informer.stop();
    this.deploymentQueue.stop();
    this.serviceQueue.stop();
  }

  private informers(): Informer[] {
    return [this.deployments, this.services, this.pods, this.slices];
  }

  /** Plans need the whole picture: nothing is decided before every kind has been listed. */
  private whenSynced(act: () => void): void {
    if (this.informers().every(({ isSynced }) => isSynced)) act();
  }

  private enqueueAll(): void {
    this.whenSynced(() => {
      for (const key of this.deployments.objects.keys()) this.deploymentQueue.enqueue(key);
      for (const key of this.services.objects.keys()) this.serviceQueue.enqueue(key);
      for (const pod of this.orphans()) void this.deletePod(pod);
    });
  }

  private enqueueNamespace(namespace: string): void {
    for (const [key, { metadata }] of this.deployments.objects) if (metadata.namespace === namespace) this.deploymentQueue.enqueue(key);
    for (const [key, { metadata }] of this.services.objects) if (metadata.namespace === namespace) this.serviceQueue.enqueue(key);
  }

  private podsOf(namespace: string | undefined): Pod[] {
    return ([...this.pods.objects.values()] as Pod[]).filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** Pods whose Deployment is gone. */
  private orphans(): Pod[] {
    const uids = new Set([...this.deployments.objects.values()].map(({ metadata }) => metadata.uid));
    return ([...this.pods.objects.values()] as Pod[]).filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ kind, uid }) => kind === 'Deployment' && !uids.has(uid)),
    );
  }

  private async reconcileDeployment(key: string): Promise<void> {
    const { store, random } = this.options;
    const deployment = this.deployments.objects.get(key) as Deployment | undefined;
    if (deployment === undefined) {
      await Promise.all(this.orphans().map((pod) => this.deletePod(pod)));
      return;
    }
    const owned = this.podsOf(deployment.metadata.namespace).filter((pod) => ownedBy(pod, deployment));
    const plan = planDeployment(deployment, owned, () => podSuffix(random));
    for (const pod of plan.create) this.pods.observe(await store.create(pod));
    for (const name of plan.delete) {
      const pod = owned.find(({ metadata }) => metadata.name === name);
      if (pod !== undefined) await this.deletePod(pod);
    }
    if (JSON.stringify(plan.status) !== JSON.stringify(deployment.status))
      await store.updateStatus({ ...deployment, status: plan.status } as Deployment);
  }

  private async deletePod(pod: Pod): Promise<void> {
    await this.options.store.delete(podKind, pod.metadata.namespace ?? '', pod.metadata.name);
    this.pods.forget(pod);
  }

  private async reconcileService(key: string): Promise<void> {
    const { store } = this.options;
    const service = this.services.objects.get(key) as Service | undefined;
    const existing = this.slices.objects.get(key) as EndpointSlice | undefined;
    const planned = service === undefined ? undefined : planEndpointSlice(service, this.podsOf(service.metadata.namespace));
    if (planned === undefined) {
      const ours = existing?.metadata.ownerReferences?.some(({ kind }) => kind === 'Service');
      if (existing !== undefined && ours) await store.delete(endpointSliceKind, existing.metadata.namespace ?? '', existing.metadata.name);
      return;
    }
    if (existing === undefined) this.slices.observe(await store.create(planned));
    else if (differs(planned, existing)) {
      const metadata = { ...planned.metadata, resourceVersion: existing.metadata.resourceVersion ?? '' };
      this.slices.observe(await store.update({ ...planned, metadata }));
    }
  }
}

function differs(planned: EndpointSlice, existing: EndpointSlice): boolean {
  const content = ({ endpoints, ports }: EndpointSlice) => JSON.stringify({ endpoints, ports });
  return content(planned) !== content(existing);
}

const letters = 'bcdfghjklmnpqrstvwxz2456789';

/** Five characters without vowels, as Kubernetes takes them. */
function podSuffix(random: Random): string {
  return Array.from({ length: 5 }, () => letters[Math.floor(random.next() * letters.length)]).join('');
}
