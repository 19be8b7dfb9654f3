// A downstream HTTP/2 connection: many exchanges at once over one socket. Owns the socket, the limits and the timeouts; the protocol is
// codec/http2's, what happens to a request its HttpStream's. Made by filters/network/http-connection-manager.ts, or by codec-detection.ts.
import type { Socket } from 'node:net';
import { Http2Connection } from '#codec/http2/connection';
import type { ConnectionEvents, ConnectionFailure } from '#codec/http2/connection-events';
import { errorCode } from '#codec/http2/frame';
import type { MessageHead } from '#codec/http2/message';
import type { Http2Stream } from '#codec/http2/stream';
import { StreamTable } from '#codec/http2/stream-table';
import type { ConnectionManager, DownstreamConnection } from '#proxy/http/connection-manager';
import { connectionTermination } from '#proxy/http/port';
import type { Http2Upgrade } from '#proxy/http/server-connection';
import type { AcceptedSocket } from '#proxy/socket/accepted-socket';
import { after, Timeout } from '#proxy/timer-wheel';
import { FrameWriter } from './frame-writer.ts';
import { listed } from './listed-head.ts';
import { ServerStream } from './server-stream.ts';

/** Envoy's `delayed_close_timeout`: for the client to read why the connection ends. */
const lingerMs = 1000;

const never = Number.POSITIVE_INFINITY;

/**
 * `open`: requests are taken. `draining`: GOAWAY announced that no more will be. `leaving`: those under way finish, then the connection
 * ends. `lingering`: our last byte is sent. `closed`.
 */
type State = 'open' | 'draining' | 'leaving' | 'lingering' | 'closed';

export class Http2ServerConnection implements ConnectionEvents {
  private readonly socket: Socket;
  private readonly codec: Http2Connection;
  private readonly writer: FrameWriter;
  private readonly streams = new StreamTable<ServerStream>();
  private readonly timeout = new Timeout(() => this.checkDeadline());
  private timeoutMs = never;
  private state: State = 'open';
  /** Since when there is no stream; that it lingers. */
  private sinceMs: number;
  /** Since when part of a frame or of a head has come. */
  private partSinceMs = never;
  private requests = 0;
  private drainDeadlineMs = never;
  /** The request that came in HTTP/1. Begun when the client speaks HTTP/2: curl keeps no more than 32 KB of what comes right behind the 101. */
  private upgraded: { readonly stream: Http2Stream; readonly head: MessageHead } | undefined;

  /** `onClose` is called once, when the socket is closed. */
  constructor(
    { socket, reader }: AcceptedSocket,
    public manager: ConnectionManager,
    private connection: DownstreamConnection,
    private readonly onClose: (connection: Http2ServerConnection) => void,
    /** It has begun in HTTP/1: the request that asked for this is the first stream's. */
    upgrade?: Pick<Http2Upgrade, 'settings' | 'head'>,
  ) {
    const { stats, runtime, config } = manager;
    const { sockets, clock } = runtime;
    this.socket = socket;
    this.sinceMs = clock.now();
    const limits = { ...config.http2, headerListBytesMax: config.headBytesMax, headersMax: config.headersMax };
    this.codec = new Http2Connection({ role: 'server', limits, events: this, buffers: sockets.outputs, nowMs: () => clock.now() });
    this.writer = new FrameWriter(socket, this.codec, sockets);
    reader.onData = (buffer, length) => this.onData(buffer, length);
    socket.on('error', () => {});
    socket.on('end', () => this.onEnd());
    socket.on('close', () => {
      reader.release();
      this.onSocketClose();
    });
    stats.downstream_cx_http2_total++;
    stats.downstream_cx_http2_active++;
    this.codec.start();
    if (upgrade !== undefined) this.upgraded = { stream: this.codec.upgrade(upgrade.settings), head: listed(upgrade.head) };
    this.arm(this.deadlineMs());
  }

  /** Announces the end, serves what is under way, and ends; at the latest by `timeoutMs` when nothing is. */
  drain(timeoutMs: number): void {
    if (this.state !== 'open') return;
    this.state = 'draining';
    this.manager.stats.downstream_cx_drain_close++;
    this.drainDeadlineMs = this.manager.runtime.clock.now() + timeoutMs;
    // What is on its way still counts: the last stream is only named when the answer to the ping has come behind it (section 6.8).
    this.codec.sendGoaway(errorCode.noError, true);
    this.codec.sendPing();
    this.arm(this.drainDeadlineMs);
  }

  /** From the next request on. */
  adopt(manager: ConnectionManager, connection: DownstreamConnection): void {
    this.manager = manager;
    this.connection = connection;
  }

  /** At once, whatever is under way. */
  close(): void {
    this.socket.destroy();
  }

  // --- Reading.

  onData(buffer: Buffer, length: number): void {
    this.manager.stats.downstream_cx_rx_bytes_total += length;
    if (this.state === 'lingering' || this.state === 'closed') return;
    this.codec.feed(buffer, 0, length);
    if (!this.codec.midFrame) {
      this.partSinceMs = never;
    } else if (this.partSinceMs === never) {
      this.partSinceMs = this.manager.runtime.clock.now();
      this.arm(this.partSinceMs + this.manager.config.requestHeadersTimeoutMs);
    }
  }

  onRequest(stream: Http2Stream, head: MessageHead, fin: boolean): void {
    const serving = this.open(stream);
    serving.request(head, fin);
    if (!stream.closed) this.arm(this.streamDeadlineMs(serving));
  }

  onExcessiveRequest(stream: Http2Stream): void {
    this.manager.runtime.http2Stats.header_overflow++;
    this.open(stream).refuseExcess();
  }

