// `/clusters` as text and as Envoy's admin.v3.Clusters JSON. Pure.
import type { Cluster } from '#proxy/upstream/cluster';
import type { Endpoint } from '#proxy/upstream/endpoint';

export function formatClusters(clusters: Iterable<Cluster>): string {
  let text = '';
  for (const { name, config, all } of described(clusters)) {
    const { connectionsMax, pendingRequestsMax, requestsMax, retriesMax } = config.circuitBreaker;
    text += `${name}::observability_name::${name}\n`;
    text += `${name}::default_priority::max_connections::${connectionsMax}\n${name}::default_priority::max_pending_requests::${pendingRequestsMax}\n`;
    text += `${name}::default_priority::max_requests::${requestsMax}\n${name}::default_priority::max_retries::${retriesMax}\n`;
    for (const endpoint of all) {
      const line = (key: string, value: string | number) => `${name}::${endpoint.name}::${key}::${value}\n`;
      for (const [key, value] of Object.entries(endpoint.stats)) text += line(key, value as number);
      text += line('health_flags', healthFlags(endpoint));
      text += line('weight', endpoint.config.weight) + line('priority', endpoint.config.priority);
      text += line('locality', endpoint.config.locality) + line('hostname', '') + line('success_rate', '-1');
    }
  }
  return text;
}

export function describeClusters(clusters: Iterable<Cluster>): object {
  return {
    cluster_statuses: described(clusters).map(({ name, config, all }) => ({
      name,
      added_via_api: true,
      observability_name: name,
      ...(config.discovery.kind === 'eds' ? { eds_service_name: config.discovery.serviceName } : {}),
      host_statuses: all.map((endpoint) => ({
        address: { socket_address: { address: endpoint.config.address.address, port_value: endpoint.config.address.port } },
        stats: Object.entries(endpoint.stats).map(([key, value]) => ({
          name: key,
          value: String(value),
          type: key.endsWith('_active') ? 'GAUGE' : 'COUNTER',
        })),
        health_status: {
          eds_health_status: endpoint.config.health.toUpperCase(),
          ...(endpoint.checked?.health === 'unhealthy' && { failed_active_health_check: true }),
          ...(endpoint.checked?.pending && { pending_active_hc: true }),
          ...(endpoint.monitor?.ejected && { failed_outlier_check: true }),
        },
        weight: endpoint.config.weight,
        priority: endpoint.config.priority,
      })),
    })),
  };
}

/** Envoy's words, each after a slash. */
function healthFlags({ config, monitor, checked }: Endpoint): string {
  const flags = [
    checked?.health === 'unhealthy' && '/failed_active_hc',
    checked?.health === 'degraded' && '/degraded_active_hc',
    checked?.pending && '/pending_active_hc',

    monitor?.ejected && '/failed_outlier_check',
    config.health === 'unhealthy' && '/failed_eds_health',
    config.health === 'degraded' && '/degraded_eds_health',
  ];
  return flags.filter(Boolean).join('') || 'healthy';
}

function described(clusters: Iterable<Cluster>) {
  return [...clusters]
    .map((cluster) => ({ name: cluster.name, config: cluster.config, all: [...cluster.all()] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
