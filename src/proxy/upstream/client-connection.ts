// An upstream HTTP/1 connection: one request after the other, each for the port that it answers to. Owns the socket and the framing;
// whoever got it from the pool begins an exchange, and gets it taken back when both messages are through.
import type { Socket } from 'node:net';
import { responseFraming } from '#codec/http1/framing';
import { describeHeadError, parseResponseHead } from '#codec/http1/parse-head';
import { BodyReader } from '#proxy/http/body-reader';
import { BodyWriter } from '#proxy/http/body-writer';
import { encodeRequest, requestCoding } from '#proxy/http/encode-http1';
import type { FieldList, RequestHead } from '#proxy/http/head';
import { connectionTermination, connectTimeout, noBytes, type RequestPort, type ResetReason, type ResponsePort } from '#proxy/http/port';
import { connectionOptions, RawResponseHead } from '#proxy/http/raw-head';
import { deliverTo } from '#proxy/socket/accepted-socket';
import { SocketReader } from '#proxy/socket/read-buffers';
import { SocketWriter } from '#proxy/socket/socket-writer';
import { after, Timeout } from '#proxy/timer-wheel';
import type { ConnectionPool } from './connection-pool.ts';
import type { Endpoint } from './endpoint.ts';
import { openSocket } from './open-socket.ts';

/** `head`: the response's head has not come; `body`: it has; `done`: no response is expected. */
type State = 'head' | 'body' | 'done';

const limits = { headBytesMax: 61_440, headersMax: 100 };

export class ClientConnection implements RequestPort {
  private readonly socket: Socket;
  private readonly reader: SocketReader;
  private readonly writer: SocketWriter;
  private readonly responseHead = new RawResponseHead();
  private readonly bodyReader = new BodyReader();
  private readonly bodyWriter: BodyWriter;
  private readonly timeout = new Timeout(() => this.onTimeout());
  private port: ResponsePort | undefined;
  private state: State = 'done';
  private method = '';
  /** What the request asks to be upgraded to. */
  private upgrade = '';
  private requestEnded = true;
  private reusable = true;
  private connected = false;
  private closed = false;
  private paused = false;
  private held: Buffer | undefined;
  private owed = 0;
  private requests = 0;
  private idleSinceMs = 0;
  /** When it is to go, whatever is on it. */
  private endsAtMs = Number.POSITIVE_INFINITY;
  private failure = '';

