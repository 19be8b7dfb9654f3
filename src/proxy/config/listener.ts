// A listener as the data plane runs it: decoded from Envoy's Listener by decode-listener.ts, checked, immutable.

import type { ProxyProtocolVersion } from '#codec/proxy-protocol/header';
import type { AccessLogConfig } from '#proxy/config/access-log';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { DownstreamTlsConfig } from '#proxy/config/tls';
import type { RbacEngine } from '#proxy/filters/rbac/engine';
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { ProxyRuntime } from '#proxy/runtime';
import type { MetricOverrides } from '#proxy/telemetry/metric-overrides';

export type TrafficDirection = 'inbound' | 'outbound' | 'unspecified';

export interface ListenerConfig {
  name: string;
  /** `address` plus `additional_addresses`, as xDS says them (not yet placed). */
  addresses: readonly SocketAddress[];
  /** False: reached only through a listener with `useOriginalDst`. */
  bindToPort: boolean;
  /** A connection is of where it was going before it was redirected: Envoy's listener filter `original_dst`. */
  restoresDestination: boolean;
  /** That, and the listener for where it was going has it. */
  useOriginalDst: boolean;
  direction: TrafficDirection;
  filterChains: readonly FilterChain[];
  defaultFilterChain: FilterChain | undefined;
  bufferBytesMax: number;
  accessLogs: readonly AccessLogConfig[];
  /** What is to be known of a connection before its filter chain is chosen, by the port that it came to. */
  inspection: (destinationPort: number) => InspectionConfig;
  /** Each connection begins with who is behind it; undefined: it does not. */
  proxyProtocol: ProxyProtocolConfig | undefined;
  /** For a client that says nothing to be inspected; 0: none. */
  inspectionTimeoutMs: number;
  /** After that time go on with what is known, instead of closing. */
  continueAfterInspectionTimeout: boolean;
}

/** Envoy's listener filter `proxy_protocol`. */
export interface ProxyProtocolConfig {
  /** A connection that begins otherwise is served as it is. */
  optional: boolean;
  disallowed: readonly ProxyProtocolVersion[];
}

/** Envoy's listener filters that look at the first bytes. */
export interface InspectionConfig {
  tls: boolean;
  http: boolean;
}

export interface FilterChain {
  name: string;
  /** Which resource it came from, where the control plane says so. */
  origin: string | undefined;
  match: FilterChainMatch;
  /** What a connection must pass first, in order. */
  gates: readonly ConnectionGateConfig[];
  /** The terminal one, alone. */
  filters: readonly NetworkFilterConfig[];
  /** Undefined: plain. */
  tls: DownstreamTlsConfig | undefined;
  transportSocketConnectTimeoutMs: number;
}

/** Envoy's order of precedence: port, destination IP, server names, transport protocol, application protocols, source. */
export interface FilterChainMatch {
  destinationPort: number | undefined;
  prefixRanges: readonly string[];
  /** Lower case: whole names and `*.suffix`. */
  serverNames: readonly string[];
  transportProtocol: string;
  applicationProtocols: readonly string[];
  sourcePrefixRanges: readonly string[];
}

export type NetworkFilterConfig =
  | { kind: 'http_connection_manager'; http: HttpConnectionManagerConfig }
  | { kind: 'tcp_proxy'; tcp: TcpProxyConfig };

/** A filter that lets connections pass or ends them, before they are served. */
export interface ConnectionGateConfig {
  /** In the listener. */
  name: string;
  /** By what it decides; undefined: everybody passes. */
  rules: RbacEngine | undefined;
  make(runtime: ProxyRuntime): ConnectionGate;
}

/** `decided` is called once: at once, or when what is returned is not cancelled before. False: the connection is closed. */
export type ConnectionGate = (passage: Passage, decided: (passes: boolean) => void) => { cancel(): void } | undefined;

/** A connection on its way through the gates. */
export interface Passage {
  readonly connection: DownstreamConnection;
  /** What gates have found out, by filter: Envoy's dynamic metadata. */
  readonly metadata: Map<string, Readonly<Record<string, unknown>>>;
}

/** Through an HTTP proxy to `target`, by CONNECT or by POST. */
export interface TunnelConfig {
  /** `host:port` */
  target: string;
  post: { path: string } | undefined;
  headers: readonly (readonly [name: string, value: string])[];
}

export interface TcpProxyConfig {
  statPrefix: string;
  /** One entry for a plain `cluster`. */
  clusters: readonly { name: string; weight: number }[];
  idleTimeoutMs: number;
  /** Of a connection, whatever is on it; 0: without limit. */
  connectionMsMax: number;
  /** Of the host that the client names in TLS, for clusters that go to named hosts; undefined: such are not asked for. */
  namedHostPort: number | undefined;
  /** Undefined: bytes go as they are. */
  tunnel: TunnelConfig | undefined;
  maxConnectAttempts: number;
  /** Connections are hashed by the client's address, for clusters that balance by a hash. */
  hashesSourceIp: boolean;
  accessLogs: readonly AccessLogConfig[];
  /** What is changed of Istio's metrics; undefined: nothing. */
  metrics: MetricOverrides | undefined;
  /** How often they are told of a connection that stands. */
  reportingIntervalMs: number;
}
