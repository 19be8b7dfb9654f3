// What a container may take of the machine, as cgroups say it. Pure. After Kubernetes' kubelet: a CPU is 100 ms of each 100 ms.
import type { Container } from '../container.ts';
import { quantityOf } from '../quantity.ts';

export interface ContainerLimits {
  memoryBytes?: number;
  /** Of each `cpuPeriodMicroseconds`. */
  cpuQuotaMicroseconds?: number;
}

export const cpuPeriodMicroseconds = 100_000;
/** The kernel takes no less. */
const quotaMin = 1_000;

/** Undefined: it has none. */
export function limitsOf({ resources }: Container): ContainerLimits | undefined {
  const memory = quantityOf(resources?.limits?.['memory']);
  const cpus = quantityOf(resources?.limits?.['cpu']);
  if (!memory && !cpus) return undefined;
  return {
    ...(memory && { memoryBytes: Math.ceil(memory) }),
    ...(cpus && { cpuQuotaMicroseconds: Math.max(quotaMin, Math.ceil(cpus * cpuPeriodMicroseconds)) }),
  };
}
