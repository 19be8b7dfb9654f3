// Asks every endpoint of a cluster, again and again, whether it is well: Envoy's active health checks. One question at a time to each.

import type { Random } from '#foundation/random';
import type { EndpointHealth } from '#proxy/config/cluster';
import type { HealthCheckConfig } from '#proxy/config/health-check';
import { Timeout, type TimerWheel } from '#proxy/timer-wheel';
import type { ClusterStats } from '../cluster-stats.ts';
import { usageCell } from '../cluster-usage.ts';
import type { Endpoint } from '../endpoint.ts';
import { HealthCheckStats } from './health-check-stats.ts';
import { HttpProbe } from './http-probe.ts';
import { type Probe, type ProbeResult, probedEndpoint } from './probe.ts';
import { tcpProbe } from './tcp-probe.ts';

export interface HealthCheckOptions {
  timers: TimerWheel;
  random: Random;
  /** Of the cluster: without traffic, it is asked less often. */
  clusterStats: ClusterStats;
  /** Somebody's health changed. */
  onChange: () => void;
}

export class HealthChecker {
  readonly stats = new HealthCheckStats();
  private readonly hosts = new Set<CheckedHost>();
  private trafficSeen = false;

  constructor(
    readonly config: HealthCheckConfig,
    readonly options: HealthCheckOptions,
  ) {}

  /** `known`: what an earlier checker found out; undefined: the endpoint is not used before it has been asked. */
  watch(endpoint: Endpoint, known: EndpointHealth | undefined): CheckedHost {
    const host = new CheckedHost(this, endpoint, known);
    this.hosts.add(host);
    return host;
  }

  forget(host: CheckedHost): void {
    host.close();
    this.hosts.delete(host);
  }

  close(): void {
    for (const host of this.hosts) host.close();
    this.hosts.clear();
  }

  /** The cluster has ever had a connection here, or has been seen to have one in another process of the proxy. */
  get hasTraffic(): boolean {
    const { upstream_cx_total, usage } = this.options.clusterStats;
    return (this.trafficSeen ||= upstream_cx_total > 0 || usage.total(usageCell.connections) > 0);
  }

  recount(): void {
    const all = [...this.hosts];
    this.stats.healthy = all.filter(({ health }) => health === 'healthy').length;
    this.stats.degraded = all.filter(({ health }) => health === 'degraded').length;
  }
}

/** One endpoint under check. */
export class CheckedHost {
  health: EndpointHealth;
  /** It has not answered yet. */
  pending: boolean;
  /** Checks in a row that speak against `health`. */
  private against = 0;
  private readonly target: Endpoint;
  private probe: Probe | undefined;
  private readonly timeout = new Timeout(() => this.onTimeout());

  constructor(
    private readonly checker: HealthChecker,
    endpoint: Endpoint,
    known: EndpointHealth | undefined,
  ) {
    this.health = known ?? 'unhealthy';
    this.pending = known === undefined;
    this.target = probedEndpoint(endpoint, checker.config);
    const { timers, random } = checker.options;
    timers.set(this.timeout, random.next() * checker.config.intervals.initialJitterMs);
  }

  close(): void {
    this.checker.options.timers.cancel(this.timeout);
    this.probe?.cancel();
    this.target.close();
  }

  /** While a question is open: it took too long. Else: it is time for the next. */
  private onTimeout(): void {
    const { probe } = this;
    if (probe === undefined) {
      this.ask();
      return;
    }
    probe.cancel();
    this.hear('broken');
  }

  private ask(): void {
    const { config, options, stats } = this.checker;
    stats.attempt++;
    options.timers.set(this.timeout, config.timeoutMs);
    let answered = false;
    const done = (result: ProbeResult) => {
      answered = true;
      this.hear(result);
    };
    const probe = config.probe.kind === 'tcp' ? tcpProbe(this.target, config.probe, done) : new HttpProbe(this.target, config.probe, done);
    if (!answered) this.probe = probe;
  }

  private hear(result: ProbeResult): void {
    const { stats, options } = this.checker;
    this.probe = undefined;
    const well = result === 'healthy' || result === 'degraded';
    if (well) stats.success++;
    else stats.failure++;
    if (result === 'broken') stats.network_failure++;
    const before = this.health;
    this.judge(result, well);
    options.timers.set(this.timeout, this.untilNextMs(before));
    if (this.health !== before) options.onChange();
  }

  private judge(result: ProbeResult, well: boolean): void {
    const { healthyThreshold, unhealthyThreshold } = this.checker.config;
    const now = result === 'broken' ? 'unhealthy' : result;
    const first = this.pending;
    this.pending = false;
    if (well === (this.health !== 'unhealthy')) {
      this.against = 0;
      // Between healthy and degraded one answer decides.
      this.health = now;
      return;
    }
    this.against++;
    // An answer that says that it is sick is believed at once; that there was none may be the network's fault.
    const enough = first || result === 'unhealthy' || this.against >= (well ? healthyThreshold : unhealthyThreshold);
    if (!enough) return;
    this.against = 0;
    this.health = now;
  }

  private untilNextMs(before: EndpointHealth): number {
    const { config, options } = this.checker;
    const { intervals } = config;
    const well = this.health !== 'unhealthy';
    const changed = well !== (before !== 'unhealthy');
    let ms = well ? (changed ? intervals.healthyEdgeMs : intervals.ms) : changed ? intervals.unhealthyEdgeMs : intervals.unhealthyMs;
    if (!this.checker.hasTraffic) ms = well ? intervals.noTrafficHealthyMs : intervals.noTrafficMs;
    return ms + options.random.next() * (intervals.jitterMs + (ms * intervals.jitterPercent) / 100);
  }
}
