// From a container of a Pod to the local process that stands for it. Pure but for path resolution.
import path from 'node:path';
import type { Pod } from '#api/kinds/pod';
import { expandVariables, type ImageMap } from './image-map.ts';
import type { PodAddresses } from './pod-addresses.ts';
import { httpProxyPort } from './proxy-bootstrap.ts';

export type Container = NonNullable<Pod['spec']>['containers'][number];

export const commandAnnotation = 'lateen.dev/command';

export type ContainerPlan =
  | { kind: 'run'; command: readonly string[]; env: Readonly<Record<string, string>> }
  /** There is nothing to run for it: the words of Kubernetes' container state. */
  | { kind: 'wait'; reason: string; message: string };

export interface ContainerSurroundings {
  pod: Pod;
  addresses: PodAddresses;
  injected: boolean;
  images: ImageMap;
  /** The running Node, for commands that say $(NODE). */
  node: string;
  /** What every program inherits: PATH, HOME, LANG and the like. */
  inherited: Readonly<Record<string, string>>;
}

export function planContainer(container: Container, surroundings: ContainerSurroundings): ContainerPlan {
  const { pod, images } = surroundings;
  const mapping = images.find(container.image ?? '');
  const annotated = pod.metadata.annotations?.[commandAnnotation];
  if (mapping === undefined && annotated === undefined) {
    return {
      kind: 'wait',
      reason: 'ImageNotMapped',
      message: `no local command stands for image ${container.image ?? '(none)'}: name one with --image-map or the pod annotation ${commandAnnotation}`,
    };
  }
  const env = environmentOf(container, surroundings, mapping?.env ?? {});
  const words = annotated === undefined ? mapping!.command : annotated.split(/\s+/).filter(Boolean);
  return { kind: 'run', command: words.map((word) => expandVariables(word, env)), env };
}

function environmentOf(
  container: Container,
  { pod, addresses, injected, node, inherited }: ContainerSurroundings,
  mapped: Readonly<Record<string, string>>,
) {
  const appAddress = injected ? addresses.loopback : addresses.pod;
  const proxy = `http://${addresses.loopback}:${httpProxyPort}`;
  const noProxy = ['localhost', '127.0.0.1', appAddress].join(',');
  const env: Record<string, string> = {
    ...inherited,
    NODE: node,
    POD_NAME: pod.metadata.name,
    POD_NAMESPACE: pod.metadata.namespace ?? 'default',
    POD_IP: addresses.pod,
    APP_ADDRESS: appAddress,
    HOST: appAddress,
    ...(container.ports?.[0] ? { PORT: String(container.ports[0].containerPort) } : {}),
    ...(injected
      ? { HTTP_PROXY: proxy, http_proxy: proxy, HTTPS_PROXY: proxy, https_proxy: proxy, NO_PROXY: noProxy, no_proxy: noProxy }
      : {}),
    ...mapped,
  };
  for (const { name, value, valueFrom } of container.env ?? []) {
    env[name] = value === undefined ? fieldOf(pod, addresses, valueFrom?.fieldRef?.fieldPath ?? '') : expandVariables(value, env);
  }
  return env;
}

/** Kubernetes' downward API, as far as a pod here has such fields. */
function fieldOf(pod: Pod, addresses: PodAddresses, fieldPath: string): string {
  const { name, namespace = 'default', uid = '', labels = {}, annotations = {} } = pod.metadata;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath);
  if (keyed !== null) return (keyed[1] === 'labels' ? labels : annotations)[keyed[2] ?? ''] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'metadata.uid': uid,
    'status.podIP': addresses.pod,
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
