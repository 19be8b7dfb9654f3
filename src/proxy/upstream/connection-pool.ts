// The HTTP/1 connections to one endpoint. Last in, first out: the connection used last is the warmest, and those not needed any more
// fall idle and end. Bounded by the cluster's circuit breaker; who finds no connection waits in line, and that is bounded too.

import type { Socket } from 'node:net';
import { overflow } from '#proxy/http/port';
import { ClientConnection } from './client-connection.ts';
import { usageCell } from './cluster-usage.ts';
import type { Endpoint } from './endpoint.ts';
import type { HttpPool, PoolWaiter } from './http-pool.ts';
import type { TlsOffer } from './tls-offer.ts';

export class ConnectionPool implements HttpPool {
  private readonly idle: ClientConnection[] = [];
  private readonly open = new Set<ClientConnection>();
  /** Of `open`: they finish what they have, and end. */
  private readonly leaving = new Set<ClientConnection>();
  private readonly waiters: PoolWaiter[] = [];
  /** Of `open`: made ahead, and not connected yet. */
  private ahead = 0;

  /** `offer`: what its connections offer by ALPN, where that is not as the cluster says; `onFailed`: one did not come about. */
  constructor(
    private readonly endpoint: Endpoint,
    readonly offer?: TlsOffer,
    readonly onFailed?: () => void,
  ) {}

  acquire(waiter: PoolWaiter): void {
    const connection = this.idle.pop();
    if (connection !== undefined) {
      waiter.onConnection(connection);
      this.connectAhead();
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
    // Every endpoint may have one connection, however many its cluster has: or it would starve (Envoy's rule).
    if (this.open.size === 0 || !stats.usage.reaches(usageCell.connections, connectionsMax)) {
      waiter.onConnection(this.connect(true));
      this.connectAhead();
      return;
    }
    stats.upstream_cx_overflow++;
    this.waiters.push(waiter);
  }

  cancel(waiter: PoolWaiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index < 0) return;
    this.waiters.splice(index, 1);
    this.endpoint.context.stats.upstream_rq_pending_active--;
  }

  /** A connection that stands, and was not pending here. */
  adopt(socket: Socket, waiter: PoolWaiter | undefined): void {
    const connection = new ClientConnection(this.endpoint, this, waiter !== undefined, socket);
    this.open.add(connection);
    if (waiter === undefined) this.ahead++;
    else this.endpoint.context.stats.upstream_rq_pending_active++;
    connection.onConnect();
    waiter?.onConnection(connection);
  }

  /** A connection made ahead is there, or will not be. */
  settled(): void {
    this.ahead--;
  }

  /** A connection that is ready for another request. */
  release(connection: ClientConnection): void {
    if (this.leaving.size > 0 && this.leaving.has(connection)) {
      connection.close();
      return;
    }
    // Asked first, since most often there is none: to take one from an empty line costs more.
    const waiter = this.waiters.length > 0 ? this.waiters.shift() : undefined;
    if (waiter !== undefined) {
      this.endpoint.context.stats.upstream_rq_pending_active--;
      waiter.onConnection(connection);
    } else if (this.endpoint.removed) {
      connection.close();
    } else {
      this.idle.push(connection);
    }
  }

  closed(connection: ClientConnection): void {
    this.open.delete(connection);
    this.leaving.delete(connection);
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
    const waiter = this.waiters.shift();
    // Its place in line is now that of the request that a new connection is made for: still pending.
    if (waiter !== undefined) waiter.onConnection(this.connect(true));
  }

  drain(): void {
    for (const connection of this.idle.splice(0)) connection.close();
    for (const connection of this.open) this.leaving.add(connection);
  }

  close(): void {
    for (const connection of [...this.open]) connection.close();
  }

  /** Connections that nobody waits for yet: as many as the cluster wants beside those that are busy. */
  private connectAhead(): void {
    const { stats, config } = this.endpoint.context;
    const { preconnectRatio, circuitBreaker } = config;
    if (preconnectRatio <= 1) return;
    const busy = this.open.size - this.idle.length - this.ahead;
    const wanted = Math.ceil(busy * preconnectRatio);
    while (this.open.size < wanted && !stats.usage.reaches(usageCell.connections, circuitBreaker.connectionsMax)) {
      this.ahead++;
      this.connect(false);
    }
  }

  /** `wanted`: for a request that is there, and pending until it is connected. */
  private connect(wanted: boolean): ClientConnection {
    const connection = new ClientConnection(this.endpoint, this, wanted);
    this.open.add(connection);
    return connection;
  }
}
