// A listener as the data plane runs it: decoded from Envoy's Listener by decode-listener.ts, checked, immutable.

import type { AccessLogConfig } from '#proxy/config/access-log';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { SocketAddress } from '#proxy/config/socket-address';

export type TrafficDirection = 'inbound' | 'outbound' | 'unspecified';

export interface ListenerConfig {
  name: string;
  /** `address` plus `additional_addresses`, as xDS says them (not yet placed). */
  addresses: readonly SocketAddress[];
  /** False: reached only through a listener with `useOriginalDst`. */
  bindToPort: boolean;
  useOriginalDst: boolean;
  direction: TrafficDirection;
  filterChains: readonly FilterChain[];
  defaultFilterChain: FilterChain | undefined;
  bufferBytesMax: number;
  accessLogs: readonly AccessLogConfig[];
}

export interface FilterChain {
  name: string;
  /** Which resource it came from, where the control plane says so. */
  origin: string | undefined;
  match: FilterChainMatch;
  /** In order; the last one is terminal: `http_connection_manager` or `tcp_proxy`. */
  filters: readonly NetworkFilterConfig[];
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

export interface TcpProxyConfig {
  statPrefix: string;
  /** One entry for a plain `cluster`. */
  clusters: readonly { name: string; weight: number }[];
  idleTimeoutMs: number;
  maxConnectAttempts: number;
  accessLogs: readonly AccessLogConfig[];
}
