// One request and its response on their way through the proxy, whatever the protocols at either end: the middle of an exchange.
// Runs the filters, keeps the body while it may be needed, and answers in the upstream's place; stream-record.ts is what it leaves behind.
import type { LimitedRequest } from '#proxy/route/rate-limit';
import { type ResponseFlag, responseFlag } from '#telemetry/response-flags';
import { BodyChain, type BodyTransform } from './body-transform.ts';
import type { ConnectionManager, DownstreamConnection } from './connection-manager.ts';
import { grpcReply, isGrpc } from './grpc.ts';
import { FieldHead, type FieldList, type RequestHead, type ResponseHead } from './head.ts';
import type { HttpFilter } from './http-filter.ts';
import { localReset, noBytes, type RequestPort, type ResetReason, type ResponsePort } from './port.ts';
import { prepareRequest, prepareResponse } from './prepare.ts';
import { RequestBody } from './request-body.ts';
import { StreamRecord } from './stream-record.ts';

/** Larger bodies are passed on but not kept, and so not sent again. */
const keptBodyBytesMax = 65_536;

/** What is under way for a stream and must stop when the stream ends early. */
export interface Pending {
  cancel(): void;
  /** The whole request has come. */
  requestEnded?(): void;
}

export interface LocalReply {
  status: number;
  flags: ResponseFlag;
  /** Envoy's `response_code_details`. */
  details: string;
  body?: string;
  headers?: FieldList;
  /** What gRPC clients are told, where it does not follow from `status`. */
  grpcStatus?: number;
}

export class HttpStream extends StreamRecord implements RequestPort, LimitedRequest {
  /** Set by the filter that something is under way for. */
  pending: Pending | undefined;
  /** Of the whole stream without a byte; 0: none. The router puts the route's in. */
  idleTimeoutMs: number;
  lastActivityMs: number;
  responseStarted = false;
  /** Nothing more is to come from, or to be sent to, either side. */
  ended = false;
  /** There while the request has more than its head. */
  requestBody: RequestBody | undefined;
  /** The request's body is kept for another try. */
  keepBody = false;
  private requestEnded = false;
  private responseEnded = false;
  private tunnel = false;
  private upstream: RequestPort | undefined;
  /** Bytes of the request that the downstream was told are undelivered. */
  private undelivered = 0;
  private nextFilter = 0;
  private nextResponseFilter = 0;
  /** A filter wants the whole body first: it is taken up to so many bytes. */
  private buffering: { bytesMax: number; whole: () => void; overflow: () => void } | undefined;
  private requestChain: BodyChain | undefined;
  private responseChain: BodyChain | undefined;
  private states: Map<HttpFilter, unknown> | undefined;

  constructor(
    manager: ConnectionManager,
    readonly downstream: ResponsePort,
    connection: DownstreamConnection,
    protocol: string,
    explicitProxy: boolean,
  ) {
    super(manager, connection, protocol, explicitProxy);
    this.lastActivityMs = this.startMs;
    this.idleTimeoutMs = manager.config.streamIdleTimeoutMs;
  }

  // --- The request, from the downstream connection.

  head(request: RequestHead, fin: boolean): void {
    const { manager } = this;
    this.request = request;
    this.originalPath = request.path;
    this.requestEnded = fin;
    if (fin) this.requestMs = 0;
    else this.requestBody = new RequestBody(keptBodyBytesMax);
    manager.stats.downstream_rq_total++;
    manager.stats.downstream_rq_active++;
    if (this.protocol === 'HTTP/2') manager.stats.downstream_rq_http2_total++;
    else manager.stats.downstream_rq_http1_total++;
    if (request.method === 'POST' && isGrpc(request)) this.requestProtocol = 'grpc';
    const refusal = prepareRequest(this);
    if (refusal !== undefined) {
      this.reply(refusal);
      return;
    }
    const { routes } = manager.config;
    this.routes = routes.kind === 'inline' ? routes.table : manager.runtime.routeTables.get(routes.name);
    this.route = this.routes?.route(this, manager.runtime.random);
    this.continueRequest();
  }

