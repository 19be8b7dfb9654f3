// Takes endpoints that fail out of balancing for a while: Envoy's outlier detection, of one cluster. Ejections for
// failures in a row are made at once, those for the share of failures at the end of an interval, and all end at the next interval after
// their time; a timer runs only while there is something to judge or to end.
import type { Clock, Timer } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { ConsecutiveKind, OutlierDetectionConfig } from '#proxy/config/outlier-detection';
import { HostMonitor, type OutlierJudge, ratesCount } from './host-monitor.ts';
import { OutlierStats } from './outlier-stats.ts';
import { outliersByFailurePercentage, outliersBySuccessRate } from './rate.ts';

type RateKind = 'success_rate' | 'failure_percentage' | 'local_origin_success_rate' | 'local_origin_failure_percentage';

export interface OutlierOptions {
  clock: Clock;
  random: Random;
  /** Somebody was ejected, or is back. */
  onChange: () => void;
}

export class OutlierDetector implements OutlierJudge {
  readonly stats = new OutlierStats();
  private readonly monitors = new Set<HostMonitor>();
  private timer: Timer | undefined;

  /** `config` may be replaced; what was counted stays. */
  constructor(
    public config: OutlierDetectionConfig,
    private readonly options: OutlierOptions,
  ) {}

  watch(): HostMonitor {
    const monitor = new HostMonitor(this);
    this.monitors.add(monitor);
    if (ratesCount(this.config)) this.arm();
    return monitor;
  }

  forget(monitor: HostMonitor): void {
    this.monitors.delete(monitor);
    if (monitor.ejected) this.stats.ejections_active--;
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  suspect(monitor: HostMonitor, kind: ConsecutiveKind): void {
    if (this.eject(monitor, kind, this.config.consecutive[kind].enforcedPercent)) this.options.onChange();
  }

  /** False when it stays. */
  private eject(monitor: HostMonitor, kind: ConsecutiveKind | RateKind, enforcedPercent: number): boolean {
    const { stats, options } = this;
    if (monitor.ejected || !this.monitors.has(monitor)) return false;
    stats[`ejections_detected_${kind}`]++;
    if (options.random.next() * 100 >= enforcedPercent) return false;
    if (!this.mayEject()) {
      stats.ejections_overflow++;
      return false;
    }
    stats[`ejections_enforced_${kind}`]++;
    stats.ejections_enforced_total++;
    stats.ejections_active++;
    monitor.eject(options.clock.now());
    this.arm();
    return true;
  }

  /** As long as fewer are ejected than may be: the first may be, whatever the percentage, unless it is 0. */
  private mayEject(): boolean {
    const { ejections_active: ejected } = this.stats;
    if (ejected === 0 && this.config.alwaysEjectsOne) return true;
    return (100 * ejected) / this.monitors.size < this.config.ejectedPercentMax;
  }

  private arm(): void {
    this.timer ??= this.options.clock.after(this.config.intervalMs, () => this.sweep(), { unref: true });
  }

  private sweep(): void {
    const { clock, onChange } = this.options;
    this.timer = undefined;
    const now = clock.now();
    let changed = false;
    let remembered = false;
    for (const monitor of this.monitors) {
      if (monitor.ejected && now - monitor.ejectedAtMs >= this.ejectionMs(monitor)) {
        monitor.uneject();
        this.stats.ejections_active--;
        changed = true;
      } else if (!monitor.ejected && monitor.ejections > 0) {
        monitor.ejections--;
      }
      remembered ||= monitor.ejections > 0;
    }
    if (this.judgeRates()) changed = true;
    if (remembered || ratesCount(this.config)) this.arm();
    if (changed) onChange();
  }

  /** At the end of an interval. True when somebody was ejected. */
  private judgeRates(): boolean {
    const { successRate, failurePercentage, splitsLocalOrigin } = this.config;
    if (!ratesCount(this.config)) return false;
    let ejected = false;
    const judge = (found: readonly HostMonitor[], kind: RateKind, percent: number) => {
      for (const monitor of found) if (this.eject(monitor, kind, percent)) ejected = true;
    };
    const answers = new Map([...this.monitors].map((monitor) => [monitor, monitor.answers]));
    judge(outliersBySuccessRate(answers, successRate), 'success_rate', successRate.enforcedPercent);
    judge(outliersByFailurePercentage(answers, failurePercentage), 'failure_percentage', failurePercentage.enforcedPercent);
    if (splitsLocalOrigin) {
      const local = new Map([...this.monitors].map((monitor) => [monitor, monitor.local]));
      judge(outliersBySuccessRate(local, successRate), 'local_origin_success_rate', successRate.localEnforcedPercent);
      const failing = outliersByFailurePercentage(local, failurePercentage);
      judge(failing, 'local_origin_failure_percentage', failurePercentage.localEnforcedPercent);
    }
    for (const monitor of this.monitors) monitor.forget();
    return ejected;
  }

  private ejectionMs({ ejections }: HostMonitor): number {
    return Math.min(this.config.ejectionMs * ejections, this.config.ejectionMsMax);
  }
}
