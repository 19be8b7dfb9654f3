// A downstream HTTP/1 connection: requests in, responses out, in order. Owns the socket, the framing, the limits and the timeouts;
// what happens between is the stream's. Made by filters/network/http-connection-manager.ts for each accepted socket.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { requestFraming } from '#codec/http1/framing';
import { describeHeadError, headError, parseRequestHead } from '#codec/http1/parse-head';
import type { PeerSettings } from '#codec/http2/settings';
import type { AcceptedSocket } from '#proxy/socket/accepted-socket';
import type { SocketReader } from '#proxy/socket/read-buffers';
import { SocketWriter } from '#proxy/socket/socket-writer';
import { after, Timeout } from '#proxy/timer-wheel';
import { responseFlag } from '#telemetry/response-flags';
import { acceptRequest, type ConnectionIntent } from './accept-request.ts';
import { BodyReader } from './body-reader.ts';
import { BodyWriter } from './body-writer.ts';
import type { ConnectionManager, DownstreamConnection } from './connection-manager.ts';
import { encodeResponse, responseCoding } from './encode-http1.ts';
import type { FieldList, RequestHead, ResponseHead } from './head.ts';
import { connectionTermination, noBytes, type ResetReason, type ResponsePort } from './port.ts';
import { clearRequestHead, type RawRequestHead } from './raw-head.ts';
import { HttpStream } from './stream.ts';

/**
 * `idle`: between requests, or before the first. `head`: part of a head has come. `body`: the head has, the body has not all.
 * `waiting`: the request has come, its response has not all gone. `tunnel`: upgraded. `lingering`: our last byte is sent; what
 * still comes is thrown away until the client closes, so that it gets to read that byte. `closed`. `upgraded`: the socket is another
 * connection's.
 */
type State = 'idle' | 'head' | 'body' | 'waiting' | 'tunnel' | 'lingering' | 'closed' | 'upgraded';

/** What HTTP/2 begins with. */
export interface Http2Upgrade {
  settings: PeerSettings;
  /** Of the first request, which has no body. */
  head: RequestHead;
  /** What came behind it. */
  early: Buffer;
}

/** Envoy's `delayed_close_timeout`. */
const lingerMs = 1000;

export class ServerConnection implements ResponsePort {
  private readonly socket: Socket;
  private readonly reader: SocketReader;
  private readonly writer: SocketWriter;
  /** From the first byte of a request to the end of its exchange. */
  private parsing: RawRequestHead | undefined;
  private readonly bodyReader = new BodyReader();
  private readonly bodyWriter: BodyWriter;
  private readonly intent: ConnectionIntent = { keepAlive: true, explicitProxy: false, host: '', http2Settings: undefined };
  private readonly timeout = new Timeout(() => this.checkDeadline());
  private timeoutMs = Number.POSITIVE_INFINITY;
  private state: State = 'idle';
  /** When the state began that a deadline counts from. */
  private sinceMs: number;
  private stream: HttpStream | undefined;
  private responseTunnel = false;
  private paused = false;
  private requests = 0;
  private drainDeadlineMs = Number.POSITIVE_INFINITY;
  /** Bytes that came too early: of a head that is not complete, or behind a request that is not answered. */
  private held: Buffer | undefined;
  /** Bytes of the response that wait in the socket, and are owed to the upstream as credit. */
  private owed = 0;

  /** `onClose` is called once, when the socket is closed. */
  constructor(
    accepted: AcceptedSocket,
    public manager: ConnectionManager,
    private connection: DownstreamConnection,
    private readonly onClose: (connection: ServerConnection) => void,
    /** Takes the socket over for a client that asks for HTTP/2; where there is none, it goes on in HTTP/1. */
    private readonly onUpgrade?: (upgrade: Http2Upgrade) => void,
  ) {
    const { sockets, clock } = manager.runtime;
    this.sinceMs = clock.now();
    this.reader = accepted.reader;
    this.reader.onData = (buffer, length) => this.onData(buffer, length);
    this.socket = accepted.socket;
    this.writer = new SocketWriter(this.socket, sockets);
    this.bodyWriter = new BodyWriter(this.writer);
    this.socket.on('error', () => {});
    this.socket.on('end', () => this.onEnd());
    this.socket.on('drain', () => this.onDrain());
    this.socket.on('close', () => this.onSocketClose());
    manager.stats.downstream_cx_http1_total++;
    manager.stats.downstream_cx_http1_active++;
    this.arm();
  }

