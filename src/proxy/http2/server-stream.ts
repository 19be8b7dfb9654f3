// The downstream end of one exchange over HTTP/2: between a stream of the connection and the HttpStream in the middle. Made by
// server-connection.ts for each request.
import { type ErrorCode, errorCode } from '#codec/http2/frame';
import type { MessageHead } from '#codec/http2/message';
import type { Http2Stream, StreamEvents } from '#codec/http2/stream';
import type { TableEntry } from '#codec/http2/stream-table';
import type { ConnectionManager, DownstreamConnection } from '#proxy/http/connection-manager';
import type { FieldList, ResponseHead } from '#proxy/http/head';
import { noBytes, type ResetReason, type ResponsePort, remoteReset } from '#proxy/http/port';
import { RequestBody } from '#proxy/http/request-body';
import { HttpStream } from '#proxy/http/stream';
import { addWebSocketKey } from '#proxy/http/websocket-handshake';
import { responseFlag } from '#telemetry/response-flags';
import { encodeFields, ListedRequestHead } from './listed-head.ts';

export class ServerStream implements ResponsePort, StreamEvents, TableEntry<ServerStream> {
  readonly id: number;
  chained: ServerStream | undefined;
  readonly http: HttpStream;
  /** What came behind a request for a tunnel that is not agreed to yet. To an upstream that refuses, it would look like another request. */
  private early: RequestBody | undefined;

  constructor(
    readonly stream: Http2Stream,
    manager: ConnectionManager,
    connection: DownstreamConnection,
  ) {
    this.id = stream.id;
    stream.events = this;
    this.http = new HttpStream(manager, this, connection, 'HTTP/2', false);
  }

  request(head: MessageHead, fin: boolean): void {
    const request = new ListedRequestHead(head);
    this.stream.bodiless = request.method === 'HEAD';
    if (request.upgrade !== '') {
      this.early = new RequestBody(Number.POSITIVE_INFINITY);
      addWebSocketKey(request, this.http.manager.runtime.newRequestId());
    }
    this.http.head(request, fin);
    this.http.flush();
  }

  /** A head beyond the limits: nothing of it is kept. */
  refuseExcess(): void {
    const empty: MessageHead = { fields: [], method: '', scheme: '', authority: '', path: '', protocol: '', status: 0, contentLength: -1 };
    this.http.refuse(new ListedRequestHead(empty), { status: 431, flags: responseFlag.none, details: 'http2.header_overflow' });
  }

  // --- What comes.

  onHead(): void {
    throw new Error('bug: a response from a client');
  }

  onBody(buffer: Buffer, start: number, end: number, fin: boolean): void {
    const { http, stream, early } = this;
    if (early !== undefined) {
      // Bounded by the stream's window, as nothing of it is consumed.
      early.add(buffer, start, end);
      early.ended = fin;
      return;
    }
    if (http.ended) stream.consume(end - start);
    else stream.consume(http.body(buffer, start, end, fin));
    http.flush();
  }

  onTrailers(fields: MessageHead['fields']): void {
    this.http.trailers(fields.map(({ name, value }) => [name.text, value]));
    this.http.flush();
  }

  onReset(code: ErrorCode, byPeer: boolean): void {
    this.http.abort(byPeer ? remoteReset : { kind: 'protocol-error', detail: `HTTP/2 error ${code}` });
  }

  onDrained(bytes: number): void {
    this.http.credit(bytes);
  }

  // --- The response port.

  head(head: ResponseHead, fin: boolean): void {
    const { stream } = this;
    if (stream.closed) return;
    const encoder = stream.beginHead();
    // What HTTP/1 calls switching protocols is the success of an extended CONNECT here.
    encoder.add(':status', head.status === 101 ? '200' : String(head.status));
    encodeFields(encoder, head);
    stream.endHead(fin);
    if (fin) this.finish();
    else if (this.early !== undefined && (head.status === 101 || head.status >= 200)) this.sendEarly(head, this.early);
  }

  private sendEarly(head: ResponseHead, early: RequestBody): void {
    const { http, stream } = this;
    this.early = undefined;
    const bytes = stream.unconsumed;
    const agreed = head.status < 300;
    stream.consume(bytes - (agreed ? early.replay(http) : 0));
    if (!agreed) return;
    if (early.ended && early.empty) http.body(noBytes, 0, 0, true);
    http.flush();
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    const delivered = this.stream.body(buffer, start, end, fin);
    if (fin) this.finish();
    return delivered;
  }

  trailers(trailers: FieldList): void {
    this.stream.trailers(trailers);
    this.finish();
  }

  abort(_reason: ResetReason): void {
    this.stream.reset(errorCode.internalError);
  }

  credit(bytes: number): void {
    this.stream.consume(bytes);
  }

  flush(): void {}

  /** A response that does not wait for its request's end tells the client to stop: RFC 9113 section 8.1. */
  private finish(): void {
    const { stream, http } = this;
    if (stream.remoteEnded || stream.closed || !http.ended) return;
    if (stream.localEnded) stream.reset(errorCode.noError);
    else stream.resetWhenSent = true;
  }
}
