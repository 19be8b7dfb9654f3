// What a Deployment asks of its ReplicaSets: one for each state of its template, the newest of which grows while the others shrink, within
// what its strategy allows. Pure. After Kubernetes' deployment controller.
import { isPlainObject } from '#api/json';
import type { Deployment } from '#api/kinds/deployment';
import type { ReplicaSet } from '#api/kinds/replica-set';
import { condition } from './condition.ts';

export const templateHashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';

export interface DeploymentPlan {
  create: ReplicaSet | undefined;
  /** ReplicaSets with other replicas, or another revision. */
  update: ReplicaSet[];
  /** Those of the history that is not kept. */
  delete: ReplicaSet[];
  /** Of the newest ReplicaSet. */
  revision: string;
  status: NonNullable<Deployment['status']>;
}

/** `sets`: those that this Deployment owns. `now`: RFC 3339, of conditions that change. */
export function planDeployment(deployment: Deployment, sets: readonly ReplicaSet[], now: string): DeploymentPlan {
  const hash = templateHash(deployment.spec.template);
  const current = sets.find(({ metadata }) => metadata.labels?.[templateHashLabel] === hash);
  const old = sets.filter((set) => set !== current);
  const newest = Math.max(0, ...old.map(revisionOf));
  const revision = current && revisionOf(current) > newest ? revisionOf(current) : newest + 1;
  // While it is paused a new template waits; replicas are still kept.
  const paused = deployment.spec.paused === true;
  const next = current ?? (paused ? undefined : replicaSetOf(deployment, hash));
  const wanted = replicasWanted(deployment, next, old);
  const changed = (set: ReplicaSet) => {
    const replicas = wanted.get(set) ?? set.spec.replicas ?? 0;
    const annotations = { ...set.metadata.annotations, ...(set === next && { [revisionAnnotation]: `${revision}` }) };
    const same = replicas === set.spec.replicas && annotations[revisionAnnotation] === set.metadata.annotations?.[revisionAnnotation];
    return same ? undefined : { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } };
  };
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const idle = old
    .filter((set) => set.spec.replicas === 0 && (set.status?.replicas ?? 0) === 0)
    .sort((a, b) => revisionOf(b) - revisionOf(a));
  return {
    create: next !== undefined && next !== current ? (changed(next) ?? next) : undefined,
    update: sets.flatMap((set) => changed(set) ?? []),
    delete: idle.slice(limit),
    revision: `${next === undefined ? newest : revision}`,
    status: statusOf(deployment, current, sets, now),
  };
}

export const revisionOf = ({ metadata }: ReplicaSet) => Number(metadata.annotations?.[revisionAnnotation] ?? 0);

function replicasWanted(deployment: Deployment, next: ReplicaSet | undefined, old: readonly ReplicaSet[]): Map<ReplicaSet, number> {
  const replicas = deployment.spec.replicas ?? 1;
  const active = old.filter(({ spec }) => (spec.replicas ?? 0) > 0);
  if (deployment.spec.paused === true) {
    const newest =
      next && (next.spec.replicas ?? 0) > 0 ? next : [...active, ...(next ? [next] : [])].sort((a, b) => revisionOf(b) - revisionOf(a))[0];
    const others = active.filter((set) => set !== newest).reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0);
    return new Map(newest ? [[newest, Math.max(0, replicas - others)]] : []);
  }
  if (next === undefined) return new Map();
  if (strategyOf(deployment).type === 'Recreate') {
    const running = old.some(({ status, spec }) => (spec.replicas ?? 0) > 0 || (status?.replicas ?? 0) > 0);
    return new Map([...active.map((set) => [set, 0] as const), [next, running ? 0 : replicas]]);
  }
  const { surge, unavailable } = bounds(deployment);
  const total = active.reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0);
  const present = next.spec.replicas ?? 0;
  const wanted = new Map<ReplicaSet, number>();
  wanted.set(next, Math.min(replicas, Math.max(present, replicas + surge - total)));
  // Old pods go as far as enough are available; those that are not go first, since nobody misses them.
  const available = [next, ...active].reduce((sum, { status }) => sum + (status?.availableReplicas ?? 0), 0);
  let spare = Math.max(0, available - (replicas - unavailable));
  for (const set of [...active].sort((a, b) => revisionOf(a) - revisionOf(b))) {
    const have = set.spec.replicas ?? 0;
    const serving = Math.min(have, set.status?.availableReplicas ?? 0);
    const dropped = Math.min(serving, spare);
    spare -= dropped;
    wanted.set(set, serving - dropped);
  }
  return wanted;
}

interface Strategy {
  type?: string;
  rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string };
}

const strategyOf = ({ spec }: Deployment) => (spec.strategy ?? {}) as Strategy;

/** In pods: a share of them is rounded up for the surge, down for the unavailable; one of the two must be possible. */
function bounds(deployment: Deployment): { surge: number; unavailable: number } {
  const replicas = deployment.spec.replicas ?? 1;
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategyOf(deployment).rollingUpdate ?? {};
  const pods = (value: number | string, round: (share: number) => number) =>
    typeof value === 'number' ? value : round((Number.parseFloat(value) / 100) * replicas);
  const surge = pods(maxSurge, Math.ceil);
  const unavailable = pods(maxUnavailable, Math.floor);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

function statusOf(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  now: string,
): NonNullable<Deployment['status']> {
  const replicas = deployment.spec.replicas ?? 1;
  const sum = (field: 'replicas' | 'readyReplicas' | 'availableReplicas') =>
    sets.reduce((total, { status }) => total + (status?.[field] ?? 0), 0);
  const available = sum('availableReplicas');
  const updated = current?.status?.replicas ?? 0;
  const enough = available >= replicas - bounds(deployment).unavailable;
  const complete = updated === replicas && sum('replicas') === replicas && available >= replicas;
  const before = deployment.status?.conditions;
  const name = current?.metadata.name ?? deployment.metadata.name;
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas: sum('replicas'),
    updatedReplicas: updated,
    readyReplicas: sum('readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, replicas - available),
    conditions: [
      enough
        ? condition(before, now, 'Available', true, 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
        : condition(before, now, 'Available', false, 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
      complete
        ? condition(before, now, 'Progressing', true, 'NewReplicaSetAvailable', `ReplicaSet "${name}" has successfully progressed.`)
        : condition(before, now, 'Progressing', true, 'ReplicaSetUpdated', `ReplicaSet "${name}" is progressing.`),
    ],
  };
}

function replicaSetOf({ metadata, spec, apiVersion }: Deployment, hash: string): ReplicaSet {
  const labels = { ...spec.template.metadata?.labels, [templateHashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace ?? 'default',
      labels,
      ownerReferences: [
        { apiVersion, kind: 'Deployment', name: metadata.name, uid: metadata.uid ?? '', controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: {
      replicas: 0,
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
    },
  };
}

/** Ten characters that differ when the template does (FNV-1a, twice), whatever the order of its fields. */
export function templateHash(template: object): string {
  const text = JSON.stringify(template, (_, value: unknown) => (isPlainObject(value) ? inOrder(value) : value));
  const fnv = (seed: number) => {
    let hash = seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash >>> 0).toString(36).padStart(7, '0').slice(-5);
  };
  return fnv(0x811c9dc5) + fnv(0x01234567);
}

const inOrder = (node: Record<string, unknown>) => Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)));
