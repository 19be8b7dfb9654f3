// One finished exchange (an HTTP stream or a TCP connection), as access logs and metrics see it. The data plane's own
// stream objects implement it, so nothing is copied per request; it is read once, right after the last byte.
import type { ResponseFlag } from './response-flags.ts';
import type { TraceContext } from './trace-context.ts';

export interface Exchange {
  /** `http` or `grpc` for streams, `tcp` for connections. */
  readonly requestProtocol: 'http' | 'grpc' | 'tcp';
  /** `HTTP/1.1`; empty for TCP. */
  readonly protocol: string;
  readonly method: string;
  /** As the client sent it. */
  readonly originalPath: string;
  /** As the upstream was asked. */
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  /** 0 when none was sent. */
  readonly status: number;
  readonly flags: ResponseFlag;
  /** Envoy's `response_code_details`: `via_upstream`, `route_not_found`, ... */
  readonly details: string;
  /** Unix time of the first byte, milliseconds. */
  readonly startWallMs: number;
  readonly durationMs: number;
  /** Until the request was passed on whole, the first upstream byte came, the last byte was sent; -1: never. */
  readonly requestMs: number;
  readonly responseFirstByteMs: number;
  /** `x-envoy-upstream-service-time`; -1: none. */
  readonly upstreamServiceMs: number;
  /** Of bodies. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** `address:port`, or empty. */
  readonly downstreamRemote: string;
  readonly downstreamLocal: string;
  readonly upstreamHost: string;
  readonly upstreamLocal: string;
  readonly upstreamCluster: string;
  readonly upstreamFailure: string;
  readonly attempts: number;
  readonly routeName: string;
  readonly virtualHost: string;
  readonly connectionTerminationDetails: string;
  readonly requestedServerName: string;
  /** `HTTP/2`; empty when no upstream was asked. */
  readonly upstreamProtocol: string;
  /** Of an answer that was given in the upstream's place. */
  readonly localReplyBody: string;
  readonly connection: ExchangeConnection;
  /** Undefined: nobody traces it. */
  readonly trace: ExchangeTrace | undefined;
  /** What the route calls it, for the name of its span; empty: nothing. */
  readonly operation: string;
  /** Name in lower case; undefined when absent. */
  requestHeader(name: string): string | undefined;
  responseHeader(name: string): string | undefined;
  responseTrailer(name: string): string | undefined;
  /** What the filter of that name has found out: Envoy's dynamic metadata. */
  metadataOf(filter: string): Readonly<Record<string, unknown>> | undefined;
}

/** The span of an exchange. */
export interface ExchangeTrace extends TraceContext {
  /** Of the span of the call to the upstream; empty: it has none of its own. */
  readonly upstreamSpanId: string;
}

/** The downstream connection of an exchange. */
export interface ExchangeConnection {
  /** Of this proxy's connections, from 1 on. */
  readonly id: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** SNI, of TLS that ends here or passes through; empty: none. */
  readonly serverName: string;
  /** The name of the filter chain that serves it; empty: it has none. */
  readonly filterChain: string;
  /** Of TLS that ends here; undefined: plain, or passed through. */
  readonly tls: ConnectionTls | undefined;
}

export interface ConnectionTls {
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
  readonly issuer: string;
  readonly uriNames: readonly string[];
  readonly dnsNames: readonly string[];
  /** Hex SHA-256 of the certificate. */
  readonly hash: string;
  /** Hex. */
  readonly serial: string;
  /** Unix time, milliseconds. */
  readonly validFromMs: number;
  readonly validToMs: number;
}
