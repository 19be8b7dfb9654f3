// Envoy's Listener -> ListenerConfig.

import { TrafficDirection as Direction } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import type {
  FilterChain as EnvoyFilterChain,
  FilterChainMatch as EnvoyFilterChainMatch,
  Filter,
} from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { FilterConfig as SniDynamicForwardProxy } from '#codec/protobuf/generated/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy';
import { TcpProxy } from '#codec/protobuf/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy';
import { PluginConfig } from '#codec/protobuf/generated/istio/stats';
import { decodeNetworkExtAuthz } from '#proxy/filters/network/ext-authz';
import { decodeNetworkRbac } from '#proxy/filters/network/rbac';
import { MetricOverrides } from '#proxy/telemetry/metric-overrides';
import { decodeAccessLogs } from './decode-access-log.ts';
import { decodeAddress } from './decode-address.ts';
import { decodeHeaderMutations } from './decode-header-mutations.ts';
import { decodeHttpConnectionManager } from './decode-http-connection-manager.ts';
import { decodeListenerFilters } from './decode-listener-filter.ts';
import { originOf } from './decode-origin.ts';
import { decodeDownstreamTls } from './decode-tls.ts';
import { type Findings, messageName, milliseconds } from './findings.ts';
import type {
  ConnectionGateConfig,
  FilterChain,
  FilterChainMatch,
  ListenerConfig,
  NetworkFilterConfig,
  TcpProxyConfig,
  TrafficDirection,
} from './listener.ts';

/** Envoy's default of a connection's soft buffer limit. */
export const bufferBytesDefault = 1024 * 1024;

/** Envoy's default of `listener_filters_timeout`. */
const inspectionTimeoutDefaultMs = 15_000;

const directions: Readonly<Record<number, TrafficDirection>> = { [Direction.INBOUND]: 'inbound', [Direction.OUTBOUND]: 'outbound' };

export function decodeListener(listener: Listener, findings: Findings): ListenerConfig {
  if (listener.name === '') findings.report('name', 'is empty');
  if (listener.apiListener !== undefined) findings.report('api_listener', 'is for gRPC clients, not for a proxy');
  if (listener.filterChainMatcher !== undefined) findings.report('filter_chain_matcher', 'is not supported');
  if (listener.udpListenerConfig !== undefined) findings.report('udp_listener_config', 'is not supported');
  if (listener.filterChains.length === 0 && listener.defaultFilterChain === undefined) findings.report('filter_chains', 'is empty');
  const addresses = [listener.address, ...listener.additionalAddresses.map((a) => a.address)]
    .map((address, i) => decodeAddress(address, i === 0 ? 'address' : `additional_addresses[${i - 1}]`, findings))
    .filter((address) => address !== undefined);
  return {
    name: listener.name,
    addresses,
    bindToPort: listener.bindToPort ?? listener.deprecatedV1?.bindToPort ?? true,
    useOriginalDst: listener.useOriginalDst ?? false,
    direction: directions[listener.trafficDirection] ?? 'unspecified',
    filterChains: listener.filterChains.map((chain, i) => decodeFilterChain(chain, `filter_chains[${i}]`, findings)),
    defaultFilterChain:
      listener.defaultFilterChain === undefined
        ? undefined
        : decodeFilterChain(listener.defaultFilterChain, 'default_filter_chain', findings),
    bufferBytesMax: listener.perConnectionBufferLimitBytes ?? bufferBytesDefault,
    accessLogs: decodeAccessLogs(listener.accessLog, 'access_log', findings),
    ...decodeListenerFilters(listener, findings),
    inspectionTimeoutMs: milliseconds(listener.listenerFiltersTimeout, inspectionTimeoutDefaultMs),
    continueAfterInspectionTimeout: listener.continueOnListenerFiltersTimeout,
  };
}

function decodeFilterChain(chain: EnvoyFilterChain, field: string, findings: Findings): FilterChain {
  if (chain.filters.length === 0) findings.report(`${field}.filters`, 'is empty');
  const decoded = chain.filters.flatMap((filter, i) => {
    const at = `${field}.filters[${i}]`;
    const config = findings.attempt(at, () => decodeNetworkFilter(filter, at, findings));
    return config === undefined ? [] : [config];
  });
  const last = decoded.pop();
  const terminal = last !== undefined && isTerminal(last) ? last : undefined;
  if ((last !== undefined && terminal === undefined) || decoded.some(isTerminal)) {
    findings.report(`${field}.filters`, 'the last filter, and no other, must be http_connection_manager or tcp_proxy');
  }
  return {
    name: chain.name,
    origin: originOf(chain.metadata),
    match: decodeMatch(chain.filterChainMatch, field, findings),
    gates: decoded.flatMap((each) => (each.kind === 'gate' ? [each.gate] : [])),
    filters: terminal === undefined ? [] : [completed(terminal, decoded)],
    tls: decodeDownstreamTls(chain.transportSocket, `${field}.transport_socket`, findings),
    transportSocketConnectTimeoutMs: milliseconds(chain.transportSocketConnectTimeout, 0),
  };
}

function isTerminal(filter: DecodedFilter): filter is NetworkFilterConfig {
  return filter.kind === 'http_connection_manager' || filter.kind === 'tcp_proxy';
}

/** With what filters before it say: how its metrics are changed, and at which port hosts are asked that connections name. */
function completed(terminal: NetworkFilterConfig, before: readonly DecodedFilter[]): NetworkFilterConfig {
  if (terminal.kind !== 'tcp_proxy') return terminal;
  const stats = before.find((each) => each.kind === 'stats');
  const named = before.find((each) => each.kind === 'named host');
  const { metrics, reportingIntervalMs } = stats ?? terminal.tcp;
  return { ...terminal, tcp: { ...terminal.tcp, metrics, reportingIntervalMs, ...(named && { namedHostPort: named.port }) } };
}

