// Where a pod is in its life, from the states of its containers. Pure. After Kubernetes' pod lifecycle.

export interface ContainerLife {
  /** `waiting`, `running` or `terminated`, as in a container's status; empty before it has started. */
  state: Record<string, object>;
}

export interface PodLife {
  /** All containers have been started. */
  started: boolean;
  initContainers: readonly ContainerLife[];
  containers: readonly ContainerLife[];
  /** Why one of them cannot start. */
  waiting: string | undefined;
}

const cannotStart = ['ImageNotMapped', 'CreateContainerConfigError'];

export function podPhase({ started, initContainers, containers, waiting }: PodLife): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  if (waiting !== undefined && cannotStart.includes(waiting)) return 'Pending';
  if (initContainers.some((container) => (exitCodeOf(container) ?? 0) !== 0)) return 'Failed';
  if (!started) return 'Pending';
  const exits = containers.map(exitCodeOf);
  if (exits.length === 0 || exits.includes(undefined)) return 'Running';
  return exits.every((code) => code === 0) ? 'Succeeded' : 'Failed';
}

function exitCodeOf({ state }: ContainerLife): number | undefined {
  return (state['terminated'] as { exitCode: number } | undefined)?.exitCode;
}