  private open(stream: Http2Stream): ServerStream {
    const { manager } = this;
    const { maxRequestsPerConnection } = manager.config;
    const serving = new ServerStream(stream, manager, this.connection);
    this.streams.add(serving);
    manager.runtime.http2Stats.streams_active++;
    if (++this.requests === maxRequestsPerConnection) this.leave();
    return serving;
  }

  onStreamClosed(stream: Http2Stream): void {
    if (this.streams.remove(stream.id) === undefined) return;
    this.manager.runtime.http2Stats.streams_active--;
    this.manager.stats.downstream_cx_tx_bytes_total += this.writer.takeSent();
    if (this.streams.size > 0) return;
    this.sinceMs = this.manager.runtime.clock.now();
    if (this.state === 'leaving') this.linger();
    else this.arm(this.deadlineMs());
  }

  onSettings(): void {
    const { upgraded } = this;
    this.upgraded = undefined;
    if (upgraded !== undefined) this.onRequest(upgraded.stream, upgraded.head, true);
  }

  onGoaway(): void {}

  /** Everything that was sent before the client heard of the drain has come. */
  onPong(): void {
    if (this.state === 'draining') this.leave();
  }

  onOutput(): void {
    this.writer.schedule();
  }

  onFailure(failure: ConnectionFailure): void {
    const { stats, runtime } = this.manager;
    stats.downstream_cx_protocol_error++;
    runtime.http2Stats.countFailure(failure);
    this.abortStreams((stream) => stream.fail(failure.code, false));
    this.linger();
  }

  /** The client sends no more; it could not answer anything that we would send. */
  private onEnd(): void {
    this.socket.destroy();
  }

  private onSocketClose(): void {
    const { stats, runtime } = this.manager;
    this.state = 'closed';
    runtime.timers.cancel(this.timeout);
    this.abortStreams((stream, serving) => {
      stream.close(false);
      serving.http.abort(connectionTermination);
    });
    stats.downstream_cx_http2_active--;
    stats.downstream_cx_tx_bytes_total += this.writer.takeSent();
    this.onClose(this);
  }

  private abortStreams(abort: (stream: Http2Stream, serving: ServerStream) => void): void {
    for (const serving of this.streams.all()) abort(serving.stream, serving);
  }

  // --- Ending.

  /** From here on no request is taken. */
  private leave(): void {
    if (this.state !== 'open' && this.state !== 'draining') return;
    this.state = 'leaving';
    this.manager.runtime.http2Stats.goaway_sent++;
    this.codec.sendGoaway(errorCode.noError);
    if (this.streams.size === 0) this.linger();
  }

  private linger(): void {
    if (this.state === 'lingering' || this.state === 'closed') return;
    this.state = 'lingering';
    this.sinceMs = this.manager.runtime.clock.now();
    this.writer.end();
    this.arm(this.deadlineMs());
  }

  // --- Time.

  /** When the connection, or one of its streams, has waited too long. */
  private deadlineMs(): number {
    const { config } = this.manager;
    if (this.state === 'closed') return never;
    if (this.state === 'lingering') return this.sinceMs + lingerMs;
    let deadlineMs = Math.min(this.drainDeadlineMs, after(this.partSinceMs, config.requestHeadersTimeoutMs));
    if (this.streams.size === 0) {
      const limitMs = this.codec.settled ? config.idleTimeoutMs : config.requestHeadersTimeoutMs;
      deadlineMs = Math.min(deadlineMs, after(this.sinceMs, limitMs));
    }
    for (const serving of this.streams.all()) deadlineMs = Math.min(deadlineMs, this.streamDeadlineMs(serving));
    return deadlineMs;
  }

  private streamDeadlineMs({ http }: ServerStream): number {
    const idle = after(http.lastActivityMs, http.idleTimeoutMs);
    return http.requestDone ? idle : Math.min(idle, after(http.startMs, this.manager.config.requestTimeoutMs));
  }

  /** One timer a connection, only ever moved when it has to fire earlier. */
  private arm(deadlineMs: number): void {
    if (deadlineMs >= this.timeoutMs || this.state === 'closed') return;
    const { timers, clock } = this.manager.runtime;
    this.timeoutMs = deadlineMs;
    timers.set(this.timeout, deadlineMs - clock.now());
  }

  private checkDeadline(): void {
    const now = this.manager.runtime.clock.now();
    this.timeoutMs = never;
    if (this.state === 'lingering') {
      if (this.deadlineMs() <= now) this.socket.destroy();
    } else {
      this.checkStreams(now);
      this.checkConnection(now);
    }
    this.arm(this.deadlineMs());
  }

  private checkStreams(now: number): void {
    for (const serving of this.streams.all()) {
      const { http } = serving;
      if (this.streamDeadlineMs(serving) > now) continue;
      http.timeOut(after(http.lastActivityMs, http.idleTimeoutMs) <= now ? 'idle' : 'request');
    }
  }

  private checkConnection(now: number): void {
    const { stats, config } = this.manager;
    if (now >= this.drainDeadlineMs) {
      this.drainDeadlineMs = never;
      this.leave();
    }
    if (after(this.partSinceMs, config.requestHeadersTimeoutMs) <= now) {
      stats.downstream_rq_header_timeout++;
      this.abortStreams((stream) => stream.fail(errorCode.cancel, true));
      this.socket.destroy();
    } else if (this.streams.size === 0 && this.state !== 'lingering' && this.deadlineMs() <= now) {
      stats.downstream_cx_idle_timeout++;
      this.leave();
    }
  }
}
