// Chooses one of a list of endpoints by one policy, as Envoy's load balancing documentation defines them. Made anew whenever the list or
// the health of its endpoints changes.
import type { Word64 } from '#codec/hash/word64';
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { LoadBalancerConfig } from '#proxy/config/load-balancer';
import type { Endpoint } from '../endpoint.ts';
import { LeastRequest } from './least-request.ts';
import { Maglev } from './maglev.ts';
import { RandomPicker } from './random-picker.ts';
import { RingHash } from './ring-hash.ts';
import { RoundRobin } from './round-robin.ts';
import { UtilizationRoundRobin } from './utilization.ts';

export interface Picker {
  /** `hash`: for consistent hashing. `attempt`: counts the picks of one request, so that another endpoint may be found. */
  pick(hash: Word64, attempt: number): Endpoint;
}

/** An endpoint with its share among those it stands with; above 0. */
export interface Candidate {
  readonly endpoint: Endpoint;
  readonly weight: number;
}

/** `candidates`: at least one. */
export function createPicker(config: LoadBalancerConfig, candidates: readonly Candidate[], random: Random, clock: Clock): Picker {
  switch (config.kind) {
    case 'random':
      return new RandomPicker(candidates, random);
    case 'least_request':
      return new LeastRequest(candidates, config, random, clock);
    case 'ring_hash':
      return new LazyPicker(() => new RingHash(candidates, config));
    case 'maglev':
      return new LazyPicker(() => new Maglev(candidates, config));
    case 'utilization':
      return new UtilizationRoundRobin(candidates, config, random, clock);
    default:
      return new RoundRobin(candidates, config.kind === 'round_robin' ? config.slowStart : undefined, random, clock);
  }
}

/** Rings and tables take milliseconds to make: who is never asked need not have one, and endpoints often change several times in a row. */
class LazyPicker implements Picker {
  private made: Picker | undefined;

  constructor(private readonly make: () => Picker) {}

  pick(hash: Word64, attempt: number): Endpoint {
    this.made ??= this.make();
    return this.made.pick(hash, attempt);
  }
}

/** Whether endpoints are found by a hash of the request; then the weights of localities are part of those of their endpoints. */
export function isHashed({ kind }: LoadBalancerConfig): boolean {
  return kind === 'ring_hash' || kind === 'maglev';
}
