// A workload instance: a pod, seen as the thing behind an endpoint and the thing a sidecar stands beside.
import type { ObjectMeta } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import { localityOfLabels } from '#api/locality';

interface ContainerPort {
  name: string;
  number: number;
  protocol: string;
}

export interface MeshWorkload {
  readonly stamp: number;
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Of what made the pod: the Deployment's name. */
  readonly workloadName: string;
  /** `region/zone/subzone`; empty when the pod's labels do not say. */
  readonly locality: string;
  readonly containerPorts: readonly ContainerPort[];
}

export type WorkloadFacts = Omit<MeshWorkload, 'stamp'>;

export function workloadFacts(pod: Pod): WorkloadFacts {
  const { metadata, spec, status } = pod;
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? 'default',
    address: status?.podIP ?? '',
    labels: metadata.labels ?? {},
    serviceAccount: spec.serviceAccountName || 'default',
    workloadName: workloadNameOf(metadata),
    locality: localityOfLabels(metadata.labels ?? {}),
    containerPorts: spec.containers.flatMap((container) =>
      (container.ports ?? []).map((port) => ({ name: port.name ?? '', number: port.containerPort, protocol: port.protocol ?? 'TCP' })),
    ),
  };
}

/** A ReplicaSet is named after its Deployment and the hash of the template. */
function workloadNameOf(metadata: ObjectMeta): string {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller) ?? metadata.ownerReferences?.[0];
  if (!owner) return metadata.name;
  const hash = metadata.labels?.['pod-template-hash'];
  return owner.kind === 'ReplicaSet' && hash && owner.name.endsWith(`-${hash}`) ? owner.name.slice(0, -hash.length - 1) : owner.name;
}

/** Istio's canonical service: one label names it, whichever of the usual ones is there. */
export function canonicalName(labels: Readonly<Record<string, string>>, fallback: string): string {
  return labels['service.istio.io/canonical-name'] || labels['app.kubernetes.io/name'] || labels['app'] || fallback;
}

export function canonicalRevision(labels: Readonly<Record<string, string>>): string {
  return labels['service.istio.io/canonical-revision'] || labels['app.kubernetes.io/version'] || labels['version'] || 'latest';
}

/** Istio's `workload` endpoint metadata: `name;namespace;canonical name;canonical revision;cluster`. */
export function workloadMetadata(
  workload: { name: string; namespace: string; labels: Readonly<Record<string, string>> },
  cluster: string,
): string {
  const { name, namespace, labels } = workload;
  return [name, namespace, canonicalName(labels, name), canonicalRevision(labels), cluster].join(';');
}
