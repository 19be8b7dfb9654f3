// A cluster at run time: its endpoints with their pools, its load balancer, its counters. Updated in place by ClusterManager.
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import { formatAddress, type SocketAddress } from '#proxy/config/socket-address';
import { Http2Stats } from '#proxy/http2/http2-stats';
import { ClusterStats } from './cluster-stats.ts';
import { Endpoint } from './endpoint.ts';
import { createLoadBalancer, type LoadBalancer } from './load-balancer.ts';
import { ClusterTls } from './tls-client.ts';
import type { UpstreamContext, UpstreamOptions } from './upstream-context.ts';

/** Of a cluster whose endpoints are where each connection wants to go: how many are remembered. */
const destinationsMax = 4096;

export class Cluster {
  readonly stats = new ClusterStats();
  readonly http2Stats = new Http2Stats();
  /** Requests that are at a second try or later: bounded by the circuit breaker. */
  activeRetries = 0;
  private readonly context: UpstreamContext;
  private balance: LoadBalancer;
  private tls: ClusterTls;
  /** By address, as xDS says it. */
  private readonly endpoints = new Map<string, Endpoint>();
  /** Healthy ones of the first priority that has any. */
  private available: readonly Endpoint[] = [];

  constructor(
    options: UpstreamOptions,
    public config: ClusterConfig,
  ) {
    this.tls = new ClusterTls(config, options);
    this.context = { ...options, config, stats: this.stats, http2Stats: this.http2Stats, tlsFor: (endpoint) => this.tls.for(endpoint) };
    this.balance = createLoadBalancer(config.loadBalancer, config.leastRequestChoices, options.random);
  }

  get name(): string {
    return this.config.name;
  }

  all(): Iterable<Endpoint> {
    return this.endpoints.values();
  }

  update(config: ClusterConfig): void {
    this.config = config;
    this.context.config = config;
    this.balance = createLoadBalancer(config.loadBalancer, config.leastRequestChoices, this.context.random);
    this.tls = new ClusterTls(config, this.context);
  }

  /** Those that stay keep their connections and counters; those that are gone finish what they have. */
  setEndpoints(configs: readonly EndpointConfig[]): void {
    const gone = new Set(this.endpoints.keys());
    for (const config of configs) {
      const name = formatAddress(config.address);
      const known = this.endpoints.get(name);
      if (known !== undefined) known.config = config;
      else this.endpoints.set(name, new Endpoint(this.context, config));
      gone.delete(name);
    }
    for (const name of gone) this.removeEndpoint(name);
    this.refresh();
  }

  /**
   * An endpoint for a request, or undefined when none is healthy. `destination`: where the client wanted to go, for clusters that send
   * there. `tried` is avoided as long as `picksMax` picks find another.
   */
  pick(destination: SocketAddress | undefined, tried?: ReadonlySet<Endpoint>, picksMax = 1): Endpoint | undefined {
    if (this.config.discovery.kind === 'original_dst') return destination && this.toDestination(destination);
    const { available } = this;
    if (available.length === 0) {
      this.stats.upstream_cx_none_healthy++;
      return undefined;
    }
    let endpoint = this.balance(available);
    for (let picks = 1; picks < picksMax && tried?.has(endpoint); picks++) endpoint = this.balance(available);
    return endpoint;
  }

  drain(): void {
    for (const endpoint of this.endpoints.values()) endpoint.drain();
  }

  close(): void {
    for (const endpoint of this.endpoints.values()) endpoint.close();
  }

  private removeEndpoint(name: string): void {
    this.endpoints.get(name)?.drain();
    this.endpoints.delete(name);
  }

  private refresh(): void {
    const healthy = [...this.endpoints.values()].filter(({ config }) => config.healthy && config.weight > 0);
    const priority = Math.min(...healthy.map(({ config }) => config.priority));
    this.available = healthy.filter(({ config }) => config.priority === priority);
    this.stats.membership_total = this.endpoints.size;
    this.stats.membership_healthy = healthy.length;
  }

  private toDestination(address: SocketAddress): Endpoint {
    const name = formatAddress(address);
    let endpoint = this.endpoints.get(name);
    if (endpoint === undefined) {
      // The oldest goes; its connections finish what they have.
      if (this.endpoints.size >= destinationsMax) this.removeEndpoint(this.endpoints.keys().next().value!);
      endpoint = new Endpoint(this.context, {
        address,
        weight: 1,
        priority: 0,
        healthy: true,
        locality: '',
        workload: '',
        transportLabels: {},
      });
      this.endpoints.set(name, endpoint);
      this.stats.membership_total = this.endpoints.size;
      this.stats.membership_healthy = this.endpoints.size;
    }
    return endpoint;
  }
}