function decodeMatch(match: EnvoyFilterChainMatch | undefined, field: string, findings: Findings): FilterChainMatch {
  if ((match?.sourcePorts.length ?? 0) > 0) findings.report(`${field}.filter_chain_match.source_ports`, 'is not supported');
  const ranges = (list: { addressPrefix: string; prefixLen: number | undefined }[] | undefined) =>
    (list ?? []).map(({ addressPrefix, prefixLen }) => `${addressPrefix}/${prefixLen ?? 0}`);
  return {
    destinationPort: match?.destinationPort,
    prefixRanges: ranges(match?.prefixRanges),
    serverNames: (match?.serverNames ?? []).map((name) => name.toLowerCase()),
    transportProtocol: match?.transportProtocol ?? '',
    applicationProtocols: match?.applicationProtocols ?? [],
    sourcePrefixRanges: ranges(match?.sourcePrefixRanges),
  };
}

/** Envoy's default. */
const tlsPort = 443;
/** Istio's. */
const reportingIntervalMsDefault = 15_000;

type DecodedFilter =
  | NetworkFilterConfig
  | { kind: 'gate'; gate: ConnectionGateConfig }
  | ({ kind: 'stats' } & Pick<TcpProxyConfig, 'metrics' | 'reportingIntervalMs'>)
  | { kind: 'named host'; port: number };

function decodeNetworkFilter(filter: Filter, field: string, findings: Findings): DecodedFilter | undefined {
  if (filter.configType?.$case !== 'typedConfig') {
    findings.report(field, `filter ${filter.name} has no typed_config`);
    return undefined;
  }
  const any = filter.configType.value;
  switch (messageName(any)) {
    case 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager':
      return {
        kind: 'http_connection_manager',
        http: decodeHttpConnectionManager(HttpConnectionManager.decode(any.value), field, findings),
      };
    case 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy':
      return { kind: 'tcp_proxy', tcp: decodeTcpProxy(TcpProxy.decode(any.value), field, findings) };
    case 'envoy.extensions.filters.network.rbac.v3.RBAC':
      return { kind: 'gate', gate: decodeNetworkRbac(filter.name, any.value, field, findings) };
    case 'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz': {
      const gate = decodeNetworkExtAuthz(filter.name, any.value, field, findings);
      return gate && { kind: 'gate', gate };
    }
    case 'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig': {
      const { portSpecifier } = SniDynamicForwardProxy.decode(any.value);
      return { kind: 'named host', port: portSpecifier?.value ?? tlsPort };
    }
    // Sessions are counted without it as well.
    case 'stats.PluginConfig': {
      const { metrics, tcpReportingDuration } = PluginConfig.decode(any.value);
      const reportingIntervalMs = milliseconds(tcpReportingDuration, reportingIntervalMsDefault);
      return { kind: 'stats', metrics: MetricOverrides.decode(metrics, field, findings), reportingIntervalMs };
    }
    // Where the peer's proxy says who it is, its ALPN tells.
    case 'envoy.tcp.metadataexchange.config.MetadataExchange':
      return undefined;
    default:
      findings.report(field, `filter ${filter.name} (${any.typeUrl}) is not known`);
      return undefined;
  }
}

function decodeTcpProxy(tcp: TcpProxy, field: string, findings: Findings): TcpProxyConfig {
  const specifier = tcp.clusterSpecifier;
  if (specifier === undefined) findings.report(field, 'cluster specifier is missing');
  return {
    statPrefix: tcp.statPrefix,
    namedHostPort: undefined,
    clusters:
      specifier?.$case === 'weightedClusters'
        ? specifier.value.clusters.map(({ name, weight }) => ({ name, weight }))
        : [{ name: specifier?.value ?? '', weight: 1 }],
    idleTimeoutMs: milliseconds(tcp.idleTimeout, 3_600_000),
    connectionMsMax: milliseconds(tcp.maxDownstreamConnectionDuration, 0),
    tunnel: decodeTunnel(tcp, `${field}.tunneling_config`, findings),
    maxConnectAttempts: tcp.maxConnectAttempts ?? 1,
    hashesSourceIp: tcp.hashPolicy.some(({ policySpecifier }) => policySpecifier?.$case === 'sourceIp'),
    accessLogs: decodeAccessLogs(tcp.accessLog, `${field}.access_log`, findings),
    metrics: undefined,
    reportingIntervalMs: reportingIntervalMsDefault,
  };
}

function decodeTunnel({ tunnelingConfig }: TcpProxy, field: string, findings: Findings): TcpProxyConfig['tunnel'] {
  if (tunnelingConfig === undefined) return undefined;
  const { hostname, usePost, postPath, headersToAdd, propagateResponseHeaders, propagateResponseTrailers } = tunnelingConfig;
  if (hostname === '' || hostname.includes('%')) findings.report(`${field}.hostname`, `"${hostname}" is no host and port`);
  if (propagateResponseHeaders) findings.report(`${field}.propagate_response_headers`, 'is not supported');
  if (propagateResponseTrailers) findings.report(`${field}.propagate_response_trailers`, 'is not supported');
  const { set, append, addIfAbsent } = decodeHeaderMutations(headersToAdd, []);
  return {
    target: hostname,
    post: usePost ? { path: postPath || '/' } : undefined,
    headers: [...set, ...append, ...addIfAbsent].map(({ name, value }) => [name, value] as const),
  };
}
