// Least request: of a few endpoints drawn, the least busy. Where weights differ, turns go by weight, less for the busy: Envoy's rule.
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { LoadBalancerConfig } from '#proxy/config/load-balancer';
import type { Endpoint } from '../endpoint.ts';
import { DynamicSchedule } from './dynamic-schedule.ts';
import type { Candidate, Picker } from './picker.ts';

export class LeastRequest implements Picker {
  private readonly weighted: DynamicSchedule;

  constructor(
    private readonly candidates: readonly Candidate[],
    private readonly config: Extract<LoadBalancerConfig, { kind: 'least_request' }>,
    private readonly random: Random,
    clock: Clock,
  ) {
    const { bias, slowStart } = config;
    const scale = ({ endpoint }: Candidate) => (bias === 0 ? 1 : (endpoint.stats.rq_active + 1) ** -bias);
    this.weighted = new DynamicSchedule(candidates, { slowStart, random, clock, scale });
  }

  pick(): Endpoint {
    const { candidates } = this;
    const next = this.weighted.next();
    if (next !== undefined) return next.endpoint;
    let best = this.draw();
    if (candidates.length === 1) return best;
    for (let i = 1; i < this.config.choices; i++) {
      const other = this.draw();
      if (other.stats.rq_active < best.stats.rq_active) best = other;
    }
    return best;
  }

  private draw(): Endpoint {
    return this.candidates[Math.floor(this.random.next() * this.candidates.length)]!.endpoint;
  }
}
