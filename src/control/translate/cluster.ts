// Outbound clusters: one for each port of each service that a proxy sees, and one for each subset of it.

import type { Subset } from '#api/kinds/destination-rule';
import {
  Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
} from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Metadata, type TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { MeshEndpoints, MeshServiceAccounts } from '#control/mesh/endpoint';
import type { TcpKeepalive } from '#control/mesh/mesh-config';
import { isHttp, isHttp2 } from '#control/mesh/protocol';
import type { MeshPort, MeshService } from '#control/mesh/service';
import type { MergedDestinationRule } from '#control/view/destination-rule';
import type { PlainWorkloads } from '#control/view/mtls-mode';
import { durationMs } from '#foundation/duration';
import { formatSpiffeId } from '#identity/spiffe';
import { typeUrl } from '#xds/resource-type';
import { outboundClusterName } from './cluster-name.ts';
import { circuitBreakers, connectionOptions, protocolOptions } from './connection-pool.ts';
import { dynamicDiscovery } from './dynamic-forward-proxy.ts';
import { loadAssignment, mutualTlsLabels } from './endpoint.ts';
import type { MoreOptions, UpstreamProtocol } from './http-protocol-options.ts';
import { type BalancingOptions, balancing } from './load-balancer.ts';
import type { LocalityBalance } from './locality-balance.ts';
import { adsSource, bytesOf, durationOf } from './message.ts';
import { type MeshClient, meshClientSocket, meshServerName } from './mutual-tls.ts';
import { errorMatcher, outlierDetection } from './outlier-detection.ts';
import { proxyProtocolSocket } from './proxy-protocol.ts';
import type { Recipe } from './resource-cache.ts';
import { type PortPolicy, portPolicy } from './traffic-policy.ts';
import { clientTransportSocket, plainTransportSocket } from './transport-socket.ts';

export interface ClusterInput extends BalancingOptions {
  service: MeshService;
  port: MeshPort;
  subset: Subset | undefined;
  /** Of a gateway that passes on what comes by the service's name in the SNI: under that name, and as it comes. */
  passesTls?: boolean;
  rule: MergedDestinationRule | undefined;
  /** Only for clusters that carry their endpoints themselves. */
  endpoints: MeshEndpoints | undefined;
  /** Of those. */
  balance: LocalityBalance | undefined;
  connectTimeoutMs: number;
  tcpKeepalive: TcpKeepalive | undefined;
  /** Whom the client takes for the mesh's workloads; none: it has no certificate of the mesh. */
  trustDomains: readonly string[];
  /** It speaks mutual TLS to endpoints that take it, where the rule does not say. */
  autoMtls: boolean;
  /** Of endpoints that the cluster carries. */
  plain: PlainWorkloads;
  /** Of its endpoints; undefined: they are not known. */
  accounts: MeshServiceAccounts | undefined;
  /** The same: those of this cluster alone; undefined: of all. */
  cluster: string | undefined;
  /** Secrets that the rule names are for the client: it is a gateway, or the rule is for its very labels. */
  readsSecrets: boolean;
  /** The mesh upgrades plain HTTP to HTTP/2 where the rule does not say. */
  h2Upgrade: boolean;
}

export const clusterRecipe: Recipe<ClusterInput> = {
  type: typeUrl.cluster,
  name: clusterName,
  key: (input) =>
    [
      clusterName(input),
      input.service.stamp,
      input.rule?.key ?? '',
      input.endpoints?.stamp ?? '',
      JSON.stringify(input.balance),
      input.grpcClient,
      JSON.stringify(input.localities),
      input.connectTimeoutMs,
      JSON.stringify(input.tcpKeepalive),
      input.h2Upgrade,
      input.readsSecrets,
      input.trustDomains.join(),
      input.autoMtls,
      input.plain.key,
      input.cluster,
      input.accounts?.stamp,
    ].join(' '),
  build: (input) => bytesOf(Cluster, outboundCluster(input)),
};

