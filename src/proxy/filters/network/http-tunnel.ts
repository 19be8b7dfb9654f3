// The far end of a TCP session behind an HTTP proxy: its bytes are the bodies of a CONNECT, or of a POST, over HTTP/1 or HTTP/2 as the
// cluster speaks. Envoy's tunneling_config.
import { Field, fieldName } from '#codec/http2/field';
import type { TunnelConfig } from '#proxy/config/listener';
import type { FieldList, ResponseHead } from '#proxy/http/head';
import { localReset, noBytes, type ResetReason, type ResponsePort } from '#proxy/http/port';
import { ListedRequestHead } from '#proxy/http2/listed-head';
import type { Endpoint } from '#proxy/upstream/endpoint';
import type { HttpPool, PoolWaiter, UpstreamRequest } from '#proxy/upstream/http-pool';
import type { TcpUpstream, TcpUpstreamEvents } from './tcp-upstream.ts';

export class HttpTunnel implements TcpUpstream, PoolWaiter, ResponsePort {
  private readonly pool: HttpPool;
  private connection: UpstreamRequest | undefined;
  private open = false;
  private sentEnd = false;
  private receivedEnd = false;
  private closed = false;
  private paused = false;
  /** Bytes that came while paused. */
  private undelivered = 0;

  constructor(
    endpoint: Endpoint,
    private readonly config: TunnelConfig,
    private readonly events: TcpUpstreamEvents,
  ) {
    this.pool = endpoint.pool(false);
  }

  /** To be called once; the session may hear of a failure before this returns. */
  start(): void {
    this.pool.acquire(this);
  }

  get localAddress(): string {
    return this.connection?.localAddress ?? '';
  }

  // --- The session's part.

  write(buffer: Buffer, length: number): boolean {
    const { connection } = this;
    if (connection === undefined || this.closed) return false;
    const delivered = connection.body(buffer, 0, length, false);
    connection.flush();
    return delivered < length;
  }

  end(): void {
    if (this.sentEnd || this.closed) return;
    this.sentEnd = true;
    this.connection?.body(noBytes, 0, 0, true);
    this.connection?.flush();
    this.closeWhenDone();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    const bytes = this.undelivered;
    this.undelivered = 0;
    if (bytes > 0) this.connection?.credit(bytes);
  }

  destroy(): void {
    if (this.closed) return;
    this.pool.cancel(this);
    this.connection?.abort(localReset);
    this.close('');
  }

  // --- The pool's part.

  onConnection(connection: UpstreamRequest): void {
    const { target, post } = this.config;
    this.connection = connection;
    connection.begin(this);
    const fields = this.config.headers.map(([name, value]) => new Field(fieldName(name), value));
    const method = post === undefined ? 'CONNECT' : 'POST';
    const head = { method, path: post?.path ?? '', authority: target, scheme: 'http', protocol: '', fields, status: 0, contentLength: -1 };
    connection.head(new ListedRequestHead(head), false);
    connection.flush();
  }

  onPoolFailure(reason: ResetReason): void {
    this.close(reason.kind);
  }

  // --- The response.

  head(head: ResponseHead, fin: boolean): void {
    if (head.status < 200) return;
    if (head.status >= 300) {
      this.connection?.abort(localReset);
      this.close(`the tunnel to ${this.config.target} is refused with ${head.status}`);
      return;
    }
    this.open = true;
    this.events.onConnect();
    if (fin) this.onEnd();
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    if (end > start) this.events.onData(buffer, start, end);
    if (fin) this.onEnd();
    if (!this.paused) return end - start;
    this.undelivered += end - start;
    return 0;
  }

  trailers(_trailers: FieldList): void {
    this.onEnd();
  }

  abort(reason: ResetReason): void {
    this.connection = undefined;
    this.close('detail' in reason ? reason.detail : reason.kind);
  }

  credit(_bytes: number): void {
    this.events.onDrain();
  }

  flush(): void {}

  private onEnd(): void {
    this.receivedEnd = true;
    this.events.onEnd();
    this.closeWhenDone();
  }

  private closeWhenDone(): void {
    if (this.open && this.sentEnd && this.receivedEnd) this.close('');
  }

  private close(failure: string): void {
    if (this.closed) return;
    this.closed = true;
    this.events.onClose(failure);
  }
}