  /** A request that could not be understood: it is answered and logged, and goes nowhere. */
  refuse(request: RequestHead, reply: LocalReply): void {
    this.request = request;
    this.requestEnded = true;
    this.nextFilter = this.manager.filters.length;
    this.manager.stats.downstream_rq_total++;
    this.manager.stats.downstream_rq_active++;
    this.reply(reply);
  }

  /** Runs the filters that have not seen the request yet. */
  continueRequest(): void {
    const { filters } = this.manager;
    while (!this.ended && this.nextFilter < filters.length) {
      const index = this.nextFilter++;
      const filter = filters[index]!;
      if (filter.request === undefined || this.leavesOut(index)) continue;
      if (filter.request(this) === 'stop') return;
    }
  }

  private leavesOut(index: number): boolean {
    return this.route?.disabledFilters !== undefined && this.routeFilter(this.manager.filterNames[index]!)?.disabled === true;
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    const bytes = end - start;
    if (this.ended) return bytes;
    this.touch();
    this.bytesReceived += bytes;
    return this.requestChain === undefined ? this.takeBody(buffer, start, end, fin) : this.requestChain.body(buffer, start, end, fin);
  }

  /** A part of the body as the filters have left it. */
  private takeBody(buffer: Buffer, start: number, end: number, fin: boolean): number {
    if (this.ended) return end - start;
    if (this.buffering !== undefined) return this.bufferBody(this.buffering, buffer, start, end, fin);
    const bytes = end - start;
    const kept = this.requestBody;
    const { upstream } = this;
    if (kept !== undefined && (this.keepBody || upstream === undefined)) {
      kept.add(buffer, start, end);
      if (kept.overfull && upstream !== undefined) this.forgetBody();
    }
    if (fin) this.endRequest();
    const delivered = upstream === undefined ? 0 : upstream.body(buffer, start, end, fin);
    this.undelivered += bytes - delivered;
    if (fin) this.completeTunnel();
    return delivered;
  }

  trailers(trailers: FieldList): void {
    if (this.ended) return;
    if (this.requestChain === undefined) this.takeTrailers(trailers);
    else this.requestChain.trailers(trailers);
  }

  private takeTrailers(trailers: FieldList): void {
    this.requestBody?.addTrailers(trailers);
    this.endRequest();
    this.upstream?.trailers(trailers);
    this.endBuffering();
  }

  /** The client went away, or broke the protocol. */
  abort(reason: ResetReason): void {
    if (this.ended) return;
    const { stats } = this.manager;
    stats.downstream_rq_rx_reset++;
    this.flags |= reason.kind === 'protocol-error' ? responseFlag.downstreamProtocolError : responseFlag.downstreamConnectionTermination;
    this.details = reason.kind === 'protocol-error' ? 'downstream_protocol_error' : 'downstream_remote_disconnect';
    this.complete();
  }

  credit(bytes: number): void {
    if (this.ended) return;
    this.touch();
    if (this.responseChain === undefined) this.upstream?.credit(bytes);
    else this.responseChain.drained(bytes);
  }

  flush(): void {
    this.upstream?.flush();
  }

  get requestDone(): boolean {
    return this.requestEnded;
  }

  /** Both messages went through to their ends. */
  get finished(): boolean {
    return this.requestEnded && this.responseEnded;
  }

  private endRequest(): void {
    this.requestEnded = true;
    this.requestMs = this.elapsed();
    if (this.requestBody !== undefined) this.requestBody.ended = true;
    this.pending?.requestEnded?.();
  }

  // --- Between the stream and the filter that forwards it.

  /** From now on the request goes to `port`: head and what has come of the body at once. */
  connect(port: RequestPort): void {
    this.upstream = port;
    const body = this.requestBody;
    const fin = this.requestEnded && (body === undefined || body.empty);
    port.head(this.request, fin);
    if (body === undefined || body.empty) return;
    const undelivered = body.replay(port);
    if (!this.keepBody || body.overfull) this.forgetBody();
    port.flush();
    this.requestCredit(this.undelivered - undelivered);
  }

  /** The upstream of before is gone; what comes of the body waits for the next. */
  disconnect(): void {
    this.upstream = undefined;
  }

  /** The upstream has delivered `bytes` of the request's body. */
  requestCredit(bytes: number): void {
    const credit = Math.min(bytes, this.undelivered);
    if (credit <= 0 || this.ended) return;
    this.undelivered -= credit;
    this.touch();
    if (this.requestChain === undefined) this.downstream.credit(credit);
    else this.requestChain.drained(credit);
  }