type UpstreamNames = NonNullable<MoreOptions['upstreamHttpProtocolOptions']>;
type ClusterPartial = Parameters<typeof Cluster.fromPartial>[0];

function clusterName({ service, port, subset, passesTls }: ClusterInput): string {
  return (passesTls ? meshServerName : outboundClusterName)(port.number, subset?.name ?? '', service.hostname);
}

/** True when the cluster of this service carries its endpoints, so that they are part of its key. */
export function carriesEndpoints(service: MeshService): boolean {
  return service.resolution === 'dns' || service.resolution === 'dns-round-robin';
}

function outboundCluster(input: ClusterInput): ClusterPartial {
  const { port, subset, rule, connectTimeoutMs, tcpKeepalive } = input;
  const policy = portPolicy(rule, subset, port.number);
  const timeout = policy.connectionPool?.tcp?.connectTimeout;
  const outliers = outlierDetection(policy.outlierDetection);
  const errors = errorMatcher(policy.outlierDetection);
  const names = upstreamNames(input, tlsOf(input, policy));
  return {
    name: clusterName(input),
    ...discovery(input, policy),
    connectTimeout: durationOf((timeout && durationMs(timeout)) || connectTimeoutMs),
    ...transport(input, policy),
    circuitBreakers: circuitBreakers(policy),
    ...(outliers && { outlierDetection: outliers }),
    ...connectionOptions(policy.connectionPool ?? {}, tcpKeepalive),
    typedExtensionProtocolOptions: protocolOptions(upstreamProtocol(input, policy.connectionPool), policy.connectionPool ?? {}, {
      ...(errors && { outlierDetection: { errorMatcher: errors } }),
      ...(names && { upstreamHttpProtocolOptions: names }),
    }),
    metadata: Metadata.fromPartial({ filterMetadata: { istio: istioMetadata(input, policy) } }),
  };
}

