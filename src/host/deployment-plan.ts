// What a Deployment asks of its Pods: which to make, which to end. Pure. Rolling: pods of a new template come first, and
// those of the old one go as the new ones get ready, so that never fewer than `replicas` serve.
import type { Deployment } from '#api/kinds/deployment';
import type { Pod } from '#api/kinds/pod';

export const templateHashLabel = 'pod-template-hash';

export interface DeploymentPlan {
  create: Pod[];
  /** Names, of this Deployment's namespace. */
  delete: string[];
  status: NonNullable<Deployment['status']>;
}

/** `pods`: those that this Deployment owns. `newSuffix` names a new pod: five characters, unique. */
export function planDeployment(deployment: Deployment, pods: readonly Pod[], newSuffix: () => string): DeploymentPlan {
  const replicas = deployment.spec.replicas ?? 1;
  const hash = templateHash(deployment);
  const live = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const current = live.filter((pod) => pod.metadata.labels?.[templateHashLabel] === hash);
  const old = live.filter((pod) => pod.metadata.labels?.[templateHashLabel] !== hash);
  const ready = current.filter(isReady);
  const create = Array.from({ length: Math.max(0, replicas - current.length) }, () => podOf(deployment, hash, newSuffix()));
  // The unready go first, then the youngest.
  const surplus = [...current].sort(endFirst).slice(0, Math.max(0, current.length - replicas));
  const oldToEnd = [...old].sort(endFirst).slice(0, Math.max(0, old.length - Math.max(0, replicas - ready.length)));
  const readyReplicas = live.filter(isReady).length;
  return {
    create,
    delete: [...surplus, ...oldToEnd].map((pod) => pod.metadata.name),
    status: {
      observedGeneration: deployment.metadata.generation ?? 1,
      replicas: live.length,
      updatedReplicas: current.length,
      readyReplicas,
      availableReplicas: readyReplicas,
      unavailableReplicas: Math.max(0, replicas - readyReplicas),
    },
  };
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Kubernetes' way to say that a Deployment made a Pod, one step shortened: there is no ReplicaSet between them yet. */
export function ownedBy(pod: Pod, deployment: Deployment): boolean {
  return pod.metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid) ?? false;
}

function endFirst(a: Pod, b: Pod): number {
  const readiness = Number(isReady(a)) - Number(isReady(b));
  if (readiness !== 0) return readiness;
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '');
}

function podOf(deployment: Deployment, hash: string, suffix: string): Pod {
  const { metadata, spec } = deployment;
  const template = spec.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${metadata.name}-${hash}-${suffix}`,
      namespace: metadata.namespace ?? 'default',
      labels: { ...template.metadata?.labels, [templateHashLabel]: hash },
      ...(template.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
      ownerReferences: [
        { apiVersion: deployment.apiVersion, kind: 'Deployment', name: metadata.name, uid: metadata.uid ?? '', controller: true },
      ],
    },
    spec: template.spec,
  };
}

/** Ten characters that differ when the template does (FNV-1a, twice). */
export function templateHash(deployment: Deployment): string {
  const text = JSON.stringify(deployment.spec.template);
  const fnv = (seed: number) => {
    let hash = seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash >>> 0).toString(36).padStart(7, '0').slice(-5);
  };
  return fnv(0x811c9dc5) + fnv(0x01234567);
}
