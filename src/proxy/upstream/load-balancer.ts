// Chooses one of a cluster's endpoints. Round robin, random and least request as Envoy's load balancing documentation defines them,
// with weights. `tried`: endpoints that a retry would rather not meet again.
import type { Random } from '#foundation/random';
import type { LoadBalancerPolicy } from '#proxy/config/cluster';
import type { Endpoint } from './endpoint.ts';

/** Is only ever given a list that is not empty; a new one whenever the endpoints change. */
export type LoadBalancer = (endpoints: readonly Endpoint[]) => Endpoint;

export function createLoadBalancer(policy: LoadBalancerPolicy, choices: number, random: Random): LoadBalancer {
  switch (policy) {
    case 'random':
      return (endpoints) => drawByWeight(endpoints, random);
    case 'least_request':
      return (endpoints) => leastRequest(endpoints, choices, random);
    default:
      return roundRobin(random);
  }
}

function roundRobin(random: Random): LoadBalancer {
  let turn = -1;
  return (endpoints) => {
    if (!sameWeights(endpoints)) return smoothWeighted(endpoints);
    // Many proxies that start together must not all begin with the same endpoint.
    if (turn < 0) turn = Math.floor(random.next() * endpoints.length);
    turn = (turn + 1) % endpoints.length;
    return endpoints[turn]!;
  };
}

/** Each gains its weight, the richest serves and pays the total: spread evenly in time, exact over a round. */
function smoothWeighted(endpoints: readonly Endpoint[]): Endpoint {
  let total = 0;
  let richest = endpoints[0]!;
  for (const endpoint of endpoints) {
    total += endpoint.config.weight;
    endpoint.currentWeight += endpoint.config.weight;
    if (endpoint.currentWeight > richest.currentWeight) richest = endpoint;
  }
  richest.currentWeight -= total;
  return richest;
}

function leastRequest(endpoints: readonly Endpoint[], choices: number, random: Random): Endpoint {
  let best = drawByWeight(endpoints, random);
  if (endpoints.length === 1) return best;
  for (let i = 1; i < choices; i++) {
    const other = drawByWeight(endpoints, random);
    if (other.stats.rq_active < best.stats.rq_active) best = other;
  }
  return best;
}

function drawByWeight(endpoints: readonly Endpoint[], random: Random): Endpoint {
  const draw = random.next();
  if (sameWeights(endpoints)) return endpoints[Math.floor(draw * endpoints.length)]!;
  let left = draw * weightTotal(endpoints);
  for (const endpoint of endpoints) if ((left -= endpoint.config.weight) < 0) return endpoint;
  return endpoints[endpoints.length - 1]!;
}

function weightTotal(endpoints: readonly Endpoint[]): number {
  let total = 0;
  for (const endpoint of endpoints) total += endpoint.config.weight;
  return total;
}

const uniform = new WeakMap<readonly Endpoint[], boolean>();

function sameWeights(endpoints: readonly Endpoint[]): boolean {
  let same = uniform.get(endpoints);
  if (same === undefined) {
    same = endpoints.every(({ config }) => config.weight === endpoints[0]!.config.weight);
    uniform.set(endpoints, same);
  }
  return same;
}
