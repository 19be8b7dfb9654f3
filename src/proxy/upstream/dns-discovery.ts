// Keeps the endpoints of a DNS cluster fresh: every name is resolved again and again; what was good last stays when it fails.
import { isIP } from 'node:net';
import type { Timer } from '#foundation/clock';
import { messageOf } from '#foundation/mesh-error';
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import type { Cluster } from './cluster.ts';
import type { UpstreamOptions } from './upstream-context.ts';

const addressesMax = 256;

export class DnsDiscovery {
  private timer: Timer | undefined;
  private stopped = false;
  /** Per configured endpoint: what it resolved to last. */
  private readonly resolved = new Map<EndpointConfig, readonly EndpointConfig[]>();

  constructor(
    private readonly options: UpstreamOptions,
    private readonly cluster: Cluster,
    private readonly config: ClusterConfig,
    private readonly discovery: { logical: boolean; refreshMs: number },
  ) {
    void this.refresh();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async refresh(): Promise<void> {
    await Promise.all(this.config.endpoints.map((endpoint) => this.resolve(endpoint)));
    if (this.stopped) return;
    this.cluster.setEndpoints(this.config.endpoints.flatMap((endpoint) => this.resolved.get(endpoint) ?? []));
    this.timer = this.options.clock.after(this.discovery.refreshMs, () => void this.refresh(), { unref: true });
  }

  private async resolve(endpoint: EndpointConfig): Promise<void> {
    const { address: host, port } = endpoint.address;
    const { stats } = this.cluster;
    try {
      const addresses = isIP(host) > 0 ? [host] : await this.options.resolver.resolve(host);
      const wanted = addresses.slice(0, this.discovery.logical ? 1 : addressesMax);
      this.resolved.set(
        endpoint,
        wanted.map((address) => ({ ...endpoint, address: { address, port } })),
      );
      stats.update_success++;
    } catch (thrown) {
      stats.update_failure++;
      this.options.logger.warn(
        { cluster: this.config.name, host, error: messageOf(thrown) },
        'name not resolved; last good addresses stay',
      );
    }
  }
}
