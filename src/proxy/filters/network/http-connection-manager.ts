// The network filter for HTTP: puts the HTTP filters together, and a server connection on each accepted socket.
import { isDeepStrictEqual } from 'node:util';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { TrafficDirection } from '#proxy/config/listener';
import type { ConnectionManager } from '#proxy/http/connection-manager';
import type { DownstreamStats } from '#proxy/http/downstream-stats';
import { makeFilters } from '#proxy/http/http-filter';
import { ServerConnection } from '#proxy/http/server-connection';
import { CodecDetection } from '#proxy/http2/codec-detection';
import { Http2ServerConnection } from '#proxy/http2/server-connection';
import type { ProxyRuntime } from '#proxy/runtime';
import { openAccepted } from '#proxy/socket/accepted-socket';
import { Tracer } from '#proxy/telemetry/tracer';
import type { NetworkFilter } from './network-filter.ts';

export function httpConnectionManager(
  config: HttpConnectionManagerConfig,
  direction: TrafficDirection,
  stats: DownstreamStats,
  runtime: ProxyRuntime,
): NetworkFilter {
  const filters = makeFilters(config.httpFilters, { statPrefix: config.statPrefix, direction, runtime });
  const tracer = config.tracing && new Tracer(config.tracing, direction, config.statPrefix, runtime);
  const listeners = runtime.exchangeListeners.http(config, direction);
  const manager: ConnectionManager = {
    config,
    direction,
    runtime,
    stats,
    filters: filters.map(({ filter }) => filter),
    filterNames: filters.map(({ name }) => name),
    completions: filters.flatMap(({ filter }) => (filter.complete === undefined ? [] : [filter])),
    listeners: tracer === undefined ? listeners : [...listeners, tracer],
    tracer,
  };
  const Connection = config.codec === 'auto' ? CodecDetection : config.codec === 'http2' ? Http2ServerConnection : ServerConnection;
  return {
    accept(socket, connection, onClose) {
      stats.downstream_cx_total++;
      stats.downstream_cx_active++;
      return new Connection(openAccepted(socket, runtime.sockets.buffers), manager, connection, (ended) => {
        stats.downstream_cx_active--;
        stats.downstream_cx_destroy++;
        onClose(ended);
      });
    },
    adopt(served, connection) {
      if (!(served instanceof Connection) || !isAlike(served.manager.config, config)) return false;
      served.adopt(manager, connection);
      return true;
    },
  };
}

/** In what a connection keeps from its beginning: where it is counted, what its codec announced. */
function isAlike(one: HttpConnectionManagerConfig, other: HttpConnectionManagerConfig): boolean {
  return (
    one.statPrefix === other.statPrefix &&
    one.headBytesMax === other.headBytesMax &&
    one.headersMax === other.headersMax &&
    isDeepStrictEqual(one.http2, other.http2)
  );
}