  private forgetBody(): void {
    this.keepBody = false;
    this.requestBody?.forget();
  }

  // --- What filters ask of a stream.

  /** Remembers something of this stream for the filter. */
  keep(filter: HttpFilter, state: unknown): void {
    (this.states ??= new Map()).set(filter, state);
  }

  kept(filter: HttpFilter): unknown {
    return this.states?.get(filter);
  }

  /**
   * Calls `whole` when all of the request is here, at once if it is; or `overflow` when it has more than `bytesMax` bytes (what is there
   * by then is kept). The filter has returned `stop`, or is about to.
   */
  bufferRequest(bytesMax: number, whole: () => void, overflow: () => void): void {
    if (this.requestEnded) {
      whole();
      return;
    }
    this.buffering = { bytesMax, whole, overflow };
    const { undelivered } = this;
    // The client is to send on, although nobody has taken what came.
    this.requestCredit(undelivered);
    if (this.requestBody!.size > bytesMax) this.stopBuffering().overflow();
  }

  private bufferBody({ bytesMax }: { bytesMax: number }, buffer: Buffer, start: number, end: number, fin: boolean): number {
    this.requestBody!.add(buffer, start, end);
    if (fin) this.endRequest();
    if (this.requestBody!.size > bytesMax) this.stopBuffering().overflow();
    else if (fin) this.endBuffering();
    return end - start;
  }

  private endBuffering(): void {
    if (this.buffering !== undefined) this.stopBuffering().whole();
  }

  private stopBuffering(): { whole: () => void; overflow: () => void } {
    const buffering = this.buffering!;
    this.buffering = undefined;
    return buffering;
  }

  /** From now on the request's body passes `transform`: behind those of earlier filters. What has come already does so at once. */
  transformRequest(transform: BodyTransform): void {
    const { requestBody } = this;
    if (requestBody === undefined) return;
    const chain = (this.requestChain ??= new BodyChain(
      { body: (b, start, end, fin) => this.takeBody(b, start, end, fin), trailers: (t) => this.takeTrailers(t), flush: () => this.flush() },
      (bytes) => this.downstream.credit(bytes),
    ));
    chain.add(transform);
    if (requestBody.empty) return;
    const { undelivered, requestEnded } = this;
    this.undelivered = 0;
    this.requestEnded = false;
    const delivered = requestBody.drainInto(transform, requestEnded);
    if (delivered > 0 && undelivered > 0) this.downstream.credit(Math.min(delivered, undelivered));
  }

  /** The same for the response, before its head goes down; its transforms run in the order of the filters' `response`. */
  transformResponse(transform: BodyTransform): void {
    this.responseChain ??= new BodyChain(
      {
        body: (buffer, start, end, fin) => this.sendBody(buffer, start, end, fin),
        trailers: (trailers) => this.sendTrailers(trailers),
        flush: () => this.downstream.flush(),
      },
      (bytes) => this.upstream?.credit(bytes),
    );
    this.responseChain.add(transform);
  }

  // --- The response, from the upstream or made here.

  /** 1xx but 101: passed on as it is. */
  inform(head: ResponseHead): void {
    this.downstream.head(head, false);
    this.downstream.flush();
  }

  respond(head: ResponseHead, fin: boolean): void {
    const { filters } = this.manager;
    this.touch();
    this.response = head;
    this.status = head.status;
    this.responseStarted = true;
    if (this.responseFirstByteMs < 0) this.responseFirstByteMs = this.elapsed();
    this.nextResponseFilter = filters.length;
    this.continueResponse(fin);
  }

  /** Runs the filters that have not seen the response's head yet; then it goes down. `fin`: there is no body. */
  continueResponse(fin: boolean): void {
    const { filters, config } = this.manager;
    const head = this.response!;
    while (this.nextResponseFilter > 0) {
      const index = --this.nextResponseFilter;
      const filter = filters[index]!;
      if (filter.response === undefined || this.leavesOut(index)) continue;
      if (filter.response(this, head, fin) === 'stop') return;
    }
    prepareResponse(head, config, this.startWallMs + this.responseFirstByteMs);
    this.tunnel = head.status === 101 || (this.request.method === 'CONNECT' && head.status >= 200 && head.status < 300);
    // An upgrade that is not agreed to is a request without a body.
    if (this.request.upgrade !== '' && !this.tunnel && !this.requestEnded) this.endRequest();
    if (fin) this.endResponse();
    this.downstream.head(head, fin);
  }

