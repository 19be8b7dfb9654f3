// What a container's probes say, asked again and again while its program runs: whether it has started, is alive, and takes requests. With
// Kubernetes' thresholds, but that a first success is looked for more often than the period: a pod is ready when its program is.
import type { Clock, Timer } from '#foundation/clock';
import { ask, type Probe, type Probed, portsAccept } from './probe.ts';

export interface ProbeEvents {
  ready(ready: boolean): void;
  /** It has to be started again. */
  dead(which: 'startup' | 'liveness'): void;
}

/** Until it first succeeds. */
const eagerMs = 50;
const periodSecondsDefault = 10;
const failureThresholdDefault = 3;

export class ContainerProbes {
  /** Counts the program's runs: what was asked of one says nothing of the next. */
  private run = 0;
  private readonly timers = new Set<Timer>();

  constructor(
    private readonly probed: Probed,
    private readonly clock: Clock,
    private readonly events: ProbeEvents,
  ) {}

  /** The program has started. */
  begin(): void {
    this.end();
    const { startupProbe } = this.probed.container;
    if (startupProbe === undefined) this.beginOthers();
    else
      this.follow(
        startupProbe,
        () => this.beginOthers(),
        () => this.events.dead('startup'),
        'once',
      );
  }

  /** The program has ended, or is to. */
  end(): void {
    this.run++;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
  }

  private beginOthers(): void {
    const { livenessProbe, readinessProbe } = this.probed.container;
    if (livenessProbe)
      this.follow(
        livenessProbe,
        () => undefined,
        () => this.events.dead('liveness'),
        'always',
      );
    const ready = () => this.events.ready(true);
    if (readinessProbe) this.follow(readinessProbe, ready, () => this.events.ready(false), 'eagerly');
    else this.untilPortsAccept(ready);
  }

  private untilPortsAccept(then: () => void): void {
    this.after(eagerMs, async (isCurrent) => {
      const accepted = await portsAccept(this.probed);
      if (!isCurrent()) return;
      if (accepted) then();
      else this.untilPortsAccept(then);
    });
  }

  /** `once`: until it first succeeds; `eagerly`: often until then. */
  private follow(probe: Probe, succeeded: () => void, failed: () => void, how: 'once' | 'eagerly' | 'always'): void {
    const { periodSeconds = periodSecondsDefault, initialDelaySeconds = 0 } = probe;
    const { successThreshold = 1, failureThreshold = failureThresholdDefault } = probe;
    const periodMs = Math.max(1, periodSeconds) * 1000;
    let good = how === 'always';
    let successes = 0;
    let failures = 0;
    let countedAt = this.clock.now() + initialDelaySeconds * 1000;
    const turn = async (isCurrent: () => boolean) => {
      const success = await ask(probe, this.probed);
      if (!isCurrent()) return;
      const now = this.clock.now();
      if (success) {
        failures = 0;
        if (++successes >= successThreshold && !good) {
          good = true;
          succeeded();
          if (how === 'once') return;
        }
      } else {
        successes = 0;
        // Between two periods failures do not count.
        if (good || now - countedAt >= periodMs) {
          countedAt = now;
          if (++failures >= failureThreshold) {
            failures = 0;
            good = how === 'always';
            failed();
          }
        }
      }
      if (isCurrent()) this.after(good || how === 'always' ? periodMs : Math.min(eagerMs, periodMs), turn);
    };
    this.after(how === 'always' ? Math.max(initialDelaySeconds * 1000, eagerMs) : eagerMs, turn);
  }

  private after(ms: number, turn: (isCurrent: () => boolean) => Promise<void>): void {
    const { run } = this;
    const timer = this.clock.after(ms, () => {
      this.timers.delete(timer);
      void turn(() => this.run === run);
    });
    this.timers.add(timer);
  }
}
