// The connections to one endpoint whose protocol is what its server agrees to by ALPN (Envoy's `auto_config`). The first connection offers
// both and is then the first of its kind; later ones offer what was agreed. A server that agrees to it no more is asked again.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connectTimeout, overflow, type ResetReason } from '#proxy/http/port';
import { Timeout } from '#proxy/timer-wheel';
import { usageCell } from './cluster-usage.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { Endpoint } from './endpoint.ts';
import type { HttpPool, PoolWaiter } from './http-pool.ts';
import { Http2Pool } from './http2-pool.ts';
import { openSocket } from './open-socket.ts';
import { alpnOffer, offerTo, type TlsOffer } from './tls-offer.ts';

const h2 = 'h2';
const http11 = 'http/1.1';

export class AlpnPool implements HttpPool {
  private readonly http1: ConnectionPool;
  private readonly http2: Http2Pool;
  /** Undefined: nobody knows yet, or any more. */
  private agreed: ConnectionPool | Http2Pool | undefined;
  private readonly waiters: PoolWaiter[] = [];
  private asking: Socket | undefined;
  private readonly timeout = new Timeout(() => this.giveUp());

  /** `server`: who is called, where the cluster does not say. */
  constructor(
    private readonly endpoint: Endpoint,
    private readonly server?: string,
  ) {
    const onFailed = () => {
      this.agreed = undefined;
    };
    this.http1 = new ConnectionPool(endpoint, this.offer(http11), onFailed);
    this.http2 = new Http2Pool(endpoint, this.offer(h2), onFailed);
  }

  private offer(...protocols: string[]): TlsOffer {
    const offer = alpnOffer(protocols);
    return this.server === undefined ? offer : offerTo(this.server, offer, '');
  }

  acquire(waiter: PoolWaiter): void {
    if (this.agreed !== undefined) {
      this.agreed.acquire(waiter);
      return;
    }
    const { stats, config } = this.endpoint.context;
    if (stats.usage.reaches(usageCell.pendingRequests, config.circuitBreaker.pendingRequestsMax)) {
      stats.upstream_rq_pending_overflow++;
      waiter.onPoolFailure(overflow);
      return;
    }
    stats.upstream_rq_pending_total++;
    stats.upstream_rq_pending_active++;
    this.waiters.push(waiter);
    if (this.asking === undefined) this.ask();
  }

  cancel(waiter: PoolWaiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index < 0) {
      this.agreed?.cancel(waiter);
      return;
    }
    this.waiters.splice(index, 1);
    this.endpoint.context.stats.upstream_rq_pending_active--;
  }

  drain(): void {
    this.agreed = undefined;
    this.http1.drain();
    this.http2.drain();
  }

  close(): void {
    this.asking?.destroy();
    this.http1.close();
    this.http2.close();
  }

  private ask(): void {
    const { timers, config } = this.endpoint.context;
    let failure = '';
    const socket = openSocket(this.endpoint, undefined, true, () => this.onSecured(socket, fail), { offer: this.offer(h2, http11) });
    const fail = () => this.fail(socket, { kind: 'connect-failure', detail: failure });
    socket.on('error', (error) => {
      failure = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    socket.once('close', fail);
    this.asking = socket;
    timers.set(this.timeout, config.connectTimeoutMs);
  }

  /** What nobody waits for any more is a connection made ahead. */
  private onSecured(socket: Socket, fail: () => void): void {
    socket.off('close', fail);
    this.settle();
    const pool = (socket as TLSSocket).alpnProtocol === h2 ? this.http2 : this.http1;
    this.agreed = pool;
    const waiters = this.waiters.splice(0);
    const { stats } = this.endpoint.context;
    stats.upstream_rq_pending_active -= waiters.length;
    pool.adopt(socket, waiters.shift());
    for (const waiter of waiters) pool.acquire(waiter);
  }

  private giveUp(): void {
    const { asking } = this;
    this.endpoint.context.stats.upstream_cx_connect_timeout++;
    if (asking !== undefined) this.fail(asking, connectTimeout);
    asking?.destroy();
  }

  private fail(socket: Socket, reason: ResetReason): void {
    if (this.asking !== socket) return;
    this.settle();
    const { context, stats } = this.endpoint;
    context.stats.upstream_cx_connect_fail++;
    stats.cx_connect_fail++;
    const waiters = this.waiters.splice(0);
    context.stats.upstream_rq_pending_active -= waiters.length;
    for (const waiter of waiters) waiter.onPoolFailure(reason);
  }

  private settle(): void {
    this.asking = undefined;
    this.endpoint.context.timers.cancel(this.timeout);
  }
}
