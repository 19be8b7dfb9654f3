// When to push: at once when nothing was pushed lately; under load, what has come together, no oftener than a fixed share
// of the time. A push waits at most one interval, however fast changes come.
import type { Clock, Timer } from '#foundation/clock';
import { type Impact, joinImpact } from './impact.ts';

export interface PushSchedulerOptions {
  clock: Clock;
  /** Between the end of a push and the start of the next; at least as long as the push took, at most `intervalMsMax`. */
  intervalMsMin?: number;
  intervalMsMax?: number;
  push: (impact: Impact) => void;
}

export class PushScheduler {
  private pending: Impact | undefined;
  private timer: Timer | undefined;
  private restUntil = Number.NEGATIVE_INFINITY;
  private stopped = false;

  constructor(private readonly options: PushSchedulerOptions) {}

  changed(impact: Impact): void {
    if (this.stopped) return;
    this.pending = joinImpact(this.pending, impact);
    if (this.timer) return;
    const waitMs = this.restUntil - this.options.clock.now();
    if (waitMs <= 0) this.flush();
    else this.timer = this.options.clock.after(waitMs, () => this.flush(), { unref: true });
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.pending = undefined;
  }

  private flush(): void {
    const { clock, push, intervalMsMin = 5, intervalMsMax = 500 } = this.options;
    const impact = this.pending;
    this.timer = undefined;
    this.pending = undefined;
    if (!impact) return;
    const start = clock.now();
    push(impact);
    const end = clock.now();
    this.restUntil = end + Math.min(intervalMsMax, Math.max(intervalMsMin, end - start));
  }
}
