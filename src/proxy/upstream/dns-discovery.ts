// Keeps the endpoints of a DNS cluster fresh: every name is resolved again and again; what was good last stays when it fails. A resolver
// that does not answer holds up nobody but its own name, and is not asked again before it has.
import { isIP } from 'node:net';
import type { Timer } from '#foundation/clock';
import { messageOf } from '#foundation/mesh-error';
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import type { Cluster } from './cluster.ts';
import type { UpstreamOptions } from './upstream-context.ts';

const addressesMax = 256;
/** After that a question counts as failed; the answer is taken when it comes nevertheless. */
const answerMsMax = 5_000;

export class DnsDiscovery {
  private timer: Timer | undefined;
  private stopped = false;
  /** Those whose names are being resolved. */
  private readonly asking = new Set<EndpointConfig>();
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
    const { clock } = this.options;
    let bound: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      bound = clock.after(answerMsMax, () => resolve(this.noteLate()), { unref: true });
    });
    await Promise.race([Promise.all(this.config.endpoints.map((endpoint) => this.resolve(endpoint))), late]);
    bound?.cancel();
    if (this.stopped) return;
    this.publish();
    this.timer = clock.after(this.discovery.refreshMs, () => void this.refresh(), { unref: true });
  }

  private publish(): void {
    this.cluster.setEndpoints(this.config.endpoints.flatMap((endpoint) => this.resolved.get(endpoint) ?? []));
  }

  private noteLate(): void {
    for (const { address } of this.asking) this.noteFailure(address.address, `no answer in ${answerMsMax} ms`);
  }

  private noteFailure(host: string, error: string): void {
    this.cluster.stats.update_failure++;
    this.options.logger.warn({ cluster: this.config.name, host, error }, 'name not resolved; last good addresses stay');
  }

  private async resolve(endpoint: EndpointConfig): Promise<void> {
    const { address: host, port } = endpoint.address;
    if (this.asking.has(endpoint)) return;
    this.asking.add(endpoint);
    try {
      const addresses = isIP(host) > 0 ? [host] : await this.options.resolver.resolve(host);
      const wanted = addresses.slice(0, this.discovery.logical ? 1 : addressesMax);
      const isFirst = !this.resolved.has(endpoint);
      this.resolved.set(
        endpoint,
        wanted.map((address) => ({ ...endpoint, address: { address, port } })),
      );
      this.cluster.stats.update_success++;
      // It does not wait for the others.
      if (isFirst && !this.stopped) this.publish();
    } catch (thrown) {
      this.noteFailure(host, messageOf(thrown));
    } finally {
      this.asking.delete(endpoint);
    }
  }
}
