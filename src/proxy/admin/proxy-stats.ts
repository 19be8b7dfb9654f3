// What a proxy has counted, as plain data, so that it can come from another process; and the sum over the processes that share its ports. Pure.
import { addFamilies, type FamilySnapshot } from '#telemetry/metrics';
import { addClusterStatuses, type ClusterStatus } from './cluster-status.ts';
import { addSamples, type Samples } from './samples.ts';

export interface ProxyStats {
  /** By name. */
  readonly clusters: readonly ClusterStatus[];
  /** By dotted names. */
  readonly server: Samples;
  /** Istio's metrics. */
  readonly families: readonly FamilySnapshot[];
  /** Of the processes that hold this proxy, which may hold others. Bytes. */
  readonly memory: Readonly<Record<'heapUsed' | 'heapTotal' | 'rss' | 'external', number>>;
}

/** `first` says which clusters there are and how their endpoints are; the others add what they have counted. */
export function addStats(first: ProxyStats, others: readonly ProxyStats[]): ProxyStats {
  return others.reduce(
    (sum, other) => ({
      clusters: addClusterStatuses(sum.clusters, other.clusters),
      server: addSamples(sum.server, other.server),
      families: addFamilies(sum.families, other.families),
      memory: addSamples(sum.memory, other.memory) as ProxyStats['memory'],
    }),
    first,
  );
}
