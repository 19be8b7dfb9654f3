// From a container of a Pod to the local process that stands for it. Pure but for path resolution.
import path from 'node:path';
import type { Pod } from '#api/kinds/pod';
import type { PodNetwork } from './capture/pod-network.ts';
import { fieldValue, type MachineCapacity, resourceValue } from './downward-api.ts';
import { expandVariables, type ImageMap } from './image-map.ts';
import type { Settings } from './settings.ts';
import { type Mount, withSources } from './volumes/mount.ts';

export type Container = NonNullable<Pod['spec']>['containers'][number];
type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

export const commandAnnotation = 'lateen.dev/command';

export type ContainerPlan =
  | { kind: 'run'; command: readonly string[]; env: Readonly<Record<string, string>>; mounts: readonly Mount[] }
  /** There is nothing to run for it: the words of Kubernetes' container state. */
  | { kind: 'wait'; reason: string; message: string };

export interface ContainerSurroundings {
  pod: Pod;
  network: Pick<PodNetwork, 'addresses' | 'environment' | 'mounts'>;
  machine: MachineCapacity;
  /** What it is to see of the pod's volumes, and variables that say where they are. */
  mountsOf(env: Readonly<Record<string, string>>): { mounts: readonly Mount[]; variables: Readonly<Record<string, string>> };
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
  const { mounts, variables } = surroundings.mountsOf(env);
  const command = [...words, ...args].map((word) => expandVariables(word, env));
  // Where a pod has no mount namespace, its words and variables are told where its volumes are.
  const told = (word: string) => (surroundings.network.mounts ? word : withSources(word, mounts));
  const toldEnv = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, told(value)]));
  return { kind: 'run', command: command.map(told), env: { ...toldEnv, ...variables }, mounts };
}

function environmentOf(
  container: Container,
  { pod, network, node, inherited, settings, machine }: ContainerSurroundings,
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
  const fromElsewhere = (from: ValueFrom | undefined): string | undefined => {
    if (from?.fieldRef) return fieldValue(pod, network.addresses.pod, from.fieldRef);
    if (!from?.resourceFieldRef) return settings.one(from);
    const { containerName = container.name } = from.resourceFieldRef;
    const of = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((each) => each.name === containerName);
    return of && resourceValue(of, from.resourceFieldRef, machine);
  };
  for (const { name, value, valueFrom } of container.env ?? []) {
    const given = value !== undefined ? expandVariables(value, env) : fromElsewhere(valueFrom);
    if (given !== undefined) env[name] = given;
  }
  return env;
}

/** Words of a mapping that begin with `./` or `../` are paths relative to the file that holds it. */
export function resolvePaths(command: readonly string[], directory: string): string[] {
  return command.map((word) => (/^\.\.?\//.test(word) ? path.resolve(directory, word) : word));
}
