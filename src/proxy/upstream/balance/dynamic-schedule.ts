// The schedule of a list whose endpoints do not all have the same weight, or not yet. Used by round-robin.ts and least-request.ts.
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { SlowStartConfig } from '#proxy/config/load-balancer';
import type { Candidate } from './picker.ts';
import { slowStartShare } from './slow-start.ts';
import { WeightedSchedule } from './weighted-schedule.ts';

interface DynamicWeights {
  slowStart: SlowStartConfig | undefined;
  random: Random;
  clock: Clock;
  /** Makes less of a candidate than its weight says, such as for being busy. */
  scale?: (candidate: Candidate) => number;
}

export class DynamicSchedule {
  private readonly schedule: WeightedSchedule<Candidate> | undefined;
  /** Until then somebody is in slow start. */
  private readonly warmUntilMs: number;
  private readonly uneven: boolean;

  constructor(
    candidates: readonly Candidate[],
    private readonly options: DynamicWeights,
  ) {
    const { slowStart, random, clock, scale = () => 1 } = options;
    this.uneven = candidates.some(({ weight }) => weight !== candidates[0]!.weight);
    this.warmUntilMs = slowStart ? Math.max(...candidates.map(({ endpoint }) => endpoint.availableSinceMs)) + slowStart.windowMs : 0;
    if (!this.active) return;
    const share = ({ endpoint }: Candidate) => (slowStart ? slowStartShare(slowStart, clock.now() - endpoint.availableSinceMs) : 1);
    this.schedule = new WeightedSchedule(candidates, (candidate) => candidate.weight * share(candidate) * scale(candidate), random);
  }

  /** Undefined while everybody's turn is worth the same: then there are cheaper ways. */
  next(): Candidate | undefined {
    return this.schedule !== undefined && this.active ? this.schedule.next() : undefined;
  }

  private get active(): boolean {
    return this.uneven || (this.options.slowStart !== undefined && this.options.clock.now() < this.warmUntilMs);
  }
}
