// How the endpoints of one cluster are: found out here, by outlier detection and active health checks, or told by the process that does it
// for all (judging.ts). Either writes what balancing goes by on the endpoints.
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint } from './endpoint.ts';
import type { HealthCheckStats } from './health/health-check-stats.ts';
import { type CheckedHost, HealthChecker } from './health/health-checker.ts';
import type { Judging, Outcome, RemoteJudge, Verdict, Verdicts } from './judging.ts';
import { RemoteMonitor } from './judging.ts';
import type { HostMonitor } from './outlier/host-monitor.ts';
import { OutlierDetector } from './outlier/outlier-detector.ts';
import type { OutlierStats } from './outlier/outlier-stats.ts';
import type { UpstreamContext } from './upstream-context.ts';

export interface ClusterJudge {
  /** Undefined while nobody looks for outliers here. */
  readonly outlierStats: OutlierStats | undefined;
  /** Undefined while nobody is asked from here. */
  readonly healthCheckStats: HealthCheckStats | undefined;
  /** The cluster's configuration has changed. */
  update(): void;
  watch(endpoint: Endpoint): void;
  forget(endpoint: Endpoint): void;
  /** Counts anew, and tells who goes by it: to be called when endpoints or their health have changed. */
  settle(): void;
  /** Tries of another process. */
  hear(outcomes: readonly Outcome[]): void;
  readonly verdicts: Verdicts;
  close(): void;
}

/** `onChange`: the health of some has changed. */
export function judgeOf(context: UpstreamContext, onChange: () => void): ClusterJudge {
  const { judging } = context;
  return judging?.kind === 'elsewhere' ? new ToldJudge(context, judging.judge) : new OwnJudge(context, judging, onChange);
}

interface Watched {
  monitor: HostMonitor | undefined;
  checked: CheckedHost | undefined;
}

class OwnJudge implements ClusterJudge {
  private outliers: OutlierDetector | undefined;
  private checker: HealthChecker | undefined;
  private readonly watched = new Map<Endpoint, Watched>();
  private published: Verdicts = {};

  constructor(
    private readonly context: UpstreamContext,
    private readonly judging: Extract<Judging, { kind: 'for all' }> | undefined,
    private readonly onChange: () => void,
  ) {}

  get outlierStats(): OutlierStats | undefined {
    return this.outliers?.stats;
  }

  get healthCheckStats(): HealthCheckStats | undefined {
    return this.checker?.stats;
  }

  update(): void {
    this.detectOutliers();
    this.checkHealth();
  }

  watch(endpoint: Endpoint): void {
    this.keep(endpoint, { monitor: this.outliers?.watch(), checked: this.checker?.watch(endpoint, undefined) });
  }

  forget(endpoint: Endpoint): void {
    const { monitor, checked } = this.watched.get(endpoint)!;
    if (monitor !== undefined) this.outliers?.forget(monitor);
    if (checked !== undefined) this.checker?.forget(checked);
    this.watched.delete(endpoint);
  }

  settle(): void {
    this.checker?.recount();
    if (this.judging === undefined) return;
    const { verdicts } = this;
    if (isDeepStrictEqual(verdicts, this.published)) return;
    this.published = verdicts;
    this.judging.publish(this.context.config.name, verdicts);
  }

  hear(outcomes: readonly Outcome[]): void {
    const monitors = new Map([...this.watched].map(([endpoint, { monitor }]) => [endpoint.name, monitor]));
    for (const { endpoint, kind, status, times } of outcomes) {
      const monitor = monitors.get(endpoint);
      for (let i = 0; i < times; i++) {
        if (kind === 'answered') monitor?.answered(status);
        else monitor?.failed(status === 504 ? 504 : 503);
      }
    }
  }

  get verdicts(): Verdicts {
    const verdicts: Record<string, Verdict> = {};
    for (const [{ name }, { monitor, checked }] of this.watched) {
      const ejected = monitor?.ejected === true;
      if (checked !== undefined) verdicts[name] = { ejected, checked: { health: checked.health, pending: checked.pending } };
      else if (ejected) verdicts[name] = { ejected };
    }
    return verdicts;
  }

  close(): void {
    this.outliers?.close();
    this.checker?.close();
    this.judging?.publish(this.context.config.name, {});
  }

  private keep(endpoint: Endpoint, watched: Watched): void {
    this.watched.set(endpoint, watched);
    endpoint.monitor = watched.monitor;
    endpoint.checked = watched.checked;
  }

  /** What was found out stays when the way of looking for it changes. */
  private detectOutliers(): void {
    const { outlierDetection } = this.context.config;
    if (outlierDetection !== undefined && this.outliers !== undefined) {
      this.outliers.config = outlierDetection;
      return;
    }
    if ((outlierDetection === undefined) === (this.outliers === undefined)) return;
    this.outliers?.close();
    const { clock, random } = this.context;
    this.outliers = outlierDetection && new OutlierDetector(outlierDetection, { clock, random, onChange: this.onChange });
    for (const [endpoint, { checked }] of this.watched) this.keep(endpoint, { monitor: this.outliers?.watch(), checked });
  }

  /** What was found out holds until the new way of asking knows better. */
  private checkHealth(): void {
    const { healthCheck } = this.context.config;
    if (healthCheck === this.checker?.config) return;
    this.checker?.close();
    const { timers, random, stats } = this.context;
    const options = { timers, random, clusterStats: stats, onChange: this.onChange };
    this.checker = healthCheck && new HealthChecker(healthCheck, options);
    for (const [endpoint, { monitor, checked }] of this.watched) {
      this.keep(endpoint, { monitor, checked: this.checker?.watch(endpoint, checked?.health) });
    }
  }
}

/** Of a process that goes by what another finds out. */
class ToldJudge implements ClusterJudge {
  readonly outlierStats = undefined;
  readonly healthCheckStats = undefined;
  readonly verdicts: Verdicts = {};
  private readonly watched = new Set<Endpoint>();

  constructor(
    private readonly context: UpstreamContext,
    private readonly judge: RemoteJudge,
  ) {}

  update(): void {
    for (const endpoint of this.watched) this.watch(endpoint);
  }

  watch(endpoint: Endpoint): void {
    const { context, judge } = this;
    const { name, outlierDetection } = context.config;
    this.watched.add(endpoint);
    if (outlierDetection === undefined) endpoint.monitor = undefined;
    else endpoint.monitor ??= new RemoteMonitor(judge, name, endpoint.name, () => context.config.outlierDetection);
    this.read(endpoint);
  }

  forget(endpoint: Endpoint): void {
    this.watched.delete(endpoint);
  }

  settle(): void {
    for (const endpoint of this.watched) this.read(endpoint);
  }

  hear(): void {}

  close(): void {}

  private read(endpoint: Endpoint): void {
    const { name, healthCheck } = this.context.config;
    endpoint.checked = healthCheck && this.judge.checked(name, endpoint.name);
  }
}
