// An upstream HTTP/2 connection: many requests at once, each on a stream of its own. Owns the socket, the limits and the timeouts; the
// protocol is codec/http2's. Made by http2-pool.ts.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Http2Connection } from '#codec/http2/connection';
import type { ConnectionEvents, ConnectionFailure } from '#codec/http2/connection-events';
import { errorCode } from '#codec/http2/frame';
import type { Http2Stream } from '#codec/http2/stream';
import { StreamTable } from '#codec/http2/stream-table';
import { connectionTermination, connectTimeout, type ResetReason } from '#proxy/http/port';
import { FrameWriter } from '#proxy/http2/frame-writer';
import { deliverTo } from '#proxy/socket/accepted-socket';
import { SocketReader } from '#proxy/socket/read-buffers';
import { after, Timeout } from '#proxy/timer-wheel';
import type { Endpoint } from './endpoint.ts';
import { Http2ClientStream } from './http2-client-stream.ts';
import type { Http2Pool } from './http2-pool.ts';
import { openSocket } from './open-socket.ts';

const headLimits = { headerListBytesMax: 61_440, headersMax: 100 };
/** Until the server has said how many it takes: RFC 9113 section 6.5.2 advises no less. */
const streamsBeforeSettings = 100;

const never = Number.POSITIVE_INFINITY;