  respondBody(buffer: Buffer, start: number, end: number, fin: boolean): number {
    return this.responseChain === undefined ? this.sendBody(buffer, start, end, fin) : this.responseChain.body(buffer, start, end, fin);
  }

  private sendBody(buffer: Buffer, start: number, end: number, fin: boolean): number {
    if (this.responseEnded) return end - start;
    this.touch();
    this.bytesSent += end - start;
    if (fin) this.endResponse();
    return this.downstream.body(buffer, start, end, fin);
  }

  respondTrailers(trailers: FieldList): void {
    if (this.responseChain === undefined) this.sendTrailers(trailers);
    else this.responseChain.trailers(trailers);
  }

  private sendTrailers(trailers: FieldList): void {
    this.responseTrailers = trailers;
    this.endResponse();
    this.downstream.trailers(trailers);
  }

  /** Answers in the upstream's place; ends the stream. When a response has begun already, breaks it off instead. */
  reply(reply: LocalReply): void {
    if (this.ended) return;
    this.flags |= reply.flags;
    if (this.responseStarted) {
      this.breakOff(reply.details);
      return;
    }
    this.details = reply.details;
    this.localReplyBody = reply.body ?? '';
    if (this.requestProtocol === 'grpc') {
      this.respond(grpcReply(reply.status, reply.body ?? '', reply.headers, reply.grpcStatus), true);
      this.downstream.flush();
      return;
    }
    const text = this.localReplyBody;
    const body = this.request.method === 'HEAD' ? noBytes : Buffer.from(text);
    const head = new FieldHead(reply.status, reply.headers);
    if (text !== '') {
      head.set('content-length', String(Buffer.byteLength(text)));
      if (head.header('content-type') === undefined) head.set('content-type', 'text/plain');
    }
    this.respond(head, body.length === 0);
    if (body.length > 0) this.respondBody(body, 0, body.length, true);
    this.downstream.flush();
  }

  /** The response has begun and cannot be finished: the downstream shall see that it is cut off. */
  breakOff(details: string): void {
    if (this.ended) return;
    this.details = details;
    this.complete();
    this.downstream.abort(localReset);
  }

  private endResponse(): void {
    this.responseEnded = true;
    if (this.details === '') this.details = 'via_upstream';
    if (!this.tunnel || this.requestEnded) this.complete();
  }

  private completeTunnel(): void {
    if (this.tunnel && this.responseEnded) this.complete();
  }

  /** Once per stream: stops what is under way, counts, tells the listeners. */
  private complete(): void {
    if (this.ended) return;
    this.ended = true;
    this.durationMs = this.elapsed();
    this.pending?.cancel();
    this.pending = undefined;
    this.requestChain?.close();
    this.responseChain?.close();
    const { stats, listeners, completions } = this.manager;
    stats.downstream_rq_active--;
    if (this.status > 0) stats.countResponse(this.status);
    for (let i = 0; i < completions.length; i++) completions[i]!.complete!(this);
    for (let i = 0; i < listeners.length; i++) listeners[i]!.onComplete(this);
  }

  // --- Time.

  /** No byte for `idleTimeoutMs`, or the request did not come in time. */
  timeOut(kind: 'idle' | 'request'): void {
    const { stats } = this.manager;
    if (kind === 'idle') stats.downstream_rq_idle_timeout++;
    else stats.downstream_rq_timeout++;
    this.reply(
      kind === 'idle'
        ? { status: 408, flags: responseFlag.streamIdleTimeout, details: 'stream_idle_timeout', body: 'stream timeout' }
        : { status: 408, flags: responseFlag.none, details: 'request_overall_timeout', body: 'request timeout' },
    );
  }

  private touch(): void {
    // Exact to a tick of the wheel, which is as exact as the timeout that it is for.
    const { coarseMs } = this.manager.runtime.timers;
    if (coarseMs > this.lastActivityMs) this.lastActivityMs = coarseMs;
  }
}
