// One finished exchange (an HTTP stream or a TCP connection), as access logs and metrics see it. The data plane's own
// stream objects implement it, so nothing is copied per request; it is read once, right after the last byte.
import type { ResponseFlag } from '#telemetry/response-flags';

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
  /** Name in lower case; undefined when absent. */
  requestHeader(name: string): string | undefined;
  responseHeader(name: string): string | undefined;
}
