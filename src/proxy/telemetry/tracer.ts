// Traces the requests of one connection manager: decides which, tells the next hop, and reports finished spans to a collector. What is not
// configured is not there, and costs nothing.
import type { TrafficDirection } from '#proxy/config/listener';
import type { HttpTarget, TracingConfig } from '#proxy/config/tracing';
import { FieldRequestHead } from '#proxy/http/head';
import type { HttpStream } from '#proxy/http/stream';
import type { ExchangeListener, ProxiedExchange, ProxyRuntime } from '#proxy/runtime';
import { ClusterCall } from '#proxy/upstream/cluster-call';
import { callGrpc } from '#proxy/upstream/grpc-call';
import { type Span, spansOf } from '#telemetry/span';
import { otlpReport, zipkinReport } from '#telemetry/span-report';
import { type IncomingTrace, readTrace, writeTrace } from '#telemetry/trace-context';
import { ExportQueue } from './export-queue.ts';
import { decideSampling, markSampled } from './sampling.ts';

/** Envoy's `tracing.*.min_flush_spans` and `flush_interval_ms`. */
const batchItemsMin = 5;
const flushIntervalMs = 5000;
const backlogItemsMax = 5000;

const reportAnswerBytesMax = 64 * 1024;
const exportPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export class Tracer implements ExchangeListener {
  private readonly queue: ExportQueue<Span>;
  private readonly propagation: 'b3' | 'w3c';

  constructor(
    private readonly config: TracingConfig,
    private readonly direction: TrafficDirection,
    private readonly statPrefix: string,
    private readonly runtime: ProxyRuntime,
  ) {
    const { kind } = config.provider;
    this.propagation = kind === 'zipkin' ? 'b3' : 'w3c';
    this.queue = new ExportQueue({
      timers: runtime.timers,
      flushIntervalMs,
      batchItemsMin,
      backlogItemsMax,
      sent: runtime.counters.get(`tracing.${kind}.spans_sent`),
      dropped: runtime.counters.get(`tracing.${kind}.spans_dropped`),
      send: (spans, onDone) => this.report(spans, onDone),
    });
  }

  /** Before filters and routes see the request; its id is there. */
  begin(stream: HttpStream): void {
    const { config, runtime, propagation } = this;
    const { request } = stream;
    const incoming = readTrace(propagation, (name) => request.header(name));
    const decision = decideSampling(config, (name) => request.header(name), runtime.random);
    runtime.counters.get(`http.${this.statPrefix}.tracing.${decision.reason}`).value++;
    if (decision.reason !== 'not_traceable' && config.requestIds.marked) markSampled(request, decision);
    const alwaysOn = config.provider.kind === 'opentelemetry' && config.provider.alwaysOn;
    const sampled = alwaysOn || (incoming?.sampled ?? decision.reason !== 'not_traceable');
    const upstreamSpanId = config.spawnUpstreamSpan ? this.newId(16) : '';
    const own = this.identify(incoming);
    stream.trace = { ...own, sampled, state: incoming?.state ?? '', upstreamSpanId };
    const told = upstreamSpanId === '' ? stream.trace : { ...stream.trace, spanId: upstreamSpanId, parentId: own.spanId };
    writeTrace(propagation, told, (name, value) => request.set(name, value));
  }

  onComplete(exchange: ProxiedExchange): void {
    const { trace } = exchange;
    if (trace === undefined || !trace.sampled) return;
    const { config, direction, runtime } = this;
    const client = direction === 'outbound';
    const spans = spansOf(exchange, trace, {
      kind: client ? 'client' : 'server',
      name: exchange.operation || (client ? `egress ${exchange.authority}` : 'ingress'),
      shared: this.shares && trace.parentId !== '',
      nodeId: runtime.node.id,
      urlLengthMax: config.urlLengthMax,
      customTags: config.customTags,
    });
    for (const span of spans) this.queue.add(span);
  }

  /** Of Zipkin's servers: client and server are two halves of one span. */
  private get shares(): boolean {
    const { provider } = this.config;
    return provider.kind === 'zipkin' && provider.sharedSpanContext && this.direction !== 'outbound';
  }

  private identify(incoming: IncomingTrace | undefined): { traceId: string; spanId: string; parentId: string } {
    if (incoming === undefined || incoming.traceId === '') {
      const { provider } = this.config;
      return { traceId: this.newId(provider.kind === 'zipkin' && !provider.traceId128 ? 16 : 32), spanId: this.newId(16), parentId: '' };
    }
    const { traceId, spanId, parentId } = incoming;
    return this.shares ? { traceId, spanId, parentId } : { traceId, spanId: this.newId(16), parentId: spanId };
  }

  private newId(digits: 16 | 32): string {
    let id = '';
    while (id.length < digits) {
      id += Math.floor(this.runtime.random.next() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0');
    }
    return id;
  }

  private report(spans: readonly Span[], onDone: (delivered: boolean) => void): void {
    const { runtime } = this;
    const { provider } = this.config;
    if (provider.kind === 'zipkin') {
      const body = zipkinReport(spans, runtime.node.cluster, '');
      this.post(provider.service, 'application/json', Buffer.from(body), onDone);
    } else if (provider.service.kind === 'http') {
      this.post(provider.service.target, 'application/x-protobuf', Buffer.from(otlpReport(spans, provider.resource)), onDone);
    } else {
      const { target } = provider.service;
      callGrpc(runtime, target, exportPath, otlpReport(spans, provider.resource), ({ kind }) => onDone(kind === 'answer'));
    }
  }

  private post(
    { cluster, authority, path, headers, timeoutMs }: HttpTarget,
    type: string,
    body: Buffer,
    onDone: (ok: boolean) => void,
  ): void {
    const head = new FieldRequestHead('POST', authority, path, [
      ['content-type', type],
      ['content-length', String(body.length)],
      ...headers,
    ]);
    const request = { cluster, head, body, timeoutMs, answerBytesMax: reportAnswerBytesMax };
    new ClusterCall(this.runtime, request, (result) => onDone(result.kind === 'answer' && result.head.status < 300));
  }
}
