// Pods of one template and how many there are to be: what a ReplicaSet, a StatefulSet and a DaemonSet ask of theirs. Pure.
import type { ApiObject } from '#api/kind';
import type { DaemonSet } from '#api/kinds/daemon-set';
import type { Pod } from '#api/kinds/pod';
import type { ReplicaSet } from '#api/kinds/replica-set';
import type { StatefulSet } from '#api/kinds/stateful-set';
import { templateHash } from './deployment-plan.ts';

export interface PodPlan<Status> {
  create: Pod[];
  delete: Pod[];
  status: Status;
}

export const revisionLabel = 'controller-revision-hash';

/** `newSuffix` names a new pod: five characters, unique. */
export function planReplicaSet(set: ReplicaSet, pods: readonly Pod[], newSuffix: () => string): PodPlan<NonNullable<ReplicaSet['status']>> {
  const replicas = set.spec.replicas ?? 1;
  const live = pods.filter(isLive);
  const missing = Math.max(0, replicas - live.length);
  const surplus = Math.max(0, live.length - replicas);
  const ready = live.filter(isReady).length;
  return {
    create: Array.from({ length: missing }, () => podOf(set, set.spec.template, `${set.metadata.name}-${newSuffix()}`)),
    delete: [...live].sort(endFirst).slice(0, surplus),
    status: {
      replicas: live.length,
      fullyLabeledReplicas: live.length,
      readyReplicas: ready,
      availableReplicas: ready,
      observedGeneration: set.metadata.generation ?? 1,
    },
  };
}

/**
 * One after the other, by number: the next when the one before is ready; the last goes first, and old ones are replaced from the end, down to
 * the partition. A pod below it that ends by itself comes again by the new template: the old one is not kept.
 */
export function planStatefulSet(set: StatefulSet, pods: readonly Pod[]): PodPlan<NonNullable<StatefulSet['status']>> {
  const replicas = set.spec.replicas ?? 1;
  const start = set.spec.ordinals?.start ?? 0;
  const revision = `${set.metadata.name}-${templateHash(set.spec.template)}`;
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  const names = Array.from({ length: replicas }, (_, index) => `${set.metadata.name}-${start + index}`);
  const live = new Map(pods.filter(isLive).map((pod) => [pod.metadata.name, pod]));
  const isCurrent = (pod: Pod) => pod.metadata.labels?.[revisionLabel] === revision;
  const ordinal = ({ metadata: { name } }: Pod) => Number(name.slice(name.lastIndexOf('-') + 1));
  const extra = [...live.values()].filter(({ metadata }) => !names.includes(metadata.name)).sort((a, b) => ordinal(b) - ordinal(a));
  const isEnding = pods.some(({ metadata }) => metadata.deletionTimestamp !== undefined);
  const missing = names.filter((name) => !live.has(name) && !pods.some(({ metadata }) => metadata.name === name));
  const firstUnready = names.find((name) => !(live.has(name) && isReady(live.get(name)!)));
  const next = parallel ? missing : missing.filter((name) => name === firstUnready);
  const { type, rollingUpdate = {} } = set.spec.updateStrategy ?? {};
  const firstReplaced = type === 'OnDelete' ? Number.POSITIVE_INFINITY : (rollingUpdate.partition ?? 0);
  const stale = [...live.values()]
    .filter((pod) => names.includes(pod.metadata.name) && !isCurrent(pod) && ordinal(pod) >= firstReplaced)
    .sort((a, b) => ordinal(b) - ordinal(a));
  const settled = missing.length === 0 && (firstUnready === undefined || stale.some(({ metadata }) => metadata.name === firstUnready));
  const replaced = settled ? stale.slice(0, 1) : [];
  const ready = [...live.values()].filter(isReady).length;
  const updated = [...live.values()].filter(isCurrent).length;
  return {
    create: next.map((name) => {
      const labels = {
        [revisionLabel]: revision,
        'statefulset.kubernetes.io/pod-name': name,
        'apps.kubernetes.io/pod-index': name.slice(name.lastIndexOf('-') + 1),
      };
      return podOf(set, set.spec.template, name, labels, {
        hostname: name,
        ...(set.spec.serviceName && { subdomain: set.spec.serviceName }),
      });
    }),
    delete: parallel ? [...extra, ...replaced] : isEnding ? [] : [...extra, ...replaced].slice(0, 1),
    status: {
      observedGeneration: set.metadata.generation ?? 1,
      replicas: live.size,
      readyReplicas: ready,
      availableReplicas: ready,
      currentReplicas: updated,
      updatedReplicas: updated,
      currentRevision: revision,
      updateRevision: revision,
    },
  };
}

/** One pod, on the one node that there is; an old one goes before the new one comes. */
export function planDaemonSet(set: DaemonSet, pods: readonly Pod[], newSuffix: () => string): PodPlan<NonNullable<DaemonSet['status']>> {
  const revision = templateHash(set.spec.template);
  const live = pods.filter(isLive);
  const [current, ...more] = live.filter(({ metadata }) => metadata.labels?.[revisionLabel] === revision);
  const stale = live.filter(({ metadata }) => metadata.labels?.[revisionLabel] !== revision);
  const ready = current && isReady(current) ? 1 : 0;
  return {
    create: live.length > 0 ? [] : [podOf(set, set.spec.template, `${set.metadata.name}-${newSuffix()}`, { [revisionLabel]: revision })],
    delete: [...stale, ...more],
    status: {
      observedGeneration: set.metadata.generation ?? 1,
      currentNumberScheduled: live.length > 0 ? 1 : 0,
      desiredNumberScheduled: 1,
      numberMisscheduled: 0,
      numberReady: ready,
      numberAvailable: ready,
      numberUnavailable: 1 - ready,
      updatedNumberScheduled: current ? 1 : 0,
    },
  };
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Kubernetes' way to say that one object made another. */
export function ownedBy(object: ApiObject, owner: ApiObject): boolean {
  return object.metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === owner.metadata.uid) ?? false;
}

/** Whether it counts: it is not about to go, and has not come to its end. */
function isLive({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

/** The unready go first, then the youngest. */
function endFirst(a: Pod, b: Pod): number {
  const readiness = Number(isReady(a)) - Number(isReady(b));
  if (readiness !== 0) return readiness;
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '');
}

type Template = ReplicaSet['spec']['template'];

/** A pod of the template, owned by the object. */
export function podOf(owner: ApiObject, template: Template, name: string, labels: Record<string, string> = {}, spec: object = {}): Pod {
  const { metadata, apiVersion, kind } = owner;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: metadata.namespace ?? 'default',
      labels: { ...template.metadata?.labels, ...labels },
      ...(template.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', controller: true, blockOwnerDeletion: true }],
    },
    spec: { ...template.spec, ...spec },
  };
}
