// `/stats` and `/stats/prometheus`: counters of clusters and of the server, and Istio's metrics. Pure.
import type { Regex } from '#codec/regex';
import { escapeLabel, formatFamilies, formatSample } from '#telemetry/metrics';
import type { ProxyStats } from './proxy-stats.ts';

export function formatStats(stats: ProxyStats, filter: Regex | undefined): string {
  return [...samples(stats)]
    .filter(([name]) => filter === undefined || filter.isIn(name))
    .map(([name, value]) => `${name}: ${value}\n`)
    .sort()
    .join('');
}

export function statsJson(stats: ProxyStats, filter: Regex | undefined): object {
  return {
    stats: [...samples(stats)].filter(([name]) => filter === undefined || filter.isIn(name)).map(([name, value]) => ({ name, value })),
  };
}

function* samples({ clusters, server }: ProxyStats): Iterable<readonly [string, number]> {
  for (const cluster of clusters) {
    for (const [key, value] of Object.entries(cluster.samples)) yield [`cluster.${cluster.name}.${key}`, value];
  }
  yield* Object.entries(server);
}

/** Gauges by Envoy's naming; the rest are counters. */
const gauge = /_(active|healthy|total_hosts)$|^membership_|(^|_)(uptime|memory|state|live)/;

/** Istio's metrics stand first. */
export function formatPrometheus({ clusters, server, families }: ProxyStats): string {
  let text = formatFamilies(families);
  const keys = new Set(clusters.flatMap(({ samples }) => Object.keys(samples)));
  for (const key of keys) {
    const name = `envoy_cluster_${key.replace('.', '_')}`;
    text += `# TYPE ${name} ${gauge.test(key) ? 'gauge' : 'counter'}\n`;
    for (const { name: cluster, samples } of clusters) {
      const value = samples[key];
      if (value !== undefined) text += formatSample(name, `cluster_name="${escapeLabel(cluster)}"`, value);
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
