// A cluster at run time: its endpoints with their pools, its load balancer, its counters. Updated in place by ClusterManager.
import { isDeepStrictEqual } from 'node:util';
import type { ClusterConfig, EndpointConfig, EndpointHealth } from '#proxy/config/cluster';
import { formatAddress, type SocketAddress } from '#proxy/config/socket-address';
import { Http2Stats } from '#proxy/http2/http2-stats';
import { TlsStats } from '#proxy/tls/tls-stats';
import type { PickContext } from './balance/pick-context.ts';
import { isHashed } from './balance/picker.ts';
import { PrioritySet } from './balance/priority-set.ts';
import { ReportedLoad } from './balance/reported-load.ts';
import { type ClusterJudge, judgeOf } from './cluster-judge.ts';
import { ClusterStats } from './cluster-stats.ts';
import { ClusterUsage, usageCell } from './cluster-usage.ts';
import { Endpoint } from './endpoint.ts';
import type { HealthCheckStats } from './health/health-check-stats.ts';
import type { Outcome, Verdicts } from './judging.ts';
import type { OutlierStats } from './outlier/outlier-stats.ts';
import { RequestWindow } from './request-window.ts';
import { ClusterTls } from './tls-client.ts';
import type { UpstreamContext, UpstreamOptions } from './upstream-context.ts';

/** Of a cluster whose endpoints are where each connection or request wants to go: how many are remembered. */
const destinationsMax = 4096;

export class Cluster {
  readonly stats: ClusterStats;
  readonly http2Stats = new Http2Stats();
  private readonly handshakes = new TlsStats();
  private readonly context: UpstreamContext;
  private tls: ClusterTls;
  /** By address, as xDS says it. */
  private readonly endpoints = new Map<string, Endpoint>();
  private balance: PrioritySet;
  private readonly judge: ClusterJudge;
  private sharesLimits = false;
  /** There when requests of the past count as well as those under way. */
  window: RequestWindow | undefined;

  constructor(
    options: UpstreamOptions,
    public config: ClusterConfig,
  ) {
    this.stats = new ClusterStats(new ClusterUsage(options.sharing.processes));
    this.tls = new ClusterTls(config, options, this.handshakes);
    this.context = { ...options, config, stats: this.stats, http2Stats: this.http2Stats, tlsFor: (endpoint) => this.tls.for(endpoint) };
    this.window = windowOf(config, undefined);
    this.balance = this.balanced();
    this.judge = judgeOf(this.context, () => this.refresh());
    this.judge.update();
    this.shareLimits();
  }

  get name(): string {
    return this.config.name;
  }

  /** As many requests are at a second try as may be at this moment. */
  get retriesReached(): boolean {
    const { usage } = this.stats;
    const { retryBudget: budget, retriesMax } = this.config.circuitBreaker;
    if (budget === undefined) return usage.reaches(usageCell.retries, retriesMax);
    const allowed = (requests: number) => Math.floor((requests * budget.percent) / 100);
    const underWay = usage.total(usageCell.requests) + usage.total(usageCell.pendingRequests);
    if (!usage.reaches(usageCell.retries, Math.max(budget.retriesMin, allowed(underWay)))) return false;
    // Each process knows its own requests of the past: its own retries are measured by them.
    return this.window === undefined || usage.own[usageCell.retries]! >= allowed(this.window.count(this.context.clock.now()));
  }

  all(): Iterable<Endpoint> {
    return this.endpoints.values();
  }

  update(config: ClusterConfig): void {
    const before = this.config;
    this.config = config;
    this.context.config = config;
    this.window = windowOf(config, this.window);
    if (!isDeepStrictEqual(transportOf(before), transportOf(config))) {
      this.tls = new ClusterTls(config, this.context, this.handshakes);
      // No request goes by a connection that is not secured as it is now to be.
      for (const endpoint of this.endpoints.values()) endpoint.renew();
    }
    this.hearReports();
    this.judge.update();
    this.shareLimits();
    this.refresh();
  }

  /** Undefined while no endpoint is spoken to by TLS. */
  get tlsStats(): TlsStats | undefined {
    return this.tls.any ? this.handshakes : undefined;
  }

  /** Undefined while nobody is asked from here. */
  get healthCheckStats(): HealthCheckStats | undefined {
    return this.judge.healthCheckStats;
  }

  /** Undefined while nobody looks for outliers here. */
  get outlierStats(): OutlierStats | undefined {
    return this.judge.outlierStats;
  }

  /** What is known of its endpoints, for processes that go by it. */
  get verdicts(): Verdicts {
    return this.judge.verdicts;
  }

  /** Tries of another process. */
  hear(outcomes: readonly Outcome[]): void {
    this.judge.hear(outcomes);
  }

  /** Another process has found out how its endpoints are. */
  judged(): void {
    this.refresh();
  }

  /** Those that stay keep their connections and counters; those that are gone finish what they have. */
  setEndpoints(configs: readonly EndpointConfig[]): void {
    const gone = new Set(this.endpoints.keys());
    for (const config of configs) {
      const name = formatAddress(config.address);
      const known = this.endpoints.get(name);
      if (known !== undefined) {
        const alike = isDeepStrictEqual(known.config.transportLabels, config.transportLabels);
        known.config = config;
        if (!alike) known.renew();
      } else this.addEndpoint(name, config);
      gone.delete(name);
    }
    for (const name of gone) this.removeEndpoint(name);
    this.refresh();
  }

