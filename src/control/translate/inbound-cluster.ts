// Clusters that are the proxy's own: to its workload, past the mesh, and to nowhere.
import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import type { TcpKeepalive } from '#control/mesh/mesh-config';
import { isHttp2 } from '#control/mesh/protocol';
import type { InboundPort } from '#control/view/inbound-port';
import { durationMs } from '#foundation/duration';
import { typeUrl } from '#xds/resource-type';
import { blackHoleCluster, inboundClusterName, inboundPassthroughCluster, type passthroughCluster } from './cluster-name.ts';
import { circuitBreakers, connectionOptions, protocolOptions } from './connection-pool.ts';
import type { UpstreamProtocol } from './http-protocol-options.ts';
import { bytesOf, durationOf, servingAddress } from './message.ts';
import type { Recipe } from './resource-cache.ts';

export interface InboundClusterInput {
  port: InboundPort;
  /** Traffic is redirected here: it goes on to where it was going. Else to the pod's own loopback. */
  captured: boolean;
  connectTimeoutMs: number;
  tcpKeepalive: TcpKeepalive | undefined;
}

/** From this address a workload's redirection lets traffic through: Istio's choice. */
const inboundSource = '127.0.0.6';

export const inboundClusterRecipe: Recipe<InboundClusterInput> = {
  type: typeUrl.cluster,
  name: ({ port }) => inboundClusterName(port.number),
  key: ({ port, captured, connectTimeoutMs, tcpKeepalive }) =>
    JSON.stringify([
      'inbound',
      port.number,
      port.protocol,
      port.service?.stamp,
      port.listener?.endpoint,
      port.connectionPool,
      captured,
      connectTimeoutMs,
      tcpKeepalive,
    ]),
  build: (input) => bytesOf(Cluster, inboundCluster(input)),
};

function inboundCluster({ port, captured, connectTimeoutMs, tcpKeepalive }: InboundClusterInput): Partial<Cluster> {
  const name = inboundClusterName(port.number);
  const { service, listener, connectionPool = {} } = port;
  const endpoint = listener?.endpoint;
  const timeout = connectionPool.tcp?.connectTimeout;
  const services = service ? [{ host: service.hostname, name: service.name, namespace: service.namespace }] : [];
  return {
    name,
    connectTimeout: durationOf((timeout && durationMs(timeout)) || connectTimeoutMs),
    circuitBreakers: circuitBreakers({ connectionPool }),
    ...connectionOptions(connectionPool, tcpKeepalive),
    typedExtensionProtocolOptions: protocolOptions(upstreamProtocol(port), connectionPool),
    metadata: Metadata.fromPartial({ filterMetadata: { istio: { services } } }),
    ...(captured && !endpoint ? originalDestination(inboundSource) : fixed(name, endpoint ?? { address: '127.0.0.1', port: port.number })),
  };
}

function upstreamProtocol({ protocol, connectionPool }: InboundPort): UpstreamProtocol {
  if (protocol === 'auto' || connectionPool?.http?.useClientProtocol) return 'downstream';
  return isHttp2(protocol) ? 'http2' : 'http1';
}

function originalDestination(source: string | undefined): Partial<Cluster> {
  return {
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    ...(source && { upstreamBindConfig: bindTo(source) }),
  };
}

function bindTo(address: string): NonNullable<Cluster['upstreamBindConfig']> {
  return {
    sourceAddress: { protocol: 0, address, portSpecifier: { $case: 'portValue', value: 0 }, resolverName: '', ipv4Compat: false },
    freebind: undefined,
    socketOptions: [],
    extraSourceAddresses: [],
    additionalSourceAddresses: [],
    localAddressSelector: undefined,
  };
}

function fixed(name: string, { address, port }: { address: string; port: number }): Partial<Cluster> {
  return {
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC },
    loadAssignment: ClusterLoadAssignment.fromPartial({
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address: servingAddress(address, port) } } }] }],
    }),
  };
}

export interface FixedClusterInput {
  name: typeof blackHoleCluster | typeof passthroughCluster | typeof inboundPassthroughCluster;
  connectTimeoutMs: number;
}

export const fixedClusterRecipe: Recipe<FixedClusterInput> = {
  type: typeUrl.cluster,
  name: ({ name }) => name,
  key: ({ name, connectTimeoutMs }) => `fixed ${name} ${connectTimeoutMs}`,
  build: ({ name, connectTimeoutMs }) =>
    bytesOf(Cluster, {
      name,
      connectTimeout: durationOf(connectTimeoutMs),
      ...(name === blackHoleCluster
        ? { clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC } }
        : originalDestination(name === inboundPassthroughCluster ? inboundSource : undefined)),
    }),
};