  constructor(
    readonly endpoint: Endpoint,
    private readonly pool: ConnectionPool,
    /** A request waits for it. */
    private readonly wanted: boolean,
    /** One that stands: `onConnect` follows. */
    opened?: Socket,
  ) {
    const { sockets, stats, timers, config } = endpoint.context;
    this.reader = new SocketReader(sockets.buffers, (buffer, length) => this.onData(buffer, length));
    const onread = this.reader.options();
    this.socket = opened ? deliverTo(opened, onread) : openSocket(endpoint, onread, true, () => this.onConnect(), pool);
    this.writer = new SocketWriter(this.socket, sockets);
    this.bodyWriter = new BodyWriter(this.writer);
    this.socket.on('error', (error) => {
      this.failure = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    this.socket.on('end', () => this.onEnd());
    this.socket.on('drain', () => this.onDrain());
    this.socket.on('close', () => this.onClose());
    stats.upstream_cx_total++;
    stats.upstream_cx_http1_total++;
    stats.upstream_cx_active++;
    endpoint.stats.cx_total++;
    endpoint.stats.cx_active++;
    timers.set(this.timeout, config.connectTimeoutMs);
  }

  /** It has waited for this request: the upstream may have closed it in the meantime, without a fault of the request's. */
  get reused(): boolean {
    return this.requests > 1 || !this.wanted;
  }

  /** Our side of the connection, once it is there; empty before. */
  localAddress = '';
  readonly protocol = 'HTTP/1.1';

  /** The response to the next request goes to `port`. The request follows by `head`, and so on. */
  begin(port: ResponsePort): void {
    this.port = port;
    this.requests++;
    this.state = 'head';
    this.owed = 0;
    this.responseHead.spans.reset();
  }

  close(): void {
    this.socket.destroy();
  }

  // --- The request port.

  head(head: RequestHead, fin: boolean): void {
    const coding = requestCoding(head, fin);
    this.method = head.method;
    this.upgrade = head.upgrade;
    this.requestEnded = fin;
    this.writer.write(encodeRequest(head, coding));
    this.bodyWriter.begin(coding);
    if (fin) this.writer.flush();
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    if (this.closed) return end - start;
    this.bodyWriter.send(buffer, start, end, fin);
    const congested = this.writer.congested;
    if (fin) this.endRequest();
    if (!congested) return end - start;
    this.owed += end - start;
    return 0;
  }

  trailers(trailers: FieldList): void {
    if (this.closed) return;
    this.bodyWriter.sendTrailers(trailers);
    this.endRequest();
  }

  abort(_reason: ResetReason): void {
    this.detach();
    this.socket.destroy();
  }

  credit(bytes: number): void {
    const { bodyReader } = this;
    if (bodyReader.undelivered === 0) return;
    bodyReader.undelivered = Math.max(0, bodyReader.undelivered - bytes);
    if (bodyReader.undelivered === 0) this.resume();
  }

  flush(): void {
    this.writer.flush();
  }

  private endRequest(): void {
    this.requestEnded = true;
    this.writer.flush();
    if (this.bodyReader.tunnel) this.writer.end();
  }

  // --- Reading.

  private onData(buffer: Buffer, length: number): void {
    this.endpoint.context.stats.upstream_cx_rx_bytes_total += length;
    if (this.held !== undefined) {
      const all = Buffer.concat([this.held, buffer.subarray(0, length)]);
      this.held = undefined;
      this.consume(all, all.length);
    } else {
      this.consume(buffer, length);
    }
  }

  private consume(buffer: Buffer, end: number): void {
    let i = 0;
    while (i < end) {
      // What was not asked for: the framing of this connection is in doubt.
      if (this.state === 'done') {
        this.reusable = false;
        if (this.port === undefined) this.socket.destroy();
        return;
      }
      const next = this.state === 'head' ? this.readHead(buffer, i, end) : this.readBody(buffer, i, end);
      if (next < 0) return;
      i = next;
    }
    if (this.state === 'body') this.port?.flush();
    else if (this.state === 'done' && this.requestEnded && this.port !== undefined) this.finish();
  }

  /** Returns where the next part begins; below 0: stop. */
  private readHead(buffer: Buffer, start: number, end: number): number {
    const { spans } = this.responseHead;
    const stop = parseResponseHead(buffer, start, end, spans, limits);
    if (stop === 0) {
      this.held = Buffer.from(buffer.subarray(start, end));
      return -1;
    }
    if (stop < 0) return this.fail(describeHeadError(stop));
    const framing = responseFraming(spans, this.method);
    if (framing.kind === 'bad') return this.fail(framing.reason);
    const options = connectionOptions(spans);
    const interim = spans.status < 200 && framing.kind !== 'tunnel';
    this.responseHead.accept(options);
    if (spans.status === 101 && !this.wasAskedFor(this.responseHead.upgrade)) return this.fail('101 without having been asked for it');
    const port = this.port!;
    if (interim) {
      port.head(this.responseHead, false);
      spans.reset();
      return stop;
    }
    if (framing.kind === 'close' || framing.kind === 'tunnel' || options.includes('close') || spans.minor === 0) this.reusable = false;
    const fin = framing.kind === 'none';
    this.state = fin ? 'done' : 'body';
    this.bodyReader.begin(framing, port);
    this.reader.large = !fin && this.bodyReader.large;
    port.head(this.responseHead, fin);
    return stop;
  }

  private readBody(buffer: Buffer, start: number, end: number): number {
    const stop = this.bodyReader.feed(buffer, start, end);
    if (stop < 0) return this.fail('malformed chunked body');
    if (stop > 0) {
      this.state = 'done';
      this.reader.large = false;
      return stop;
    }
    if (this.bodyReader.undelivered > 0) this.pause();
    return end;
  }

  /** RFC 9110 section 7.8: a server switches to a protocol that the request named, and to no other. Some do not say to which. */
  private wasAskedFor(upgrade: string): boolean {
    if (this.upgrade === '' || this.method === 'CONNECT') return false;
    return upgrade === '' || upgrade.toLowerCase() === this.upgrade;
  }

  private pause(): void {
    if (!this.paused) this.socket.pause();
    this.paused = true;
  }

  private resume(): void {
    if (this.paused) this.socket.resume();
    this.paused = false;
  }

  private fail(detail: string): -1 {
    this.endpoint.context.stats.upstream_cx_protocol_error++;
    this.reset({ kind: 'protocol-error', detail });
    this.socket.destroy();
    return -1;
  }

  private reset(reason: ResetReason): void {
    const { port } = this;
    this.detach();
    port?.abort(reason);
  }

  private detach(): void {
    this.port = undefined;
    this.state = 'done';
    this.bodyReader.detach();
  }

  // --- The connection's own life.

  onConnect(): void {
    const { context } = this.endpoint;
    this.connected = true;
    this.localAddress = `${this.socket.localAddress}:${this.socket.localPort}`;
    this.settle();
    context.timers.cancel(this.timeout);
    this.endsAtMs = after(context.clock.now(), context.config.connectionMsMax);
    if (!this.wanted) this.rest();
  }

  /** It is connected, or will not be: nobody is pending for it any more. */
  private settle(): void {
    if (this.wanted) this.endpoint.context.stats.upstream_rq_pending_active--;
    else this.pool.settled();
  }

  /** Waits for a request. */
  private rest(): void {
    this.idleSinceMs = this.endpoint.context.clock.now();
    this.arm();
    this.pool.release(this);
  }

  private onEnd(): void {
    if (this.state === 'body' && this.bodyReader.endsWithConnection) {
      const { port } = this;
      this.state = 'done';
      port?.body(noBytes, 0, 0, true);
      port?.flush();
      if (this.bodyReader.tunnel && !this.requestEnded) return;
      this.port = undefined;
    }
    this.socket.destroy();
  }

  private onDrain(): void {
    const bytes = this.owed;
    this.owed = 0;
    if (bytes > 0) this.port?.credit(bytes);
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
      this.settle();
      context.stats.upstream_cx_connect_fail++;
      stats.cx_connect_fail++;
    }
    if (this.port !== undefined) {
      context.stats.upstream_cx_destroy_with_active_rq++;
      this.reset(this.connected ? connectionTermination : { kind: 'connect-failure', detail: this.failure });
    }
    this.reader.release();
    this.pool.closed(this);
  }

  /** Both messages are through: the next may have the connection, unless it is worn, in doubt or unwanted. */
  private finish(): void {
    const { config, timers, stats } = this.endpoint.context;
    this.port = undefined;
    this.bodyReader.detach();
    stats.upstream_cx_tx_bytes_total += this.writer.takeSent();
    if (config.maxRequestsPerConnection > 0 && this.requests >= config.maxRequestsPerConnection) {
      stats.upstream_cx_max_requests++;
      this.reusable = false;
    }
    if (timers.coarseMs >= this.endsAtMs) {
      stats.upstream_cx_max_duration_reached++;
      this.reusable = false;
    }
    if (!this.reusable || this.closed || this.endpoint.removed) {
      this.socket.destroy();
      return;
    }
    this.resume();
    this.idleSinceMs = timers.coarseMs;
    if (!this.timeout.pending) this.arm();
    this.pool.release(this);
  }

  /** While connecting: it takes too long. After: the idle timeout, unless it was used since; then the rest of it. */
  private onTimeout(): void {
    const { stats, clock } = this.endpoint.context;
    if (!this.connected) {
      stats.upstream_cx_connect_timeout++;
      this.reset(connectTimeout);
      this.socket.destroy();
      return;
    }
    if (this.port !== undefined) return;
    if (this.deadlineMs > clock.now()) {
      this.arm();
      return;
    }
    if (this.deadlineMs === this.endsAtMs) stats.upstream_cx_max_duration_reached++;
    else stats.upstream_cx_idle_timeout++;
    this.socket.destroy();
  }

  /** Of a connection without a request. */
  private get deadlineMs(): number {
    return Math.min(after(this.idleSinceMs, this.endpoint.context.config.idleTimeoutMs), this.endsAtMs);
  }

  private arm(): void {
    const { timers, clock } = this.endpoint.context;
    if (this.deadlineMs !== Number.POSITIVE_INFINITY) timers.set(this.timeout, this.deadlineMs - clock.now());
  }
}
