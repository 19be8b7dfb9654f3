// What the admin pages are made of, of some samples and clusters.
import { clusterStatuses } from '#proxy/admin/cluster-status';
import type { ProxyStats } from '#proxy/admin/proxy-stats';
import type { Cluster } from '#proxy/upstream/cluster';

export function statsOf(server: Readonly<Record<string, number>>, clusters: Iterable<Cluster> = []): ProxyStats {
  return { clusters: clusterStatuses(clusters), server, families: [], memory: { heapUsed: 1, heapTotal: 2, rss: 3, external: 4 } };
}
