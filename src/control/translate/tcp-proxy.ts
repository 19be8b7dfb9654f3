// The TCP proxy network filter, and before it Istio's metrics of connections.
import type { Filter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { TcpProxy } from '#codec/protobuf/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy';
import { accessLogs } from './access-log.ts';
import type { ListenerOptions } from './http-connection-manager.ts';
import { statsConfig } from './http-filter.ts';
import { durationOf, pack } from './message.ts';

/** Each there when it is said. */
export interface ConnectionSettings {
  /** They are hashed by the client's address. */
  hashesSourceIp?: boolean;
  /** They go through an HTTP proxy. */
  tunnel?: { target: string; post: boolean };
  /** They go to the host that the client names in TLS, at this port. */
  namedHostPort?: number;
  idleMs?: number;
  durationMsMax?: number;
}

export interface ClusterWeight {
  name: string;
  weight: number;
  /** What a rule for its host says of connections. */
  connections?: ConnectionSettings;
}

/** `clusters`: at least one. Of settings in which they differ, those of the first hold. */
export function tcpFilters(statPrefix: string, clusters: readonly ClusterWeight[], options: ListenerOptions): Filter[] {
  return [...tcpStats(options), tcpProxy(statPrefix, clusters, options)];
}

function tcpStats({ istio, metrics, reportingIntervalMs }: ListenerOptions): Filter[] {
  if (!istio) return [];
  return [{ name: 'istio.stats', configType: { $case: 'typedConfig', value: statsConfig(true, metrics, reportingIntervalMs) } }];
}

function tcpProxy(statPrefix: string, clusters: readonly ClusterWeight[], { accessLog }: ListenerOptions): Filter {
  const [only] = clusters;
  const settings: ConnectionSettings = Object.assign({}, ...clusters.map(({ connections }) => connections).reverse());
  const value = pack('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', TcpProxy, {
    statPrefix,
    clusterSpecifier:
      clusters.length === 1 && only
        ? { $case: 'cluster', value: only.name }
        : { $case: 'weightedClusters', value: { clusters: clusters.map(({ name, weight }) => ({ name, weight })) } },
    ...(settings.tunnel && { tunnelingConfig: { hostname: settings.tunnel.target, usePost: settings.tunnel.post } }),
    ...(settings.idleMs !== undefined && { idleTimeout: durationOf(settings.idleMs) }),
    ...(settings.durationMsMax !== undefined && { maxDownstreamConnectionDuration: durationOf(settings.durationMsMax) }),
    ...(settings.hashesSourceIp && {
      hashPolicy: [{ policySpecifier: { $case: 'sourceIp' as const, value: {} } }],
    }),
    accessLog: accessLogs(accessLog),
  });
  return { name: 'envoy.filters.network.tcp_proxy', configType: { $case: 'typedConfig', value } };
}
