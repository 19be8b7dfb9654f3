// Which HTTP a connection speaks, by its first bytes: those of HTTP/2 begin with a preface that is no request of HTTP/1 (RFC 9113 section
// 3.4); a client of HTTP/1 may ask to go on in HTTP/2 (`h2c`, RFC 7540 section 3.2). For `codec_type: AUTO`; the connection that serves takes the socket over from here.
import { clientPreface } from '#codec/http2/frame';
import type { ConnectionManager, DownstreamConnection } from '#proxy/http/connection-manager';
import { type Http2Upgrade, ServerConnection } from '#proxy/http/server-connection';
import type { AcceptedSocket } from '#proxy/socket/accepted-socket';
import { Timeout } from '#proxy/timer-wheel';
import { Http2ServerConnection } from './server-connection.ts';

/** `PRI * HTTP/2`: Envoy looks at as much. */
const tellingBytes = 12;

export class CodecDetection {
  /** Undefined while the first bytes have not told. */
  private chosen: ServerConnection | Http2ServerConnection | undefined;
  private held: Buffer | undefined;
  private drainDeadlineMs = Number.POSITIVE_INFINITY;
  private readonly timeout = new Timeout(() => this.onTimeout());

  /** `onClose` is called once, when the socket is closed. */
  constructor(
    private readonly accepted: AcceptedSocket,
    public manager: ConnectionManager,
    private connection: DownstreamConnection,
    private readonly onClose: (connection: CodecDetection) => void,
  ) {
    const { socket, reader } = accepted;
    reader.onData = (buffer, length) => this.onData(buffer, length);
    socket.on('error', () => {});
    socket.once('end', () => {
      if (this.chosen === undefined) this.close();
    });
    socket.once('close', () => this.onUndecidedClose());
    const { requestHeadersTimeoutMs } = manager.config;
    if (requestHeadersTimeoutMs > 0) manager.runtime.timers.set(this.timeout, requestHeadersTimeoutMs);
  }

  /** From the next request on. */
  adopt(manager: ConnectionManager, connection: DownstreamConnection): void {
    this.manager = manager;
    this.connection = connection;
    this.chosen?.adopt(manager, connection);
  }

  drain(timeoutMs: number): void {
    if (this.chosen !== undefined) {
      this.chosen.drain(timeoutMs);
      return;
    }
    // Its first request may be on the way.
    const { runtime, config } = this.manager;
    this.drainDeadlineMs = runtime.clock.now() + timeoutMs;
    if (!this.timeout.pending || timeoutMs < config.requestHeadersTimeoutMs) runtime.timers.set(this.timeout, timeoutMs);
  }

  close(): void {
    this.accepted.socket.destroy();
  }

  private onTimeout(): void {
    this.manager.stats.downstream_cx_idle_timeout++;
    this.close();
  }

  private onUndecidedClose(): void {
    if (this.chosen !== undefined) return;
    this.manager.runtime.timers.cancel(this.timeout);
    this.accepted.reader.release();
    this.onClose(this);
  }

  private onData(buffer: Buffer, length: number): void {
    const all = this.held === undefined ? buffer : Buffer.concat([this.held, buffer.subarray(0, length)]);
    const bytes = this.held === undefined ? length : all.length;
    const compared = Math.min(bytes, tellingBytes);
    const like = all.compare(clientPreface, 0, compared, 0, compared) === 0;
    if (like && bytes < tellingBytes) {
      this.held = Buffer.from(all.subarray(0, bytes));
      return;
    }
    this.held = undefined;
    this.manager.runtime.timers.cancel(this.timeout);
    const { accepted, manager, connection } = this;
    const onClose = () => this.onClose(this);
    this.chosen = like
      ? new Http2ServerConnection(accepted, manager, connection, onClose)
      : new ServerConnection(accepted, manager, connection, onClose, (upgrade) => this.upgrade(upgrade));
    if (this.drainDeadlineMs !== Number.POSITIVE_INFINITY) {
      this.chosen.drain(Math.max(0, this.drainDeadlineMs - manager.runtime.clock.now()));
    }
    this.chosen.onData(all, bytes);
  }

  /** The client has asked for HTTP/2 in HTTP/1. */
  private upgrade(upgrade: Http2Upgrade): void {
    const { accepted, manager, connection } = this;
    this.chosen = new Http2ServerConnection(accepted, manager, connection, () => this.onClose(this), upgrade);
    this.chosen.onData(upgrade.early, upgrade.early.length);
  }
}
