// What a pod may be told of itself, by variables and by files: Kubernetes' downward API. Pure.
import type { Pod } from '#api/kinds/pod';
import type { Container } from './container.ts';
import { quantityOf } from './quantity.ts';

/** What there is on this machine for who has no limit. */
export interface MachineCapacity {
  cpus: number;
  memoryBytes: number;
}

interface FieldRef {
  fieldPath: string;
}

interface ResourceFieldRef {
  containerName?: string;
  resource: string;
  divisor?: string | number;
}

/** Empty for a field that a pod here does not have. Labels and annotations as a whole: a line each, `key="value"`, sorted. */
export function fieldValue(pod: Pod, podIP: string, { fieldPath }: FieldRef): string {
  const { name, namespace = 'default', uid = '', labels = {}, annotations = {} } = pod.metadata;
  const [, which, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath) ?? [];
  if (key !== undefined) return (which === 'labels' ? labels : annotations)[key] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'metadata.uid': uid,
    'metadata.labels': lines(labels),
    'metadata.annotations': lines(annotations),
    'status.podIP': podIP,
    'status.podIPs': podIP,
    'status.hostIP': '127.0.0.1',
    'status.hostIPs': '127.0.0.1',
    'spec.serviceAccountName': pod.spec?.serviceAccountName ?? 'default',
    'spec.nodeName': 'local',
  };
  return fields[fieldPath] ?? '';
}

const lines = (map: Readonly<Record<string, string>>) =>
  Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');

/** In units of the divisor, rounded up; where a container has no limit, all that the machine has. Empty for what is not known. */
export function resourceValue(container: Container, { resource, divisor }: ResourceFieldRef, machine: MachineCapacity): string {
  const [, which, name = ''] = /^(limits|requests)\.(.+)$/.exec(resource) ?? [];
  const { limits = {}, requests = {} } = container.resources ?? {};
  const all = { cpu: machine.cpus, memory: machine.memoryBytes } as Readonly<Record<string, number | undefined>>;
  const asked = which === 'requests' ? (quantityOf(requests[name]) ?? quantityOf(limits[name]) ?? 0) : quantityOf(limits[name]);
  const value = asked ?? all[name];
  const unit = quantityOf(divisor) || 1;
  return value === undefined ? '' : String(Math.ceil(value / unit));
}
