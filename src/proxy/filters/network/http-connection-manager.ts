// The network filter for HTTP: puts the HTTP filters together, and a server connection on each accepted socket.
import type { HttpConnectionManagerConfig, HttpFilterConfig } from '#proxy/config/http-connection-manager';
import type { TrafficDirection } from '#proxy/config/listener';
import { faultFilter } from '#proxy/filters/http/fault';
import { peerMetadataFilter } from '#proxy/filters/http/peer-metadata';
import { routerFilter } from '#proxy/filters/http/router';
import type { ConnectionManager, HttpFilter } from '#proxy/http/connection-manager';
import type { DownstreamStats } from '#proxy/http/downstream-stats';
import { ServerConnection } from '#proxy/http/server-connection';
import { CodecDetection } from '#proxy/http2/codec-detection';
import { Http2ServerConnection } from '#proxy/http2/server-connection';
import type { ProxyRuntime } from '#proxy/runtime';
import { openAccepted } from '#proxy/socket/accepted-socket';
import type { NetworkFilter } from './network-filter.ts';

export function httpConnectionManager(
  config: HttpConnectionManagerConfig,
  direction: TrafficDirection,
  stats: DownstreamStats,
  runtime: ProxyRuntime,
): NetworkFilter {
  const manager: ConnectionManager = {
    config,
    direction,
    runtime,
    stats,
    filters: config.httpFilters.flatMap((filter) => httpFilter(filter, direction, runtime) ?? []),
    listeners: runtime.exchangeListeners.http(config, direction),
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
  };
}

function httpFilter(filter: HttpFilterConfig, direction: TrafficDirection, runtime: ProxyRuntime): HttpFilter | undefined {
  switch (filter.kind) {
    case 'peer_metadata':
      return peerMetadataFilter(filter, direction, runtime.peerMetadata);
    case 'fault':
      return faultFilter(filter.fault);
    case 'istio_stats':
      // It only listens to finished exchanges: one of `listeners`.
      return undefined;
    case 'router':
      return routerFilter(filter);
  }
}
