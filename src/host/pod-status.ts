// What the status of a pod says, from how its network, its volumes, its containers and its proxy are. Pure.
import type { Pod } from '#api/kinds/pod';
import type { Container } from './container.ts';
import { podPhase } from './pod-phase.ts';

type Status = NonNullable<Pod['status']>;
type Condition = NonNullable<Status['conditions']>[number];

/** Kubernetes' ContainerState: one of `waiting`, `running` and `terminated`; empty before it has been started. */
export type ContainerState = Record<string, object>;

export interface ContainerReport {
  container: Container;
  ready: boolean;
  restarts: number;
  state: ContainerState;
  /** Of the run before, once there was one. */
  lastState: ContainerState | undefined;
}

export interface PodReport {
  podIP: string;
  startTime: string;
  /** All containers have been started; a gateway has none of its own. */
  started: boolean;
  initContainers: readonly ContainerReport[];
  containers: readonly ContainerReport[];
  /** Why nothing could be started yet: of the network, or of a volume. */
  setupFailure: { reason: string; message: string } | undefined;
  /** Undefined: the pod has none. */
  proxy: { serves: boolean; failure: string | undefined } | undefined;
}

/** Init containers that go on beside the others: Kubernetes' native sidecars. */
export const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';

export function podStatus({ podIP, startTime, started, initContainers, containers, setupFailure, proxy }: PodReport): Status {
  const sidecars = initContainers.filter(({ container }) => isSidecar(container));
  const containersReady = started && [...sidecars, ...containers].every(({ ready }) => ready);
  const waiting = [...initContainers, ...containers].find(({ state }) => 'waiting' in state)?.state['waiting'] as
    | { reason?: string; message?: string }
    | undefined;
  const phase = podPhase({ started, initContainers, containers, waiting: waiting?.reason });
  const reason =
    setupFailure?.reason ??
    waiting?.reason ??
    (phase === 'Succeeded' ? 'PodCompleted' : undefined) ??
    (started ? undefined : 'ContainersNotInitialized') ??
    (proxy?.failure ? 'ProxyFailed' : (proxy?.serves ?? true) ? undefined : 'ProxyStarting');
  const message = setupFailure?.message ?? waiting?.message ?? proxy?.failure;
  const condition = (type: string, holds: boolean): Condition => ({
    type,
    status: holds ? 'True' : 'False',
    ...(holds || reason === undefined ? {} : { reason }),
    ...(holds || message === undefined ? {} : { message }),
  });
  return {
    phase,
    ...(waiting?.reason ? { reason: waiting.reason } : {}),
    podIP,
    podIPs: [{ ip: podIP }],
    hostIP: '127.0.0.1',
    startTime,
    conditions: [
      condition('Initialized', started),
      condition('ContainersReady', containersReady),
      condition('Ready', containersReady && (proxy?.serves ?? true)),
    ],
    ...(initContainers.length > 0 && { initContainerStatuses: initContainers.map(containerStatus) }),
    containerStatuses: containers.map(containerStatus),
  };
}

function containerStatus({ container, ready, restarts, state, lastState }: ContainerReport) {
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready,
    started: 'running' in state,
    restartCount: restarts,
    state,
    ...(lastState !== undefined && { lastState }),
  };
}
