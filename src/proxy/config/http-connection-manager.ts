// Envoy's HttpConnectionManager as the data plane runs it: decoded, defaults filled in, immutable.
import type { AccessLogConfig } from '#proxy/config/access-log';
import type { Http2Options } from '#proxy/config/http2-options';
import type { TracingConfig } from '#proxy/config/tracing';
import type { HttpFilterConfig } from '#proxy/http/http-filter';
import type { RouteTable } from '#proxy/route/route-table';

export interface HttpConnectionManagerConfig {
  statPrefix: string;
  /** `auto`: by what a connection begins with. */
  codec: 'auto' | 'http1' | 'http2';
  http2: Http2Options;
  /** `rds`: looked up by name in RouteTables, where it may not have come yet. */
  routes: { kind: 'rds'; name: string } | { kind: 'inline'; table: RouteTable };
  /** In order; the last one is the router. */
  httpFilters: readonly HttpFilterConfig[];
  accessLogs: readonly AccessLogConfig[];
  /** Undefined: nothing is traced. */
  tracing: TracingConfig | undefined;
  /** Of a connection without a request; 0: none. Envoy's default is an hour. */
  idleTimeoutMs: number;
  /** Of a stream without a byte in either direction; 0: none. Envoy's default is five minutes. */
  streamIdleTimeoutMs: number;
  /** For the whole request to have come; 0: none. */
  requestTimeoutMs: number;
  /** For the head to have come, counted from its first byte (a fresh connection: from the accept). */
  requestHeadersTimeoutMs: number;
  /** How long a draining connection may finish what it has. */
  drainTimeoutMs: number;
  headBytesMax: number;
  headersMax: number;
  maxRequestsPerConnection: number;
  /** True at an edge: the peer's address is the client, and x-forwarded-for is appended to. */
  useRemoteAddress: boolean;
  skipXffAppend: boolean;
  /** So many proxies before this one are believed: of `x-forwarded-for`, the client is that many places before the end. */
  trustedHops: number;
  generateRequestId: boolean;
  preserveExternalRequestId: boolean;
  serverName: string;
  serverHeader: 'overwrite' | 'append-if-absent' | 'pass-through';
  /** Lower case: `websocket`, `connect`. */
  upgradeTypes: ReadonlySet<string>;
  normalizePath: boolean;
  mergeSlashes: boolean;
  escapedSlashes: 'keep' | 'reject' | 'unescape-and-redirect' | 'unescape-and-forward';
  stripMatchingHostPort: boolean;
  /** `x-forwarded-client-cert`, and which parts of a client's certificate go into it. */
  clientCertificate: {
    mode: 'sanitize' | 'forward' | 'append' | 'set' | 'always-forward';
    subject: boolean;
    uri: boolean;
    dns: boolean;
  };
  /** HTTP/1.1 requests in absolute form are accepted anyway; this allows HTTP/1.0. */
  acceptHttp10: boolean;
}
