// The upstream end of a CONNECT that ends here: a plain TCP connection of its own, whose bytes are the two bodies.
import type { Socket } from 'node:net';
import { FieldHead, type FieldList, type RequestHead } from '#proxy/http/head';
import { connectionTermination, connectTimeout, noBytes, type RequestPort, type ResetReason, type ResponsePort } from '#proxy/http/port';
import { SocketReader } from '#proxy/socket/read-buffers';
import { SocketWriter } from '#proxy/socket/socket-writer';
import { Timeout } from '#proxy/timer-wheel';
import type { Endpoint } from './endpoint.ts';
import { openSocket } from './open-socket.ts';

export class TunnelConnection implements RequestPort {
  readonly reused = false;
  private readonly socket: Socket;
  private readonly reader: SocketReader;
  private readonly writer: SocketWriter;
  private readonly timeout = new Timeout(() => this.fail(connectTimeout));
  private port: ResponsePort | undefined;
  private connected = false;
  private failure = '';
  private undelivered = 0;
  private owed = 0;

  constructor(
    private readonly endpoint: Endpoint,
    port: ResponsePort,
  ) {
    const { sockets, timers, config, stats } = endpoint.context;
    this.port = port;
    this.reader = new SocketReader(sockets.buffers, (buffer, length) => this.onData(buffer, length));
    this.socket = openSocket(endpoint, this.reader.options(), true, () => this.onConnect());
    this.writer = new SocketWriter(this.socket, sockets);
    this.socket.on('error', (error) => {
      this.failure = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    this.socket.on('end', () => this.onEnd());
    this.socket.on('drain', () => this.onDrain());
    this.socket.on('close', () => this.onClose());
    stats.upstream_cx_total++;
    stats.upstream_cx_active++;
    timers.set(this.timeout, config.connectTimeoutMs);
  }

  readonly protocol = 'HTTP/1.1';

  get localAddress(): string {
    return this.socket.localAddress === undefined ? '' : `${this.socket.localAddress}:${this.socket.localPort}`;
  }

  // --- The request port.

  /** The head has said where to go; nothing of it is sent. */
  head(_head: RequestHead, fin: boolean): void {
    if (fin) this.writer.end();
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    if (end > start) this.writer.writeBytes(buffer, start, end);
    if (fin) this.writer.end();
    if (!this.writer.congested) return end - start;
    this.owed += end - start;
    return 0;
  }

  trailers(_trailers: FieldList): void {}

  abort(_reason: ResetReason): void {
    this.port = undefined;
    this.socket.destroy();
  }

  credit(bytes: number): void {
    if (this.undelivered === 0) return;
    this.undelivered = Math.max(0, this.undelivered - bytes);
    if (this.undelivered === 0) this.socket.resume();
  }

  flush(): void {
    this.writer.flush();
  }

  // --- The socket.

  private onConnect(): void {
    this.connected = true;
    this.endpoint.context.timers.cancel(this.timeout);
    this.reader.large = true;
    this.port?.head(new FieldHead(200), false);
  }

  private onData(buffer: Buffer, length: number): void {
    const { port } = this;
    if (port === undefined) return;
    this.undelivered += length - port.body(buffer, 0, length, false);
    port.flush();
    if (this.undelivered > 0) this.socket.pause();
  }

  private onEnd(): void {
    this.port?.body(noBytes, 0, 0, true);
  }

  private onDrain(): void {
    const bytes = this.owed;
    this.owed = 0;
    if (bytes > 0) this.port?.credit(bytes);
  }

  private onClose(): void {
    const { context, stats } = this.endpoint;
    context.timers.cancel(this.timeout);
    context.stats.upstream_cx_active--;
    context.stats.upstream_cx_destroy++;
    if (!this.connected) {
      context.stats.upstream_cx_connect_fail++;
      stats.cx_connect_fail++;
    }
    this.reader.release();
    const { port } = this;
    this.port = undefined;
    // After both ends said that they are done, nobody listens to this any more.
    port?.abort(this.connected ? connectionTermination : { kind: 'connect-failure', detail: this.failure });
  }

  private fail(reason: ResetReason): void {
    const { port } = this;
    this.port = undefined;
    this.socket.destroy();
    port?.abort(reason);
  }
}
