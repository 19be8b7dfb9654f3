// The HTTP/2 connections to one endpoint: few, each for many requests. A connection takes as many as its peer allows; only when all are
// full is another made. Bounded by the cluster's circuit breaker; who finds no room waits in line, and that is bounded too.

import type { Socket } from 'node:net';
import { overflow } from '#proxy/http/port';
import { usageCell } from './cluster-usage.ts';
import type { Endpoint } from './endpoint.ts';
import type { HttpPool, PoolWaiter } from './http-pool.ts';
import { Http2ClientConnection } from './http2-client-connection.ts';
import type { TlsOffer } from './tls-offer.ts';

export class Http2Pool implements HttpPool {
  private readonly connections: Http2ClientConnection[] = [];
  private readonly waiters: PoolWaiter[] = [];

  /**
   * `offer`: what its connections offer by ALPN, where that is not as the cluster says; `onFailed`: one did not come about, or its server
   * has not agreed to HTTP/2.
   */
  constructor(
    private readonly endpoint: Endpoint,
    readonly offer?: TlsOffer,
    readonly onFailed?: () => void,
  ) {}

  acquire(waiter: PoolWaiter): void {
    const connection = this.connections.find(({ available }) => available);
    if (connection?.connected) {
      waiter.onConnection(connection.request());
      return;
    }
    const { stats, config } = this.endpoint.context;
    const { pendingRequestsMax, connectionsMax } = config.circuitBreaker;
    if (stats.usage.reaches(usageCell.pendingRequests, pendingRequestsMax)) {
      stats.upstream_rq_pending_overflow++;
      waiter.onPoolFailure(overflow);
      return;
    }
    stats.upstream_rq_pending_total++;
    stats.upstream_rq_pending_active++;
    if (connection !== undefined) {
      waiter.onConnection(connection.request());
    } else if (this.connections.length === 0 || !stats.usage.reaches(usageCell.connections, connectionsMax)) {
      waiter.onConnection(this.connect().request());
    } else {
      stats.upstream_cx_overflow++;
      this.waiters.push(waiter);
    }
  }

  cancel(waiter: PoolWaiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index < 0) return;
    this.waiters.splice(index, 1);
    this.endpoint.context.stats.upstream_rq_pending_active--;
  }

  /** A connection that stands. */
  adopt(socket: Socket, waiter: PoolWaiter | undefined): void {
    const connection = new Http2ClientConnection(this.endpoint, this, socket);
    this.connections.push(connection);
    connection.onConnect();
    waiter?.onConnection(connection.request());
  }

  /** A connection has room again, or more than before. */
  freed(connection: Http2ClientConnection): void {
    while (this.waiters.length > 0 && connection.available) this.admit(connection);
  }

  closed(connection: Http2ClientConnection): void {
    const index = this.connections.indexOf(connection);
    if (index >= 0) this.connections.splice(index, 1);
    if (this.waiters.length === 0) return;
    const next = this.connections.find(({ available }) => available) ?? this.connect();
    this.freed(next);
  }

  drain(): void {
    for (const connection of [...this.connections]) connection.leave();
  }

  close(): void {
    for (const connection of [...this.connections]) connection.close();
  }

  /** The first in line gets its place. Until the connection is there, it is still pending. */
  private admit(connection: Http2ClientConnection): void {
    if (connection.connected) this.endpoint.context.stats.upstream_rq_pending_active--;
    this.waiters.shift()!.onConnection(connection.request());
  }

  private connect(): Http2ClientConnection {
    const connection = new Http2ClientConnection(this.endpoint, this);
    this.connections.push(connection);
    return connection;
  }
}
