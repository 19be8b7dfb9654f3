// What the streams of one filter chain have in common: configuration, filters in order, counters, who hears of finished exchanges.
// Built once per configuration by filters/network/http-connection-manager.ts; a stream keeps the one that it began with.
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { TrafficDirection } from '#proxy/config/listener';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { ExchangeListener, ProxyRuntime } from '#proxy/runtime';
import type { DownstreamStats } from './downstream-stats.ts';
import type { ResponseHead } from './head.ts';
import type { HttpStream } from './stream.ts';

/**
 * One HTTP filter. It holds no state of a stream: that is the stream's. `request` returns `stop` when the filter has answered, or
 * will call `stream.continueRequest()` later.
 */
export interface HttpFilter {
  request(stream: HttpStream): 'continue' | 'stop';
  /** Before the response's head goes down; in reverse order. Local replies pass here too. */
  response?(stream: HttpStream, head: ResponseHead): void;
}

export interface ConnectionManager {
  readonly config: HttpConnectionManagerConfig;
  readonly direction: TrafficDirection;
  readonly runtime: ProxyRuntime;
  readonly filters: readonly HttpFilter[];
  readonly listeners: readonly ExchangeListener[];
  readonly stats: DownstreamStats;
}

/** The downstream connection of a stream, as the stream may know it. */
export interface DownstreamConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Where the client wanted to go, when it did not know that it would meet a proxy. */
  readonly originalDestination: SocketAddress | undefined;
  /** SNI, of TLS that ends here or passes through; empty: none. */
  readonly serverName: string;
  /** Of TLS that ends here; undefined: plain, or passed through. */
  readonly tls: DownstreamTls | undefined;
}

export interface DownstreamTls {
  readonly serverName: string;
  /** `TLSv1.3` */
  readonly version: string;
  /** IANA's name. */
  readonly cipher: string;
  /** Of the client's certificate, once it has been checked. */
  readonly peer: PeerIdentity | undefined;
}

export interface PeerIdentity {
  /** `CN=…,O=…` */
  readonly subject: string;
  readonly uriNames: readonly string[];
  readonly dnsNames: readonly string[];
  /** Hex SHA-256 of the certificate. */
  readonly hash: string;
}