export class Http2ClientConnection implements ConnectionEvents {
  connected = false;
  localAddress = '';
  /** Requests so far. */
  requests = 0;
  readonly codec: Http2Connection;
  private readonly socket: Socket;
  private readonly reader: SocketReader;
  private readonly writer: FrameWriter;
  private readonly streams = new StreamTable<Http2ClientStream>();
  private readonly timeout = new Timeout(() => this.onTimeout());
  /** No more requests: one side said GOAWAY, or it is worn. */
  private leaving = false;
  private closed = false;
  private failure = '';
  private idleSinceMs: number;
  /** When it takes no more requests. */
  private endsAtMs = never;
  private nextPingMs = never;
  private pongDeadlineMs = never;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly pool: Http2Pool,
    /** One that stands: `onConnect` follows. */
    opened?: Socket,
  ) {
    const { sockets, stats, timers, config, clock } = endpoint.context;
    this.idleSinceMs = clock.now();
    this.reader = new SocketReader(sockets.buffers, (buffer, length) => this.onData(buffer, length));
    const onread = this.reader.options();
    this.socket = opened ? deliverTo(opened, onread) : openSocket(endpoint, onread, false, () => this.onConnect(), pool);
    this.socket.allowHalfOpen = false;
    const limits = { ...config.http2, ...headLimits };
    this.codec = new Http2Connection({ role: 'client', limits, events: this, buffers: sockets.outputs, nowMs: () => clock.now() });
    this.writer = new FrameWriter(this.socket, this.codec, sockets);
    this.socket.on('error', (error) => {
      this.failure = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    this.socket.on('close', () => this.onClose());
    stats.upstream_cx_total++;
    stats.upstream_cx_http2_total++;
    stats.upstream_cx_active++;
    endpoint.stats.cx_total++;
    endpoint.stats.cx_active++;
    this.codec.start();
    timers.set(this.timeout, config.connectTimeoutMs);
  }

  /** It takes another request. */
  get available(): boolean {
    const { codec } = this;
    const peerMax = codec.settled ? codec.peer.concurrentStreamsMax : streamsBeforeSettings;
    return !this.leaving && !this.closed && this.streams.size < Math.min(peerMax, this.endpoint.context.config.http2.concurrentStreamsMax);
  }

  /** A stream for a request; only while `available`. */
  request(): Http2ClientStream {
    const { maxRequestsPerConnection } = this.endpoint.context.config;
    const { http2Stats } = this.endpoint.context;
    const stream = this.codec.open();
    const request = new Http2ClientStream(this, stream);
    this.streams.add(request);
    this.requests++;
    http2Stats.streams_active++;
    if (maxRequestsPerConnection > 0 && this.requests >= maxRequestsPerConnection) {
      this.endpoint.context.stats.upstream_cx_max_requests++;
      this.leaving = true;
    }
    if (this.codec.exhausted) this.leaving = true;
    return request;
  }

  /** Takes no more requests; ends when those under way have. */
  leave(): void {
    this.leaving = true;
    if (this.streams.size === 0) this.end();
  }

  close(): void {
    this.socket.destroy();
  }

  private end(): void {
    if (this.closed) return;
    this.codec.sendGoaway(errorCode.noError);
    this.endpoint.context.http2Stats.goaway_sent++;
    this.writer.destroySoon();
  }

  // --- The connection's events.

  onRequest(): void {
    throw new Error('bug: a request from a server');
  }

  onExcessiveRequest(): void {
    throw new Error('bug: a request from a server');
  }

  onStreamClosed(stream: Http2Stream): void {
    const { clock, http2Stats, stats } = this.endpoint.context;
    if (this.streams.remove(stream.id) === undefined) return;
    http2Stats.streams_active--;
    // Who gives up before the connection is there is pending no more.
    if (!this.connected) stats.upstream_rq_pending_active--;
    stats.upstream_cx_tx_bytes_total += this.writer.takeSent();
    if (this.closed) return;
    if (this.streams.size === 0) {
      if (this.leaving || this.endpoint.removed) {
        this.leaving = true;
        this.end();
        return;
      }
      this.idleSinceMs = clock.now();
      if (this.connected) this.arm();
    }
    this.pool.freed(this);
  }

  onSettings(): void {
    for (const request of this.streams.all()) request.onSettled();
    this.pool.freed(this);
  }

  /** Its streams that were not looked at are reset right after this. */
  onGoaway(): void {
    this.leave();
  }

  onPong(): void {
    this.pongDeadlineMs = never;
  }

  onOutput(): void {
    this.writer.schedule();
  }

  onFailure(failure: ConnectionFailure): void {
    const { stats, http2Stats } = this.endpoint.context;
    stats.upstream_cx_protocol_error++;
    http2Stats.countFailure(failure);
    this.leaving = true;
    this.abortAll({ kind: 'protocol-error', detail: failure.reason });
    this.writer.destroySoon();
  }

  // --- The socket's.

  private onData(buffer: Buffer, length: number): void {
    this.endpoint.context.stats.upstream_cx_rx_bytes_total += length;
    this.codec.feed(buffer, 0, length);
  }

  onConnect(): void {
    if (this.pool.onFailed !== undefined && (this.socket as TLSSocket).alpnProtocol !== 'h2') {
      this.socket.destroy(new Error('the server does not agree to HTTP/2 any more'));
      return;
    }
    const { stats, config, clock, timers } = this.endpoint.context;
    this.connected = true;
    this.localAddress = `${this.socket.localAddress}:${this.socket.localPort}`;
    stats.upstream_rq_pending_active -= this.streams.size;
    timers.cancel(this.timeout);
    const now = clock.now();
    this.endsAtMs = after(now, config.connectionMsMax);
    if (config.http2.keepaliveIntervalMs > 0) this.nextPingMs = now + config.http2.keepaliveIntervalMs;
    this.arm();
  }

  private onClose(): void {
    const { context, stats } = this.endpoint;
    this.closed = true;
    context.timers.cancel(this.timeout);
    context.stats.upstream_cx_active--;
    context.stats.upstream_cx_destroy++;
    context.stats.upstream_cx_tx_bytes_total += this.writer.takeSent();
    stats.cx_active--;
    if (!this.connected) {
      this.pool.onFailed?.();
      context.stats.upstream_cx_connect_fail++;
      stats.cx_connect_fail++;
    }
    if (this.streams.size > 0) context.stats.upstream_cx_destroy_with_active_rq++;
    this.abortAll(this.connected ? connectionTermination : { kind: 'connect-failure', detail: this.failure });
    this.reader.release();
    this.pool.closed(this);
  }

  private abortAll(reason: ResetReason): void {
    for (const request of this.streams.all()) {
      request.stream.close(false);
      request.fail(reason);
    }
  }

  // --- Time.

  private arm(): void {
    const { timers, clock, config } = this.endpoint.context;
    const idleMs = this.streams.size === 0 ? after(this.idleSinceMs, config.idleTimeoutMs) : never;
    const deadlineMs = Math.min(idleMs, this.endsAtMs, this.nextPingMs, this.pongDeadlineMs);
    if (deadlineMs !== never) timers.set(this.timeout, deadlineMs - clock.now());
  }

  private onTimeout(): void {
    const { stats, http2Stats, config, clock } = this.endpoint.context;
    if (!this.connected) {
      stats.upstream_cx_connect_timeout++;
      this.abortAll(connectTimeout);
      this.socket.destroy();
      return;
    }
    const now = clock.now();
    if (now >= this.pongDeadlineMs) {
      http2Stats.keepalive_timeout++;
      this.socket.destroy();
      return;
    }
    if (now >= this.endsAtMs) {
      this.endsAtMs = never;
      stats.upstream_cx_max_duration_reached++;
      this.leave();
    }
    if (this.streams.size === 0 && after(this.idleSinceMs, config.idleTimeoutMs) <= now) {
      stats.upstream_cx_idle_timeout++;
      this.leave();
      return;
    }
    if (now >= this.nextPingMs) {
      this.nextPingMs = now + config.http2.keepaliveIntervalMs;
      if (this.pongDeadlineMs === never) this.pongDeadlineMs = after(now, config.http2.keepaliveTimeoutMs);
      this.codec.sendPing();
    }
    this.arm();
  }
}
