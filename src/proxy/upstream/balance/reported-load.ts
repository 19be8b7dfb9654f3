// What one endpoint has reported of its load, as the weight that it is worth: how many requests a second it serves for how much of itself.
// gRPC's and Envoy's client-side weighted round robin. https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md
import type { UtilizationConfig } from '#proxy/config/load-balancer';
import type { LoadReport } from './load-report.ts';

export class ReportedLoad {
  private weight = 0;
  private lastMs = 0;
  /** Since when reports have come without a gap; undefined: none holds. */
  private sinceMs: number | undefined;

  /** A report that says nothing of the load changes nothing. */
  hear(report: LoadReport, config: UtilizationConfig, nowMs: number): void {
    const requests = report.get('rps_fractional') ?? 0;
    const utilization = utilizationOf(report, config.metricNames);
    if (requests <= 0 || utilization <= 0) return;
    const errors = (report.get('eps') ?? 0) / requests;
    this.weight = requests / (utilization + errors * config.errorPenalty);
    this.sinceMs ??= nowMs;
    this.lastMs = nowMs;
  }

  /** Undefined while the endpoint is too new to be judged, or has been silent for too long. */
  weightAt(nowMs: number, { blackoutMs, expirationMs }: UtilizationConfig): number | undefined {
    if (this.sinceMs === undefined || nowMs - this.sinceMs < blackoutMs) return undefined;
    if (nowMs - this.lastMs <= expirationMs) return this.weight;
    this.sinceMs = undefined;
    return undefined;
  }
}

/** The application's own word, else the tightest of the metrics named, else the CPU. */
function utilizationOf(report: LoadReport, names: readonly string[]): number {
  const own = report.get('application_utilization') ?? 0;
  if (own > 0) return own;
  const tightest = Math.max(0, ...names.map((name) => report.get(name) ?? 0));
  return tightest > 0 ? tightest : (report.get('cpu_utilization') ?? 0);
}
