// The upstream end of one exchange over HTTP/2: between the request port that the router fills and a stream of the connection. Made by
// http2-client-connection.ts for each request.
import { fieldId } from '#codec/http1/field-names';
import { type ErrorCode, errorCode } from '#codec/http2/frame';
import type { HpackEncoder } from '#codec/http2/hpack-encoder';
import type { MessageHead } from '#codec/http2/message';
import type { Http2Stream, StreamEvents } from '#codec/http2/stream';
import type { TableEntry } from '#codec/http2/stream-table';
import type { FieldList, RequestHead } from '#proxy/http/head';
import { type ResetReason, type ResponsePort, refusedStream, remoteReset } from '#proxy/http/port';
import { RawRequestHead } from '#proxy/http/raw-head';
import { addWebSocketAccept } from '#proxy/http/websocket-handshake';
import { encodeFields, ListedResponseHead } from '#proxy/http2/listed-head';
import type { UpstreamRequest } from './http-pool.ts';
import type { Http2ClientConnection } from './http2-client-connection.ts';

export class Http2ClientStream implements UpstreamRequest, StreamEvents, TableEntry<Http2ClientStream> {
  readonly protocol = 'HTTP/2';
  readonly id: number;
  chained: Http2ClientStream | undefined;
  readonly reused: boolean;
  private port: ResponsePort | undefined;
  private upgrade = '';
  private webSocketKey: string | undefined;
  /** An extended CONNECT waits for the server to say that it knows them: RFC 8441 section 3. */
  private deferred: RequestHead | undefined;

  constructor(
    private readonly connection: Http2ClientConnection,
    readonly stream: Http2Stream,
  ) {
    this.id = stream.id;
    stream.events = this;
    this.reused = connection.requests > 0;
  }

  get localAddress(): string {
    return this.connection.localAddress;
  }

  begin(port: ResponsePort): void {
    this.port = port;
  }

  // --- The request port.

  head(head: RequestHead, fin: boolean): void {
    // A plain CONNECT every server knows.
    this.upgrade = head.upgrade === 'connect' ? '' : head.upgrade;
    if (head.upgrade === 'websocket') this.webSocketKey = head.header('sec-websocket-key');
    if (this.upgrade !== '' && !this.connection.codec.peer.connectProtocol) {
      if (this.connection.codec.settled) this.refuseUpgrade();
      else this.deferred = head;
      return;
    }
    this.send(head, fin);
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    return this.stream.body(buffer, start, end, fin);
  }

  trailers(trailers: FieldList): void {
    this.stream.trailers(trailers);
  }

  abort(_reason: ResetReason): void {
    this.port = undefined;
    this.stream.reset(errorCode.cancel);
  }

  credit(bytes: number): void {
    this.stream.consume(bytes);
  }

  flush(): void {}

  private send(head: RequestHead, fin: boolean): void {
    const { stream } = this;
    stream.bodiless = head.method === 'HEAD';
    const encoder = stream.beginHead();
    encoder.add(':method', this.upgrade === '' ? head.method : 'CONNECT');
    if (head.authority !== '') encoder.add(':authority', head.authority);
    // A plain CONNECT has neither: RFC 9113 section 8.5.
    if (head.upgrade !== 'connect') {
      encoder.add(':scheme', head.scheme);
      encoder.add(':path', head.path);
    }
    if (this.upgrade !== '') encoder.add(':protocol', this.upgrade);
    if (head instanceof RawRequestHead) encodeTe(encoder, head);
    encodeFields(encoder, head);
    stream.endHead(fin);
  }

  /** The server's settings have come. */
  onSettled(): void {
    const { deferred } = this;
    this.deferred = undefined;
    if (deferred !== undefined) this.head(deferred, false);
  }

  private refuseUpgrade(): void {
    this.stream.close(false);
    this.fail({ kind: 'protocol-error', detail: `the upstream does not know extended CONNECT, which ${this.upgrade} needs` });
  }

  // --- The response.

  onHead(head: MessageHead, fin: boolean): void {
    const agreed = this.upgrade !== '' && head.status >= 200 && head.status < 300;
    const response = new ListedResponseHead(head.fields, agreed ? 101 : head.status, agreed ? this.upgrade : '');
    if (agreed && this.webSocketKey !== undefined) addWebSocketAccept(response, this.webSocketKey);
    this.port?.head(response, fin);
    this.port?.flush();
  }

  onBody(buffer: Buffer, start: number, end: number, fin: boolean): void {
    const { port, stream } = this;
    stream.consume(port === undefined ? end - start : port.body(buffer, start, end, fin));
    port?.flush();
  }

  onTrailers(fields: MessageHead['fields']): void {
    this.port?.trailers(fields.map(({ name, value }) => [name.text, value]));
    this.port?.flush();
  }

  onReset(code: ErrorCode, byPeer: boolean): void {
    if (!byPeer) this.fail({ kind: 'protocol-error', detail: `HTTP/2 error ${code}` });
    else this.fail(code === errorCode.refusedStream ? refusedStream : remoteReset);
  }

  onDrained(bytes: number): void {
    this.port?.credit(bytes);
  }

  fail(reason: ResetReason): void {
    const { port } = this;
    this.port = undefined;
    port?.abort(reason);
  }
}

/** The one word of `te` that HTTP/2 knows: HTTP/1 counts the whole field to the hop, but gRPC's servers want it. */
function encodeTe(encoder: HpackEncoder, { spans }: RawRequestHead): void {
  const te = spans.known(fieldId['te']);
  if (te !== undefined && /(?:^|,)\s*trailers\s*(?:$|,)/i.test(te)) encoder.add('te', 'trailers');
}