function discovery(input: ClusterInput, policy: PortPolicy): ClusterPartial {
  const { service, port, subset, endpoints, balance, plain, cluster } = input;
  const simple = policy.loadBalancer?.simple;
  const type = (value: Cluster_DiscoveryType) => ({ $case: 'type', value }) as const;
  if (service.resolution === 'passthrough' || simple === 'PASSTHROUGH') {
    return { clusterDiscoveryType: type(Cluster_DiscoveryType.ORIGINAL_DST), lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
  }
  if (service.resolution === 'dynamic-dns') return dynamicDiscovery();
  const name = clusterName(input);
  if (!carriesEndpoints(service)) {
    return {
      clusterDiscoveryType: type(Cluster_DiscoveryType.EDS),
      ...balancing(policy, input),
      edsClusterConfig: { edsConfig: adsSource(), serviceName: name },
    };
  }
  return {
    clusterDiscoveryType: type(service.resolution === 'dns' ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS),
    ...balancing(policy, input),
    loadAssignment: loadAssignment({ clusterName: name, port, labels: subset?.labels, endpoints, balance, plain, cluster }),
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
    dnsRefreshRate: durationOf(60_000),
    respectDnsTtl: true,
  };
}

function transport(input: ClusterInput, policy: PortPolicy): Partial<Cluster> {
  if (input.passesTls) return {};
  const protocol = upstreamProtocol(input, policy.connectionPool);
  const applicationProtocols = protocol === 'http2' ? ['h2'] : [];
  const mesh = meshClient(input, protocol);
  if (policy.tls === undefined && policy.proxyProtocol === undefined && takesMutualTls(input)) {
    return { transportSocketMatches: automaticMatches(meshClientSocket(mesh)) };
  }
  const tls = clientTransportSocket(tlsOf(input, policy), { ...namesOf(input), applicationProtocols, mesh });
  const transportSocket = policy.proxyProtocol ? proxyProtocolSocket(policy.proxyProtocol, tls) : tls;
  return transportSocket ? { transportSocket } : {};
}

/** Who may not read the Secret that a rule names speaks in the clear: such rules are for others, as Istio sees it. */
function tlsOf({ readsSecrets }: ClusterInput, { tls }: PortPolicy): PortPolicy['tls'] {
  return tls?.credentialName && !readsSecrets ? undefined : tls;
}

/** A service outside of the mesh may say which names its certificates have. */
function namesOf({ service: { hostname, external, subjectAltNames }, port }: ClusterInput) {
  const ofService = external && subjectAltNames.length > 0 ? subjectAltNames : undefined;
  return { hostname, subjectAltNames: ofService, namedByRequest: isRequested(port) };
}

/** Requests come to it, and say whom they are for. */
function isRequested({ protocol }: MeshPort): boolean {
  return isHttp(protocol) || protocol === 'auto';
}

/** Whoever is named in a request is who is called and must answer, unless the rule names another. */
function upstreamNames({ service, port }: ClusterInput, tls: PortPolicy['tls']): UpstreamNames | undefined {
  if (service.resolution === 'dynamic-dns') return { autoSni: true, autoSanValidation: !tls?.insecureSkipVerify };
  const named = tls?.subjectAltNames ?? (service.external ? service.subjectAltNames : []);
  const originates = tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL';
  if (!originates || tls.sni || !isRequested(port)) return undefined;
  return { autoSni: true, autoSanValidation: !named?.length && !tls.insecureSkipVerify };
}

/** Workloads of the mesh alone do. */
function takesMutualTls({ autoMtls, trustDomains, service }: ClusterInput): boolean {
  return autoMtls && trustDomains.length > 0 && !service.external && service.resolution === 'eds';
}

function automaticMatches(socket: TransportSocket) {
  return [
    { name: 'tlsMode-istio', match: mutualTlsLabels, transportSocket: socket },
    { name: 'tlsMode-disabled', match: {}, transportSocket: plainTransportSocket() },
  ];
}

function meshClient({ service, port, subset, trustDomains, accounts }: ClusterInput, protocol: UpstreamProtocol): MeshClient {
  const identities = (accounts?.names ?? []).flatMap((name) => {
    const [namespace = '', serviceAccount = ''] = name.split('/');
    return trustDomains.map((trustDomain) => formatSpiffeId({ trustDomain, namespace, serviceAccount }));
  });
  return {
    inner: isHttp(port.protocol) && protocol !== 'downstream' ? protocol : 'tcp',
    serverName: meshServerName(port.number, subset?.name ?? '', service.hostname),
    subjectAltNames: [...new Set([...service.subjectAltNames, ...identities])],
    prefixes: trustDomains.map((trustDomain) => `spiffe://${trustDomain}/ns/${service.namespace}/sa/`),
  };
}

/** The client's own where the rule keeps it or the port does not say; else HTTP/2 where the port says so, or plain HTTP is upgraded to it. */
function upstreamProtocol({ port: { protocol }, h2Upgrade }: ClusterInput, pool: PortPolicy['connectionPool']): UpstreamProtocol {
  if (protocol === 'auto' || (pool?.http?.useClientProtocol && isHttp(protocol))) return 'downstream';
  const policy = pool?.http?.h2UpgradePolicy ?? 'DEFAULT';
  const upgraded = protocol === 'http' && (policy === 'DEFAULT' ? h2Upgrade : policy === 'UPGRADE');
  return upgraded || isHttp2(protocol) ? 'http2' : 'http1';
}

function istioMetadata({ service, subset, rule }: ClusterInput, { tls }: PortPolicy): Record<string, unknown> {
  return {
    // The mesh's names are for the mesh: a server outside of it would not know them.
    ...((tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL') && { alpn_override: 'false' }),
    services: [{ host: service.hostname, name: service.name, namespace: service.namespace }],
    ...(service.external && { external: true }),
    ...(rule && { config: `/apis/networking.istio.io/v1/namespaces/${rule.namespace}/destination-rule/${rule.name}` }),
    ...(subset && { subset: subset.name }),
  };
}
