// How the lists of Kubernetes' own kinds merge: by keys, as sets, or not at all. For kinds that have no place here, the mesh's own among
// them, a list is one value. Source: the `patchMergeKey` and `listMapKey` markers of Kubernetes' API types.
import type { Kind } from '#api/kind';

export type ListType =
  | { kind: 'atomic' }
  | { kind: 'set' }
  /** `keys` identify an element to server-side apply, the first of them to a strategic merge patch. */
  | { kind: 'map'; keys: readonly string[] };

const atomic: ListType = { kind: 'atomic' };
const map = (...keys: string[]): ListType => ({ kind: 'map', keys });

/** What an element takes for a key that it leaves out. */
export const keyDefaults: Readonly<Record<string, unknown>> = { protocol: 'TCP' };

const byField: Readonly<Record<string, ListType>> = {
  ...Object.fromEntries(
    ['containers', 'initContainers', 'ephemeralContainers', 'env', 'volumes', 'imagePullSecrets', 'webhooks', 'secrets'].map((field) => [
      field,
      map('name'),
    ]),
  ),
  volumeMounts: map('mountPath'),
  volumeDevices: map('devicePath'),
  hostAliases: map('ip'),
  podIPs: map('ip'),
  conditions: map('type'),
  topologySpreadConstraints: map('topologyKey', 'whenUnsatisfiable'),
};

/** `path`: names of fields, from the top of the object, without the elements of lists on the way. */
export function listTypeOf({ kind, group }: Kind, path: readonly string[]): ListType {
  const field = path.at(-1) ?? '';
  const parent = path.at(-2) ?? '';
  if (parent === 'metadata') return field === 'ownerReferences' ? map('uid') : field === 'finalizers' ? { kind: 'set' } : atomic;
  if (group !== '' && !/^(apps|batch|policy|autoscaling|[a-z.]+\.k8s\.io)$/.test(group)) return atomic;
  if (field === 'ports') {
    if (kind === 'Service' && parent === 'spec') return map('port', 'protocol');
    return /^(containers|initContainers)$/.test(parent) ? map('containerPort', 'protocol') : atomic;
  }
  return byField[field] ?? atomic;
}
