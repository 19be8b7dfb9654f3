// From a container of a Pod to the local process that stands for it. Pure but for path resolution.
import path from 'node:path';
import type { Pod } from '#api/kinds/pod';
import type { NetworkAddress } from '#net/network';
import { apiVariables } from './api-access.ts';
import type { PodNetwork } from './capture/pod-network.ts';
import { fieldValue, type MachineCapacity, resourceValue } from './downward-api.ts';
import { expandVariables, type ImageMap } from './image-map.ts';
import type { Settings } from './settings.ts';
import { type Mount, withSources } from './volumes/mount.ts';

export type Container = NonNullable<Pod['spec']>['containers'][number];
type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

export const commandAnnotation = 'lateen.dev/command';

export type ContainerPlan =
  | {
      kind: 'run';
      command: readonly string[];
      env: Readonly<Record<string, string>>;
      mounts: readonly Mount[];
      /** Volumes that it does not see at these paths, for they would hide the program itself. */
      leftOut: readonly string[];
    }
  /** There is nothing to run for it: the words of Kubernetes' container state. */
  | { kind: 'wait'; reason: string; message: string };

export interface ContainerSurroundings {
  pod: Pod;
  network: Pick<PodNetwork, 'addresses' | 'environment' | 'mounts'>;
  machine: MachineCapacity;
  apiAddress: NetworkAddress;
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
  const { pod, images, settings, node } = surroundings;
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
  const ofMachine = machineEnvironment(container, surroundings, mapping?.env ?? {});
  const env = environmentOf(container, surroundings, ofMachine);
  const words = annotated !== undefined ? annotated.split(/\s+/).filter(Boolean) : (mapping?.command ?? own);
  const args = annotated === undefined && (mapping === undefined || own.length > 0) ? (container.args ?? []) : [];
  const { mounts, variables } = surroundings.mountsOf(env);
  const expanded = (word: string) => expandVariables(word, { ...env, ...variables });
  const [started, given] = [words.map(expanded), args.map(expanded)];
  if (surroundings.network.mounts) {
    return {
      kind: 'run',
      command: [...started, ...given],
      env: { ...env, ...variables },
      ...besides(mounts, words === own ? [node] : [...started, node]),
    };
  }
  // Where a pod has no mount namespace, its own words and variables are told where its volumes are; those of the machine are as they are.
  const told = (word: string) => withSources(word, mounts);
  const toldEnv = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, ofMachine[name] === value ? value : told(value)]));
  return {
    kind: 'run',
    command: [...(words === own ? started.map(told) : started), ...given.map(told)],
    env: { ...toldEnv, ...variables },
    mounts,
    leftOut: [],
  };
}

/** Without those that would hide the program itself, which is the machine's: a checkout below /tmp, and a volume there. */
function besides(mounts: readonly Mount[], words: readonly string[]): { mounts: readonly Mount[]; leftOut: readonly string[] } {
  const hides = (mount: Mount) => words.some((word) => word.startsWith(`${mount.path.replace(/\/+$/, '')}/`));
  return { mounts: mounts.filter((mount) => !hides(mount)), leftOut: mounts.filter(hides).map(({ path }) => path) };
}

function machineEnvironment(
  container: Container,
  { pod, network, node, inherited, apiAddress }: ContainerSurroundings,
  mapped: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return {
    ...inherited,
    NODE: node,
    POD_NAME: pod.metadata.name,
    POD_NAMESPACE: pod.metadata.namespace ?? 'default',
    POD_IP: network.addresses.pod,
    ...apiVariables(apiAddress),
    ...network.environment,
    ...(container.ports?.[0] ? { PORT: String(container.ports[0].containerPort) } : {}),
    ...mapped,
  };
}

function environmentOf(
  container: Container,
  { pod, network, settings, machine }: ContainerSurroundings,
  ofMachine: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = { ...ofMachine, ...settings.whole(container) };
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
