// The proxy's own cluster: where those are that send what it sends. Balancing by zone (balance/zone-routing.ts) leaves to each zone what its
// own callers bring. Told by the cluster of that name, which is a cluster like any other (Envoy's `local_cluster_name`).
import type { Endpoint } from './endpoint.ts';

export class LocalCluster {
  /** Changes with everything else here. */
  stamp = 0;
  healthyPercent = 0;
  private healthy = 0;
  private healthyByLocality: ReadonlyMap<string, number> = new Map();

  constructor(
    readonly name: string,
    /** Of the proxy: `region/zone/subzone`. */
    readonly locality: string,
  ) {}

  note(endpoints: Iterable<Endpoint>): void {
    const counts = new Map<string, number>();
    let total = 0;
    this.healthy = 0;
    for (const { config, health } of endpoints) {
      total++;
      if (health !== 'healthy') continue;
      this.healthy++;
      counts.set(config.locality, (counts.get(config.locality) ?? 0) + 1);
    }
    this.healthyPercent = total === 0 ? 0 : (100 * this.healthy) / total;
    this.healthyByLocality = counts;
    this.stamp++;
  }

  /** In [0, 1]: how much of the traffic comes from there. */
  shareOf(locality: string): number {
    return this.healthy === 0 ? 0 : (this.healthyByLocality.get(locality) ?? 0) / this.healthy;
  }
}
