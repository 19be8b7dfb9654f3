// Round robin: everybody in turn; by weight where weights differ.
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { SlowStartConfig } from '#proxy/config/load-balancer';
import type { Endpoint } from '../endpoint.ts';
import { DynamicSchedule } from './dynamic-schedule.ts';
import type { Candidate, Picker } from './picker.ts';

export class RoundRobin implements Picker {
  private readonly weighted: DynamicSchedule;
  private turn: number;

  constructor(
    private readonly candidates: readonly Candidate[],
    slowStart: SlowStartConfig | undefined,
    random: Random,
    clock: Clock,
  ) {
    this.weighted = new DynamicSchedule(candidates, { slowStart, random, clock });
    // Many proxies that start together must not all begin with the same endpoint.
    this.turn = Math.floor(random.next() * candidates.length);
  }

  pick(): Endpoint {
    const next = this.weighted.next();
    if (next !== undefined) return next.endpoint;
    this.turn = (this.turn + 1) % this.candidates.length;
    return this.candidates[this.turn]!.endpoint;
  }
}
