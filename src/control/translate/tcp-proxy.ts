// The TCP proxy network filter.
import type { Filter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { TcpProxy } from '#codec/protobuf/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy';
import { accessLogs } from './access-log.ts';
import type { ListenerOptions } from './http-connection-manager.ts';
import { pack } from './message.ts';

export interface ClusterWeight {
  name: string;
  weight: number;
  /** Connections are hashed by the client's address. */
  hashesSourceIp?: boolean;
}

/** `clusters`: at least one. */
export function tcpProxy(statPrefix: string, clusters: readonly ClusterWeight[], { accessLog }: ListenerOptions): Filter {
  const [only] = clusters;
  const value = pack('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', TcpProxy, {
    statPrefix,
    clusterSpecifier:
      clusters.length === 1 && only
        ? { $case: 'cluster', value: only.name }
        : { $case: 'weightedClusters', value: { clusters: clusters.map(({ name, weight }) => ({ name, weight })) } },
    ...(clusters.some(({ hashesSourceIp }) => hashesSourceIp) && {
      hashPolicy: [{ policySpecifier: { $case: 'sourceIp' as const, value: {} } }],
    }),
    accessLog: accessLogs(accessLog),
  });
  return { name: 'envoy.filters.network.tcp_proxy', configType: { $case: 'typedConfig', value } };
}
