// What the streams of one filter chain have in common: configuration, filters in order, counters, who hears of finished exchanges.
// Built once per configuration by filters/network/http-connection-manager.ts; a stream keeps the one that it began with.
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { TrafficDirection } from '#proxy/config/listener';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { ExchangeListener, ProxyRuntime } from '#proxy/runtime';
import type { Tracer } from '#proxy/telemetry/tracer';
import type { ExchangeConnection } from '#telemetry/exchange';
import type { DownstreamStats } from './downstream-stats.ts';
import type { HttpFilter } from './http-filter.ts';

export interface ConnectionManager {
  readonly config: HttpConnectionManagerConfig;
  readonly direction: TrafficDirection;
  readonly runtime: ProxyRuntime;
  readonly filters: readonly HttpFilter[];
  /** Their names in `http_filters`, in the same order. */
  readonly filterNames: readonly string[];
  /** Those of the filters that want to hear of a stream's end. */
  readonly completions: readonly HttpFilter[];
  readonly listeners: readonly ExchangeListener[];
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
  readonly stats: DownstreamStats;
}

/** The downstream connection of a stream, as the stream may know it. */
export interface DownstreamConnection extends ExchangeConnection {
  /** Where the client wanted to go, when it did not know that it would meet a proxy. */
  readonly originalDestination: SocketAddress | undefined;
}
