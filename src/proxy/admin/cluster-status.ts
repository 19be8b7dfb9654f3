// How clusters and their endpoints are and what they have counted, as plain data; `/clusters` as text and as Envoy's admin.v3.Clusters JSON. Pure.
import type { CircuitBreakerConfig, EndpointConfig } from '#proxy/config/cluster';
import { tlsSamples } from '#proxy/tls/tls-stats';
import type { Cluster } from '#proxy/upstream/cluster';
import type { Endpoint } from '#proxy/upstream/endpoint';
import { addSamples, type Samples } from './samples.ts';

export interface ClusterStatus {
  readonly name: string;
  /** For EDS. */
  readonly serviceName: string | undefined;
  readonly circuitBreaker: CircuitBreakerConfig;
  readonly samples: Samples;
  readonly endpoints: readonly EndpointStatus[];
}

export interface EndpointStatus {
  /** Its address. */
  readonly name: string;
  readonly config: Pick<EndpointConfig, 'address' | 'weight' | 'priority' | 'locality' | 'health'>;
  readonly ejected: boolean;
  /** By active checks; undefined: nobody asks. */
  readonly checked: { readonly health: string; readonly pending: boolean } | undefined;
  readonly samples: Samples;
}

/** By name. */
export function clusterStatuses(clusters: Iterable<Cluster>): ClusterStatus[] {
  return [...clusters]
    .map((cluster) => ({
      name: cluster.name,
      serviceName: cluster.config.discovery.kind === 'eds' ? cluster.config.discovery.serviceName : undefined,
      circuitBreaker: cluster.config.circuitBreaker,
      samples: Object.fromEntries(clusterSamples(cluster)),
      endpoints: [...cluster.all()].map(endpointStatus),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function endpointStatus({ name, config, monitor, checked, stats }: Endpoint): EndpointStatus {
  const { address, weight, priority, locality, health } = config;
  return {
    name,
    config: { address, weight, priority, locality, health },
    ejected: monitor?.ejected === true,
    checked: checked && { health: checked.health, pending: checked.pending },
    samples: { ...stats },
  };
}

/** Some of them are there only where the cluster has what they count. */
function* clusterSamples({ stats, http2Stats, tlsStats, outlierStats, healthCheckStats }: Cluster): Iterable<readonly [string, number]> {
  yield* Object.entries(stats.samples());
  for (const [key, value] of Object.entries(http2Stats)) yield [`http2.${key}`, value as number];
  if (tlsStats !== undefined) yield* tlsSamples(tlsStats, 'client');
  for (const [key, value] of Object.entries(outlierStats ?? {})) yield [`outlier_detection.${key}`, value as number];
  for (const [key, value] of Object.entries(healthCheckStats ?? {})) yield [`health_check.${key}`, value as number];
}

/** Those of `first`, with what `other` has counted of them; an endpoint is ejected where one of them says so. */
export function addClusterStatuses(first: readonly ClusterStatus[], other: readonly ClusterStatus[]): ClusterStatus[] {
  const byName = new Map(other.map((cluster) => [cluster.name, cluster]));
  return first.map((cluster) => {
    const more = byName.get(cluster.name);
    if (more === undefined) return cluster;
    const hosts = new Map(more.endpoints.map((endpoint) => [endpoint.name, endpoint]));
    const endpoints = cluster.endpoints.map((endpoint) => {
      const host = hosts.get(endpoint.name);
      if (host === undefined) return endpoint;
      return { ...endpoint, ejected: endpoint.ejected || host.ejected, samples: addSamples(endpoint.samples, host.samples) };
    });
    return { ...cluster, samples: addSamples(cluster.samples, more.samples), endpoints };
  });
}

export function formatClusters(clusters: readonly ClusterStatus[]): string {
  let text = '';
  for (const { name, circuitBreaker, endpoints } of clusters) {
    const { connectionsMax, pendingRequestsMax, requestsMax, retriesMax } = circuitBreaker;
    text += `${name}::observability_name::${name}\n`;
    text += `${name}::default_priority::max_connections::${connectionsMax}\n${name}::default_priority::max_pending_requests::${pendingRequestsMax}\n`;
    text += `${name}::default_priority::max_requests::${requestsMax}\n${name}::default_priority::max_retries::${retriesMax}\n`;
    for (const endpoint of endpoints) {
      const line = (key: string, value: string | number) => `${name}::${endpoint.name}::${key}::${value}\n`;
      for (const [key, value] of Object.entries(endpoint.samples)) text += line(key, value);
      text += line('health_flags', healthFlags(endpoint));
      text += line('weight', endpoint.config.weight) + line('priority', endpoint.config.priority);
      text += line('locality', endpoint.config.locality) + line('hostname', '') + line('success_rate', '-1');
    }
  }
  return text;
}

export function describeClusters(clusters: readonly ClusterStatus[]): object {
  return {
    cluster_statuses: clusters.map(({ name, serviceName, endpoints }) => ({
      name,
      added_via_api: true,
      observability_name: name,
      ...(serviceName !== undefined && { eds_service_name: serviceName }),
      host_statuses: endpoints.map(({ config, samples, checked, ejected }) => ({
        address: { socket_address: { address: config.address.address, port_value: config.address.port } },
        stats: Object.entries(samples).map(([key, value]) => ({
          name: key,
          value: String(value),
          type: key.endsWith('_active') ? 'GAUGE' : 'COUNTER',
        })),
        health_status: {
          eds_health_status: config.health.toUpperCase(),
          ...(checked?.health === 'unhealthy' && { failed_active_health_check: true }),
          ...(checked?.pending && { pending_active_hc: true }),
          ...(ejected && { failed_outlier_check: true }),
        },
        weight: config.weight,
        priority: config.priority,
      })),
    })),
  };
}

/** Envoy's words, each after a slash. */
function healthFlags({ config, ejected, checked }: EndpointStatus): string {
  const flags = [
    checked?.health === 'unhealthy' && '/failed_active_hc',
    checked?.health === 'degraded' && '/degraded_active_hc',
    checked?.pending && '/pending_active_hc',
    ejected && '/failed_outlier_check',
    config.health === 'unhealthy' && '/failed_eds_health',
    config.health === 'degraded' && '/degraded_eds_health',
  ];
  return flags.filter(Boolean).join('') || 'healthy';
}
