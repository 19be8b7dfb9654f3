// Takes endpoints that fail out of balancing for a while: Envoy's outlier detection, of one cluster. Ejections are made at the failure
// itself and end at the next interval after their time; a timer runs only while there is something to end.
import type { Clock, Timer } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { ConsecutiveKind, OutlierDetectionConfig } from '#proxy/config/outlier-detection';
import { HostMonitor, type OutlierJudge } from './host-monitor.ts';
import { OutlierStats } from './outlier-stats.ts';

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
    const { stats, options, config } = this;
    if (monitor.ejected || !this.monitors.has(monitor)) return;
    stats[`ejections_detected_${kind}`]++;
    if (options.random.next() * 100 >= config.consecutive[kind].enforcedPercent) return;
    if (!this.mayEject()) {
      stats.ejections_overflow++;
      return;
    }
    stats[`ejections_enforced_${kind}`]++;
    stats.ejections_enforced_total++;
    stats.ejections_active++;
    monitor.eject(options.clock.now());
    this.arm();
    options.onChange();
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
    if (remembered) this.arm();
    if (changed) onChange();
  }

  private ejectionMs({ ejections }: HostMonitor): number {
    return Math.min(this.config.ejectionMs * ejections, this.config.ejectionMsMax);
  }
}
