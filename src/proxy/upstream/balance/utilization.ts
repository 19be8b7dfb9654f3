// Weighted round robin by what endpoints report of their load. Who has not reported counts as the median of those who have; while nobody
// has, all are alike.
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { UtilizationConfig } from '#proxy/config/load-balancer';
import type { Endpoint } from '../endpoint.ts';
import type { Candidate, Picker } from './picker.ts';
import { WeightedSchedule } from './weighted-schedule.ts';

interface Weighed {
  readonly endpoint: Endpoint;
  weight: number;
}

export class UtilizationRoundRobin implements Picker {
  private readonly weighed: readonly Weighed[];
  private schedule: WeightedSchedule<Weighed>;
  private dueMs: number;

  constructor(
    candidates: readonly Candidate[],
    private readonly config: UtilizationConfig,
    private readonly random: Random,
    private readonly clock: Clock,
  ) {
    this.weighed = candidates.map(({ endpoint }) => ({ endpoint, weight: 1 }));
    const now = clock.now();
    this.weigh(now);
    this.schedule = this.dealt();
    this.dueMs = now + config.updateMs;
  }

  /** Turns are dealt by the weights of the moment, which hold for as long as the configuration says. */
  pick(): Endpoint {
    const now = this.clock.now();
    if (now >= this.dueMs) {
      this.dueMs = now + this.config.updateMs;
      if (this.weigh(now)) this.schedule = this.dealt();
    }
    return this.schedule.next().endpoint;
  }

  private dealt(): WeightedSchedule<Weighed> {
    return new WeightedSchedule(this.weighed, ({ weight }) => weight, this.random);
  }

  /** True when some weight is another one now. */
  private weigh(nowMs: number): boolean {
    const reported = this.weighed.map(({ endpoint }) => endpoint.load?.weightAt(nowMs, this.config));
    const known = reported.filter((weight) => weight !== undefined).sort((a, b) => a - b);
    const median = known[known.length >> 1] ?? 1;
    let changed = false;
    for (const [i, each] of this.weighed.entries()) {
      const weight = reported[i] ?? median;
      changed ||= weight !== each.weight;
      each.weight = weight;
    }
    return changed;
  }
}