  /** Serves what it has, says `connection: close`, and ends; an idle one waits for a last request until the drain timeout. */
  drain(timeoutMs: number): void {
    if (this.drainDeadlineMs !== Number.POSITIVE_INFINITY) return;
    this.drainDeadlineMs = this.manager.runtime.clock.now() + timeoutMs;
    this.arm();
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

  /** With nothing under way. */
  private end(): void {
    this.state = 'closed';
    this.socket.destroy();
  }

  // --- Reading.

  private get requestHead(): RawRequestHead {
    return (this.parsing ??= this.manager.runtime.requestHeads.take());
  }

  onData(buffer: Buffer, length: number): void {
    this.manager.stats.downstream_cx_rx_bytes_total += length;
    if (this.held === undefined) {
      this.consume(buffer, 0, length);
    } else {
      const all = Buffer.concat([this.held, buffer.subarray(0, length)]);
      this.held = undefined;
      this.consume(all, 0, all.length);
    }
  }

  private consume(buffer: Buffer, start: number, end: number): void {
    let i = start;
    while (i < end) {
      if (this.state === 'idle' || this.state === 'head') i = this.readHead(buffer, i, end);
      else if (this.state === 'body' || this.state === 'tunnel') i = this.readBody(buffer, i, end);
      else {
        if (this.state === 'waiting') this.hold(buffer, i, end);
        break;
      }
    }
    this.stream?.flush();
  }

  /** Returns where the next part begins; `end` when there is nothing more to do with these bytes. */
  private readHead(buffer: Buffer, start: number, end: number): number {
    const { config } = this.manager;
    const { spans } = this.requestHead;
    let i = start;
    if (this.state === 'idle') {
      // RFC 9112 section 2.2: empty lines before a request are ignored.
      while (i + 1 < end && buffer[i] === 13 && buffer[i + 1] === 10) i += 2;
      if (i === end) return end;
      spans.reset();
    }
    const stop = parseRequestHead(buffer, i, end, spans, config);
    if (stop === 0) {
      if (this.state === 'idle') this.enter('head', this.manager.runtime.clock.now());
      this.held = Buffer.from(buffer.subarray(i, end));
      this.arm();
      return end;
    }
    if (stop < 0) {
      const large = stop === headError.tooLarge || stop === headError.tooManyFields;
      this.refuse(large ? 431 : 400, describeHeadError(stop));
      return end;
    }
    if (this.beginRequest()) return stop;
    if (this.state === 'upgraded') this.handOver(buffer.subarray(stop, end));
    return end;
  }

  /** False: the request is refused, and the connection with it; or both are to go on in HTTP/2. */
  private beginRequest(): boolean {
    const { requestHead, intent, manager } = this;
    const framing = requestFraming(requestHead.spans);
    if (framing.kind === 'bad') return this.refuse(framing.status, framing.reason);
    const fault = acceptRequest(requestHead, intent, manager.config.acceptHttp10);
    if (fault !== undefined) return this.refuse(fault.status, fault.reason);
    if (requestHead.upgrade !== '' && framing.kind !== 'none') {
      if (requestHead.upgrade === 'connect') return this.refuse(400, 'CONNECT with a body');
      requestHead.upgrade = '';
    }
    if (intent.http2Settings !== undefined && framing.kind === 'none' && this.mayUpgrade) {
      this.state = 'upgraded';
      return false;
    }
    this.requests++;
    const stream = this.openStream();
    const ended = framing.kind === 'none';
    this.state = ended ? 'waiting' : 'body';
    this.bodyReader.begin(framing, stream);
    this.reader.large = !ended && this.bodyReader.large;
    // What follows an upgrade is part of the request, but only once the upgrade is agreed to.
    stream.head(requestHead, ended && requestHead.upgrade === '');
    if (this.stream === stream) this.arm();
    return true;
  }

  /** A request with a body does not wait for it: it goes on in HTTP/1, and a later one may ask again. */
  private get mayUpgrade(): boolean {
    const { connection, requestHead, drainDeadlineMs } = this;
    const stays = drainDeadlineMs === Number.POSITIVE_INFINITY;
    return this.onUpgrade !== undefined && stays && connection.tls === undefined && requestHead.method !== 'CONNECT';
  }

  /** `early`: what has come behind the request. */
  private handOver(early: Buffer): void {
    const { manager, requestHead, intent } = this;
    this.writer.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n');
    // Before anything that the other connection writes.
    this.writer.flushNow();
    manager.runtime.timers.cancel(this.timeout);
    manager.stats.downstream_cx_tx_bytes_total += this.writer.takeSent();
    manager.stats.downstream_cx_http1_active--;
    this.onUpgrade!({ settings: intent.http2Settings!, head: requestHead, early });
  }

  private openStream(): HttpStream {
    const protocol = this.requestHead.spans.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    this.responseTunnel = false;
    this.stream = new HttpStream(this.manager, this, this.connection, protocol, this.intent.explicitProxy);
    return this.stream;
  }

  private readBody(buffer: Buffer, start: number, end: number): number {
    const { stream } = this;
    const stop = this.bodyReader.feed(buffer, start, end);
    if (stop < 0) {
      this.intent.keepAlive = false;
      const { flags, details } = { flags: responseFlag.downstreamProtocolError, details: 'malformed_chunked_body' };
      stream?.reply({ status: 400, flags, details, body: 'Bad Request: malformed chunked body' });
      if (this.state === 'body') this.socket.destroy();
      return end;
    }
    if (stop === 0) {
      if (this.bodyReader.undelivered > 0) this.pause();
      return end;
    }
    // Unless the response has ended with it, and the connection is at the next request already.
    if (this.state === 'body' && this.stream === stream) this.state = 'waiting';
    this.reader.large = false;
    return stop;
  }

  /** Pipelined requests wait here, at most one read of them: the socket is not read while they do. */
  private hold(buffer: Buffer, start: number, end: number): void {
    this.held = Buffer.from(buffer.subarray(start, end));
    this.pause();
  }

  private pause(): void {
    if (!this.paused) this.socket.pause();
    this.paused = true;
  }

  private resume(): void {
    if (this.paused) this.socket.resume();
    this.paused = false;
  }

  private consumeHeld(): void {
    if (this.state === 'closed' || this.state === 'lingering') return;
    const { held } = this;
    this.held = undefined;
    this.resume();
    if (held !== undefined) this.consume(held, 0, held.length);
  }

  /** Answers a request that cannot be understood; the framing is in doubt, so nothing more is read. */
  private refuse(status: number, reason: string): false {
    const { stats } = this.manager;
    stats.downstream_cx_protocol_error++;
    if (status === 431) stats.downstream_rq_too_large++;
    this.intent.keepAlive = false;
    this.held = undefined;
    this.state = 'waiting';
    clearRequestHead(this.requestHead);
    const flags = status === 408 ? responseFlag.none : responseFlag.downstreamProtocolError;
    const body = `${STATUS_CODES[status]}: ${reason}`;
    this.openStream().refuse(this.requestHead, { status, flags, details: reason.replaceAll(' ', '_'), body });
    return false;
  }

  private onEnd(): void {
    if (this.state === 'upgraded') return;
    if (this.state === 'tunnel') {
      this.bodyReader.detach();
      this.stream?.body(noBytes, 0, 0, true);
      if (this.stream?.ended) this.finishExchange();
      return;
    }
    this.stream?.abort(connectionTermination);
    this.socket.destroy();
  }

  private onDrain(): void {
    const bytes = this.owed;
    this.owed = 0;
    if (bytes > 0) this.stream?.credit(bytes);
  }

  private onSocketClose(): void {
    if (this.state === 'upgraded') return;
    const { stream, manager } = this;
    this.state = 'closed';
    this.stream = undefined;
    manager.runtime.timers.cancel(this.timeout);
    stream?.abort(connectionTermination);
    this.reader.release();
    manager.stats.downstream_cx_tx_bytes_total += this.writer.takeSent();
    manager.stats.downstream_cx_http1_active--;
    this.onClose(this);
  }

  // --- Writing: the response port.

  head(head: ResponseHead, fin: boolean): void {
    const { method, spans } = this.requestHead;
    const interim = head.status < 200 && head.status !== 101;
    // A client of HTTP/1.0 does not know interim responses.
    if (this.state === 'closed' || (interim && spans.minor === 0)) return;
    const coding = responseCoding(head, fin, method, spans.minor);
    if (interim) {
      this.writer.write(encodeResponse(head, coding, method, '', ''));
      return;
    }
    if (coding === 'close' || (this.state === 'body' && fin) || this.mustClose()) this.intent.keepAlive = false;
    const connection = !this.intent.keepAlive ? 'close' : spans.minor === 0 ? 'keep-alive' : '';
    this.writer.write(encodeResponse(head, coding, method, coding === 'tunnel' ? '' : connection, head.upgrade));
    this.bodyWriter.begin(coding);
    if (coding === 'tunnel') this.beginTunnel();
    if (fin) this.finishResponse();
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    if (this.state === 'closed') return end - start;
    this.bodyWriter.send(buffer, start, end, fin);
    const congested = this.writer.congested;
    if (fin) this.finishResponse();
    if (!congested) return end - start;
    this.owed += end - start;
    return 0;
  }

  trailers(trailers: FieldList): void {
    if (this.state === 'closed') return;
    this.bodyWriter.sendTrailers(trailers);
    this.finishResponse();
  }

  abort(_reason: ResetReason): void {
    // The only way HTTP/1 has to say that a response is cut off.
    this.writer.breakOff();
  }

  credit(bytes: number): void {
    const { bodyReader } = this;
    if (bodyReader.undelivered === 0) return;
    bodyReader.undelivered = Math.max(0, bodyReader.undelivered - bytes);
    if (bodyReader.undelivered === 0 && this.held === undefined) this.resume();
  }

  flush(): void {
    this.writer.flush();
  }

  private mustClose(): boolean {
    const { maxRequestsPerConnection } = this.manager.config;
    const worn = maxRequestsPerConnection > 0 && this.requests >= maxRequestsPerConnection;
    if (this.drainDeadlineMs !== Number.POSITIVE_INFINITY) this.manager.stats.downstream_cx_drain_close++;
    return worn || this.drainDeadlineMs !== Number.POSITIVE_INFINITY;
  }

  private beginTunnel(): void {
    this.manager.stats.downstream_cx_upgrades_total++;
    this.responseTunnel = true;
    this.writer.flush();
    this.state = 'tunnel';
    this.intent.keepAlive = false;
    this.bodyReader.begin({ kind: 'tunnel' }, this.stream!);
    this.consumeHeld();
  }

  private finishResponse(): void {
    this.writer.flush();
    if (this.responseTunnel) {
      this.writer.end();
      if (!this.stream?.ended) return;
    }
    this.finishExchange();
  }

  private finishExchange(): void {
    const requestEnded = this.state === 'waiting';
    const { startMs, durationMs } = this.stream!;
    this.manager.stats.downstream_cx_tx_bytes_total += this.writer.takeSent();
    this.stream = undefined;
    this.owed = 0;
    this.bodyReader.detach();
    this.reader.large = false;
    if (!this.intent.keepAlive || !requestEnded) {
      this.linger();
      return;
    }
    if (this.parsing !== undefined) this.manager.runtime.requestHeads.giveBack(this.parsing);
    this.parsing = undefined;
    this.enter('idle', startMs + durationMs);
    if (!this.paused) this.arm();
    else this.consumeHeld();
  }

  private linger(): void {
    this.enter('lingering', this.manager.runtime.clock.now());
    this.held = undefined;
    this.writer.end();
    this.resume();
    this.arm();
  }

  // --- Time.

  private enter(state: State, nowMs: number): void {
    this.state = state;
    this.sinceMs = nowMs;
  }

  /** When the present state has lasted too long. */
  private deadlineMs(): number {
    const { config } = this.manager;
    switch (this.state) {
      case 'idle':
        return Math.min(
          this.drainDeadlineMs,
          after(this.sinceMs, this.requests === 0 ? config.requestHeadersTimeoutMs : config.idleTimeoutMs),
        );
      case 'head':
        return after(this.sinceMs, config.requestHeadersTimeoutMs);
      case 'lingering':
        return this.sinceMs + lingerMs;
      case 'closed':
        return Number.POSITIVE_INFINITY;
      default: {
        const { stream } = this;
        if (stream === undefined) return Number.POSITIVE_INFINITY;
        const idle = after(stream.lastActivityMs, stream.idleTimeoutMs);
        return this.state === 'body' ? Math.min(idle, after(stream.startMs, config.requestTimeoutMs)) : idle;
      }
    }
  }

  /** One timer a connection, only ever moved when it has to fire earlier: a request usually costs none. */
  private arm(): void {
    const deadlineMs = this.deadlineMs();
    if (deadlineMs >= this.timeoutMs) return;
    const { timers, clock } = this.manager.runtime;
    this.timeoutMs = deadlineMs;
    timers.set(this.timeout, deadlineMs - clock.now());
  }

  private checkDeadline(): void {
    const now = this.manager.runtime.clock.now();
    const deadlineMs = this.deadlineMs();
    this.timeoutMs = Number.POSITIVE_INFINITY;
    if (deadlineMs <= now) this.onDeadline(now);
    this.arm();
  }

  private onDeadline(now: number): void {
    const { stats, config } = this.manager;
    switch (this.state) {
      case 'idle':
        stats.downstream_cx_idle_timeout++;
        this.end();
        return;
      case 'head':
        stats.downstream_rq_header_timeout++;
        this.refuse(408, 'the head did not come in time');
        return;
      case 'lingering':
        this.end();
        return;
      default: {
        const { stream } = this;
        const late = this.state === 'body' && stream !== undefined && after(stream.startMs, config.requestTimeoutMs) <= now;
        stream?.timeOut(late ? 'request' : 'idle');
      }
    }
  }
}
