// `/stats` and `/stats/prometheus`: counters of clusters and of the server, and Istio's metrics. Pure.

import { tlsSamples } from '#proxy/tls/tls-stats';
import type { Cluster } from '#proxy/upstream/cluster';
import { escapeLabel, formatSample } from '#telemetry/metrics';

/** Dotted names to values, as Envoy's text has them. */
export type ServerStats = Readonly<Record<string, number>>;

export function formatStats(clusters: Iterable<Cluster>, server: ServerStats, filter: RegExp | undefined): string {
  return [...samples(clusters, server)]
    .filter(([name]) => filter === undefined || filter.test(name))
    .map(([name, value]) => `${name}: ${value}\n`)
    .sort()
    .join('');
}

export function statsJson(clusters: Iterable<Cluster>, server: ServerStats, filter: RegExp | undefined): object {
  return {
    stats: [...samples(clusters, server)]
      .filter(([name]) => filter === undefined || filter.test(name))
      .map(([name, value]) => ({ name, value })),
  };
}

function* samples(clusters: Iterable<Cluster>, server: ServerStats): Iterable<readonly [string, number]> {
  for (const cluster of clusters) {
    for (const [key, value] of clusterSamples(cluster)) yield [`cluster.${cluster.name}.${key}`, value];
  }
  yield* Object.entries(server);
}

/** Some of them are there only where the cluster has what they count. */
function* clusterSamples({ stats, http2Stats, tlsStats, outlierStats, healthCheckStats }: Cluster): Iterable<readonly [string, number]> {
  for (const [key, value] of Object.entries(stats)) yield [key, value as number];
  for (const [key, value] of Object.entries(http2Stats)) yield [`http2.${key}`, value as number];
  if (tlsStats !== undefined) yield* tlsSamples(tlsStats, 'client');
  for (const [key, value] of Object.entries(outlierStats ?? {})) yield [`outlier_detection.${key}`, value as number];
  for (const [key, value] of Object.entries(healthCheckStats ?? {})) yield [`health_check.${key}`, value as number];
}

/** Gauges by Envoy's naming; the rest are counters. */
const gauge = /_(active|healthy|total_hosts)$|^membership_|(^|_)(uptime|memory|state|live)/;

/** `istio`: the registry's own text, which stands first. */
export function formatPrometheus(clusters: readonly Cluster[], server: ServerStats, istio: string): string {
  let text = istio;
  const values = clusters.map((cluster) => new Map(clusterSamples(cluster)));
  const keys = new Set(values.flatMap((samples) => [...samples.keys()]));
  for (const key of keys) {
    const name = `envoy_cluster_${key.replace('.', '_')}`;
    text += `# TYPE ${name} ${gauge.test(key) ? 'gauge' : 'counter'}\n`;
    for (const [i, cluster] of clusters.entries()) {
      const value = values[i]!.get(key);
      if (value !== undefined) text += formatSample(name, `cluster_name="${escapeLabel(cluster.name)}"`, value);
    }
  }
  const byName = new Map<string, string>();
  for (const [key, value] of Object.entries(server)) {
    const { name, labels } = labelled(key);
    const type = byName.has(name) ? '' : `# TYPE ${name} ${gauge.test(key) ? 'gauge' : 'counter'}\n`;
    byName.set(name, (byName.get(name) ?? '') + type + formatSample(name, labels, value));
  }
  return text + [...byName.values()].join('');
}

/** What Envoy takes out of dotted names, and the labels that it makes of it. */
const tags: readonly (readonly [pattern: RegExp, label: string])[] = [
  [/^(http)\.(.+)\.(downstream_\w+|no_route|no_cluster)$/, 'envoy_http_conn_manager_prefix'],
  [/^(tcp)\.(.+)\.(downstream_\w+|no_route|no_cluster)$/, 'envoy_tcp_prefix'],
  [/^(listener)\.(.+?)\.((?:ssl|server_ssl_socket_factory)\.\w+|downstream_\w+)$/, 'envoy_listener_address'],
];

function labelled(key: string): { name: string; labels: string } {
  for (const [pattern, label] of tags) {
    const match = pattern.exec(key);
    if (match === null) continue;
    const [, kind, value = '', rest = ''] = match;
    return { name: `envoy_${kind}_${rest.replaceAll('.', '_')}`, labels: `${label}="${escapeLabel(value)}"` };
  }
  return { name: `envoy_${key.replace(/[^A-Za-z0-9_]/g, '_')}`, labels: '' };
}
