// What a request wants of the connections to an endpoint, whatever protocol they speak: see connection-pool.ts (HTTP/1) and
// http2-pool.ts.
import type { RequestPort, ResetReason, ResponsePort } from '#proxy/http/port';

/** A connection, or a stream of one, that is there for one request. */
export interface UpstreamRequest extends RequestPort {
  /** The connection has served before: it may have been closed in the meantime, without a fault of the request's. */
  readonly reused: boolean;
  /** Our side of the connection, once it is there; empty before. */
  readonly localAddress: string;
  /** As access logs name it. */
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** The response goes to `port`. The request follows by `head`, and so on. */
  begin(port: ResponsePort): void;
}

/** Who wants a connection. Exactly one of the two is called, perhaps at once. */
export interface PoolWaiter {
  onConnection(connection: UpstreamRequest): void;
  onPoolFailure(reason: ResetReason): void;
}

export interface HttpPool {
  acquire(waiter: PoolWaiter): void;
  /** The waiter wants none any more. */
  cancel(waiter: PoolWaiter): void;
  /** The connections that there are take no new requests, and end as they fall idle. */
  drain(): void;
  /** Ends every connection, at once. */
  close(): void;
}
