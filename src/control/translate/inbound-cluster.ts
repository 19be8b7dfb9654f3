// Clusters that are the proxy's own: to its workload, past the mesh, and to nowhere.
import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { isHttp2 } from '#control/mesh/protocol';
import type { InboundPort } from '#control/view/inbound-port';
import { typeUrl } from '#xds/resource-type';
import { blackHoleCluster, inboundClusterName, inboundPassthroughCluster, type passthroughCluster } from './cluster-name.ts';
import { circuitBreakers } from './connection-pool.ts';
import { httpProtocolOptions } from './http-protocol-options.ts';
import { bytesOf, durationOf, servingAddress } from './message.ts';
import type { Recipe } from './resource-cache.ts';

export interface InboundClusterInput {
  port: InboundPort;
  /** Traffic is redirected here: it goes on to where it was going. Else to the pod's own loopback. */
  captured: boolean;
  connectTimeoutMs: number;
}

/** From this address a workload's redirection lets traffic through: Istio's choice. */
const inboundSource = '127.0.0.6';

export const inboundClusterRecipe: Recipe<InboundClusterInput> = {
  type: typeUrl.cluster,
  name: ({ port }) => inboundClusterName(port.number),
  key: ({ port, captured, connectTimeoutMs }) =>
    JSON.stringify([
      'inbound',
      port.number,
      port.protocol,
      port.service?.stamp,
      port.listener?.endpoint,
      port.connectionPool,
      captured,
      connectTimeoutMs,
    ]),
  build: (input) => bytesOf(Cluster, inboundCluster(input)),
};

function inboundCluster({ port, captured, connectTimeoutMs }: InboundClusterInput): Partial<Cluster> {
  const name = inboundClusterName(port.number);
  const { service, listener } = port;
  const endpoint = listener?.endpoint;
  const services = service ? [{ host: service.hostname, name: service.name, namespace: service.namespace }] : [];
  return {
    name,
    connectTimeout: durationOf(connectTimeoutMs),
    circuitBreakers: circuitBreakers({ connectionPool: port.connectionPool }),
    ...(isHttp2(port.protocol) && { typedExtensionProtocolOptions: httpProtocolOptions('http2') }),
    ...(port.protocol === 'auto' && { typedExtensionProtocolOptions: httpProtocolOptions('downstream') }),
    metadata: Metadata.fromPartial({ filterMetadata: { istio: { services } } }),
    ...(captured && !endpoint ? originalDestination(inboundSource) : fixed(name, endpoint ?? { address: '127.0.0.1', port: port.number })),
  };
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
