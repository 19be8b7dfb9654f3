// The network filter for plain TCP: each accepted connection gets one to an endpoint of a cluster, chosen by weight.
import type { TcpProxyConfig, TrafficDirection } from '#proxy/config/listener';
import type { DownstreamStats } from '#proxy/http/downstream-stats';
import type { ExchangeListener, ProxyRuntime } from '#proxy/runtime';
import type { NetworkFilter } from './network-filter.ts';
import { TcpSession } from './tcp-session.ts';

export interface TcpProxy {
  readonly config: TcpProxyConfig;
  readonly runtime: ProxyRuntime;
  readonly stats: DownstreamStats;
  readonly listeners: readonly ExchangeListener[];
}

export function tcpProxy(
  config: TcpProxyConfig,
  direction: TrafficDirection,
  stats: DownstreamStats,
  runtime: ProxyRuntime,
): NetworkFilter {
  const proxy: TcpProxy = { config, runtime, stats, listeners: runtime.exchangeListeners.tcp(config, direction) };
  // A session goes on as it began.
  return { accept: (socket, connection, onClose) => new TcpSession(socket, proxy, connection, onClose), adopt: () => false };
}