  /**
   * An endpoint for a request or connection, or undefined when there is none to serve. One that the context avoids is taken when its
   * `picksMax` picks find no other.
   */
  pick(context: PickContext): Endpoint | undefined {
    if (this.config.discovery.kind === 'original_dst') {
      const destination = context.destination();
      return destination && this.toDestination(destination);
    }
    if (this.config.discovery.kind === 'dynamic_forward_proxy') {
      const host = context.namedHost();
      return host && this.toDestination(host);
    }
    const hash = isHashed(this.config.loadBalancer) ? context.hash() : undefined;
    const { excludedPriorities: excluded } = context;
    let endpoint = this.balance.pick(hash, 0, excluded);
    for (let attempt = 1; attempt < context.picksMax && endpoint && context.avoids(endpoint); attempt++) {
      endpoint = this.balance.pick(hash, attempt, excluded);
    }
    if (endpoint === undefined) this.stats.upstream_cx_none_healthy++;
    return endpoint;
  }

  /** The endpoint of that name (`ip:port`), if it may serve. */
  named(name: string): Endpoint | undefined {
    const endpoint = this.endpoints.get(name);
    return endpoint?.health === 'unhealthy' ? undefined : endpoint;
  }

  drain(): void {
    this.keepLimits();
    this.judge.close();
    for (const endpoint of this.endpoints.values()) endpoint.drain();
  }

  close(): void {
    this.keepLimits();
    this.judge.close();
    for (const endpoint of this.endpoints.values()) endpoint.close();
  }

  private addEndpoint(name: string, config: EndpointConfig): Endpoint {
    const endpoint = new Endpoint(this.context, config);
    this.judge.watch(endpoint);
    endpoint.load = this.reports ? new ReportedLoad() : undefined;
    this.endpoints.set(name, endpoint);
    return endpoint;
  }

  private removeEndpoint(name: string): void {
    const endpoint = this.endpoints.get(name)!;
    endpoint.drain();
    this.judge.forget(endpoint);
    this.endpoints.delete(name);
  }

  /** Endpoints say how busy they are, and it counts. */
  private get reports(): boolean {
    return this.config.loadBalancer.kind === 'utilization';
  }

  private hearReports(): void {
    for (const endpoint of this.endpoints.values()) endpoint.load = this.reports ? (endpoint.load ?? new ReportedLoad()) : undefined;
  }

  /** With the other processes of the proxy, where there is anything to exceed. */
  private shareLimits(): void {
    if (!isLimited(this.config)) {
      this.keepLimits();
    } else if (!this.sharesLimits) {
      this.sharesLimits = true;
      this.stats.usage.join(this.context.sharing, sharingKey(this.name));
    }
  }

  private keepLimits(): void {
    if (!this.sharesLimits) return;
    this.sharesLimits = false;
    this.stats.usage.leave(this.context.sharing, sharingKey(this.name));
  }

  private refresh(): void {
    const { stats } = this;
    this.judge.settle();
    for (const endpoint of this.endpoints.values()) endpoint.noteHealth();
    const count = (health: EndpointHealth) => [...this.endpoints.values()].filter((endpoint) => endpoint.health === health).length;
    stats.membership_total = this.endpoints.size;
    stats.membership_healthy = count('healthy');
    stats.membership_degraded = count('degraded');
    this.balance = this.balanced();
    const { local } = this.context;
    if (local?.name === this.name) local.note(this.endpoints.values());
  }

  private balanced(): PrioritySet {
    const { config, stats } = this;
    const { random, clock, local } = this.context;
    // Envoy has no weight 0; here it means: none of the traffic.
    const serving = [...this.endpoints.values()].filter((endpoint) => endpoint.config.weight > 0);
    return new PrioritySet(serving, { policy: config.loadBalancer, priorities: config.priorities, random, clock, stats, local });
  }

  private toDestination(address: SocketAddress): Endpoint {
    const name = formatAddress(address);
    let endpoint = this.endpoints.get(name);
    if (endpoint === undefined) {
      // The oldest goes; its connections finish what they have.
      if (this.endpoints.size >= destinationsMax) this.removeEndpoint(this.endpoints.keys().next().value!);
      endpoint = this.addEndpoint(name, {
        address,
        weight: 1,
        priority: 0,
        health: 'healthy',
        locality: '',
        localityWeight: 0,
        workload: '',
        transportLabels: {},
      });
      this.stats.membership_total = this.endpoints.size;
      this.stats.membership_healthy = this.endpoints.size;
    }
    return endpoint;
  }
}

/** Istio's way to say that there is no limit. */
const unlimited = 0xffff_ffff;

function isLimited({ circuitBreaker }: ClusterConfig): boolean {
  const { connectionsMax, pendingRequestsMax, requestsMax, retriesMax, retryBudget } = circuitBreaker;
  return retryBudget !== undefined || Math.min(connectionsMax, pendingRequestsMax, requestsMax, retriesMax) < unlimited;
}

/** `before`: as long as the interval is the same. */
function windowOf({ circuitBreaker }: ClusterConfig, before: RequestWindow | undefined): RequestWindow | undefined {
  const intervalMs = circuitBreaker.retryBudget?.intervalMs ?? 0;
  if (intervalMs === 0) return undefined;
  return before?.intervalMs === intervalMs ? before : new RequestWindow(intervalMs);
}

function sharingKey(cluster: string): string {
  return `cluster ${cluster}`;
}

/** What connections are made with. */
function transportOf({ tls, tlsMatches, proxyProtocol, protocol, autoSni, autoSanValidation }: ClusterConfig): object {
  return { tls, tlsMatches, proxyProtocol, protocol, autoSni, autoSanValidation };
}
