// From a container of a Pod to the local process that stands for it. Pure but for path resolution.
import path from 'node:path';
import type { Pod } from '#api/kinds/pod';
import type { PodNetwork } from './capture/pod-network.ts';
import { expandVariables, type ImageMap } from './image-map.ts';
import type { Settings } from './settings.ts';

export type Container = NonNullable<Pod['spec']>['containers'][number];

export const commandAnnotation = 'lateen.dev/command';

export type ContainerPlan =
  | { kind: 'run'; command: readonly string[]; env: Readonly<Record<string, string>> }
  /** There is nothing to run for it: the words of Kubernetes' container state. */
  | { kind: 'wait'; reason: string; message: string };

export interface ContainerSurroundings {
  pod: Pod;
  network: Pick<PodNetwork, 'addresses' | 'environment'>;
  images: ImageMap;
  /** The running Node, for commands that say $(NODE). */
  node: string;
  /** What every program inherits: PATH, HOME, LANG and the like. */
  inherited: Readonly<Record<string, string>>;
  /** The ConfigMaps and Secrets of the pod's namespace that its containers name. */
  settings: Settings;
}

/** What the annotation names, else what stands for the image, else the container's own command where this machine has it. */
export function planContainer(container: Container, surroundings: ContainerSurroundings): ContainerPlan {
  const { pod, images, settings } = surroundings;
  const mapping = images.find(container.image ?? '');
  const annotated = pod.metadata.annotations?.[commandAnnotation];
  const own = container.command ?? [];
  if (mapping === undefined && annotated === undefined && own.length === 0) {
    return {
      kind: 'wait',
      reason: 'ImageNotMapped',
      message: `no local command stands for image ${container.image ?? '(none)'}: name one with --image-map, the container's command, or the pod annotation ${commandAnnotation}`,
    };
  }
  const missing = settings.missing(container);
  if (missing !== undefined) return { kind: 'wait', reason: 'CreateContainerConfigError', message: missing };
  const env = environmentOf(container, surroundings, mapping?.env ?? {});
  const words = annotated !== undefined ? annotated.split(/\s+/).filter(Boolean) : (mapping?.command ?? own);
  const args = annotated === undefined && (mapping === undefined || own.length > 0) ? (container.args ?? []) : [];
  return { kind: 'run', command: [...words, ...args].map((word) => expandVariables(word, env)), env };
}

function environmentOf(
  container: Container,
  { pod, network, node, inherited, settings }: ContainerSurroundings,
  mapped: Readonly<Record<string, string>>,
) {
  const env: Record<string, string> = {
    ...inherited,
    NODE: node,
    POD_NAME: pod.metadata.name,
    POD_NAMESPACE: pod.metadata.namespace ?? 'default',
    POD_IP: network.addresses.pod,
    ...network.environment,
    ...(container.ports?.[0] ? { PORT: String(container.ports[0].containerPort) } : {}),
    ...mapped,
    ...settings.whole(container),
  };
  for (const { name, value, valueFrom } of container.env ?? []) {
    const given =
      value !== undefined
        ? expandVariables(value, env)
        : (settings.one(valueFrom) ?? fieldOf(pod, network.addresses.pod, valueFrom?.fieldRef?.fieldPath ?? ''));
    if (given !== undefined) env[name] = given;
  }
  return env;
}

/** Kubernetes' downward API, as far as a pod here has such fields. */
function fieldOf(pod: Pod, podIP: string, fieldPath: string): string {
  const { name, namespace = 'default', uid = '', labels = {}, annotations = {} } = pod.metadata;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath);
  if (keyed !== null) return (keyed[1] === 'labels' ? labels : annotations)[keyed[2] ?? ''] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'metadata.uid': uid,
    'status.podIP': podIP,
    'status.hostIP': '127.0.0.1',
    'spec.serviceAccountName': pod.spec?.serviceAccountName ?? 'default',
    'spec.nodeName': 'local',
  };
  return fields[fieldPath] ?? '';
}

/** Words of a mapping that begin with `./` or `../` are paths relative to the file that holds it. */
export function resolvePaths(command: readonly string[], directory: string): string[] {
  return command.map((word) => (/^\.\.?\//.test(word) ? path.resolve(directory, word) : word));
}
