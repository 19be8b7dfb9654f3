// How a cluster's traffic is shared out among its priorities, by how many endpoints of each are fit: Envoy's rules of priority levels,
// degraded endpoints and panic. Pure.

/** A priority's endpoints, counted. */
export interface PriorityHealth {
  readonly total: number;
  readonly healthy: number;
  readonly degraded: number;
}

/** What a priority gets of the traffic: percentages, which add up to 100 over all priorities. */
export interface PriorityLoad {
  healthy: number;
  degraded: number;
  /** So few of its endpoints are fit that all of them are used. */
  panic: boolean;
}

/** A priority is as good as whole while this much of it is fit: 1 / 1.4 of its endpoints. In percent. */
const overprovisioning = 140;

/** Percent of a whole that counts as being there while `count` of `total` are fit. */
export function availability(count: number, total: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((overprovisioning * count) / total));
}

/** `panicThreshold`: percent of a priority's endpoints that must be fit; 0: there is no panic. */
export function priorityLoads(priorities: readonly PriorityHealth[], panicThreshold: number): PriorityLoad[] {
  const healthy = priorities.map((priority) => availability(priority.healthy, priority.total));
  const degraded = priorities.map((priority) => availability(priority.degraded, priority.total));
  const sum = Math.min(
    100,
    [...healthy, ...degraded].reduce((a, b) => a + b, 0),
  );
  const panic = priorities.map((priority) => sum < 100 && inPanic(priority, panicThreshold));
  const loads = panic.map((panics) => ({ healthy: 0, degraded: 0, panic: panics }));
  if (panic.every(Boolean)) return loadsByCount(priorities, loads);
  if (sum === 0) {
    if (loads[0] !== undefined) loads[0].healthy = 100;
    return loads;
  }
  let left = 100;
  // Degraded endpoints of any priority come after the healthy ones of all.
  for (const [kind, shares] of [
    ['healthy', healthy],
    ['degraded', degraded],
  ] as const) {
    for (const [i, load] of loads.entries()) {
      load[kind] = Math.min(left, Math.floor((shares[i]! * 100) / sum));
      left -= load[kind];
    }
  }
  // What rounding left over goes to the first that has anything.
  const first = loads.find((load) => load.healthy > 0);
  if (first !== undefined) first.healthy += left;
  else loads.find((load) => load.degraded > 0)!.degraded += left;
  return loads;
}

function inPanic({ total, healthy, degraded }: PriorityHealth, threshold: number): boolean {
  return (total === 0 ? 0 : (100 * (healthy + degraded)) / total) < threshold;
}

/** Everything is terrible: by the numbers of endpoints alone. */
function loadsByCount(priorities: readonly PriorityHealth[], loads: PriorityLoad[]): PriorityLoad[] {
  const total = priorities.reduce((sum, priority) => sum + priority.total, 0);
  if (total === 0) return loads;
  let left = 100;
  for (const [i, load] of loads.entries()) {
    load.healthy = Math.floor((100 * priorities[i]!.total) / total);
    left -= load.healthy;
  }
  loads.find((load) => load.healthy > 0)!.healthy += left;
  return loads;
}
