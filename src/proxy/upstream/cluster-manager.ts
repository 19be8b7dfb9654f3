// The clusters of one proxy, by name. Told by config/ what they are and where their endpoints are; asked by filters/ per request.
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import { Cluster } from './cluster.ts';
import { DnsDiscovery } from './dns-discovery.ts';
import type { UpstreamOptions } from './upstream-context.ts';

export class ClusterManager {
  private readonly clusters = new Map<string, Cluster>();
  private readonly discoveries = new Map<string, DnsDiscovery>();
  private closed = false;

  constructor(private readonly options: UpstreamOptions) {}

  get(name: string): Cluster | undefined {
    return this.clusters.get(name);
  }

  all(): Iterable<Cluster> {
    return this.clusters.values();
  }

  /** Adds a cluster, or changes it in place: connections and counters stay. Endpoints of EDS come by `setEndpoints`. */
  set(config: ClusterConfig): void {
    if (this.closed) return;
    const known = this.clusters.get(config.name);
    if (known?.config === config) return;
    const cluster = known ?? new Cluster(this.options, config);
    cluster.update(config);
    this.clusters.set(config.name, cluster);
    this.discoveries.get(config.name)?.stop();
    this.discoveries.delete(config.name);
    if (config.discovery.kind === 'static') cluster.setEndpoints(config.endpoints);
    if (config.discovery.kind === 'dns') {
      this.discoveries.set(config.name, new DnsDiscovery(this.options, cluster, config, config.discovery));
    }
  }

  /** Requests under way finish; new ones do not find it any more. */
  remove(name: string): void {
    this.discoveries.get(name)?.stop();
    this.discoveries.delete(name);
    this.clusters.get(name)?.drain();
    this.clusters.delete(name);
  }

  /** What EDS says of a cluster, by the cluster's name; nothing happens when it is not there. */
  setEndpoints(name: string, endpoints: readonly EndpointConfig[]): void {
    this.clusters.get(name)?.setEndpoints(endpoints);
  }

  /** Ends every connection and refresh, at once. */
  close(): void {
    this.closed = true;
    for (const discovery of this.discoveries.values()) discovery.stop();
    for (const cluster of this.clusters.values()) cluster.close();
  }
}
