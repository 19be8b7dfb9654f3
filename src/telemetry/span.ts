// Spans of finished exchanges, with the tags that Envoy gives them. Pure.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing
import type { Exchange, ExchangeTrace } from './exchange.ts';
import { formatResponseFlags } from './response-flags.ts';

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it has no parent. */
  readonly parentId: string;
  readonly state: string;
  readonly kind: 'server' | 'client';
  /** The id is that of the client's span. */
  readonly shared: boolean;
  readonly name: string;
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly error: boolean;
  readonly tags: readonly (readonly [name: string, value: string])[];
}

export interface SpanOptions {
  readonly kind: Span['kind'];
  readonly name: string;
  readonly shared: boolean;
  readonly nodeId: string;
  readonly urlLengthMax: number;
  readonly customTags: readonly { readonly name: string; readonly read: (exchange: Exchange) => string | undefined }[];
}

/** One span, or two where the call to the upstream has its own. */
export function spansOf(exchange: Exchange, trace: ExchangeTrace, options: SpanOptions): Span[] {
  const { traceId, spanId, parentId, state, upstreamSpanId } = trace;
  const error = exchange.status >= 500 || exchange.status === 0 || isGrpcFailure(exchange);
  const common = { traceId, state, startWallMs: exchange.startWallMs, durationMs: exchange.durationMs, error };
  const { kind, name, shared } = options;
  const span: Span = {
    ...common,
    spanId,
    parentId,
    kind,
    name,
    shared,
    tags: [...requestTags(exchange, options), ...outcomeTags(exchange, error)],
  };
  if (upstreamSpanId === '' || exchange.upstreamHost === '') return [span];
  const tags = [['component', 'proxy'], ['upstream_address', exchange.upstreamHost], ...outcomeTags(exchange, error)] as const;
  const child = `router ${exchange.upstreamCluster} egress`;
  return [span, { ...common, spanId: upstreamSpanId, parentId: spanId, kind: 'client', shared: false, name: child, tags }];
}

type Tag = readonly [name: string, value: string];

function requestTags(exchange: Exchange, { nodeId, urlLengthMax, customTags }: SpanOptions): Tag[] {
  const header = (name: string) => exchange.requestHeader(name) ?? '-';
  const tags: Tag[] = [
    ['component', 'proxy'],
    ['node_id', nodeId],
    ['guid:x-request-id', header('x-request-id')],
    ['http.url', `${exchange.scheme}://${exchange.authority}${exchange.originalPath.slice(0, urlLengthMax)}`],
    ['http.method', exchange.method],
    ['http.protocol', exchange.protocol],
    ['downstream_cluster', header('x-envoy-downstream-service-cluster')],
    ['user_agent', header('user-agent')],
    ['peer.address', exchange.connection.remoteAddress],
    ['request_size', String(exchange.bytesReceived)],
  ];
  const clientId = exchange.requestHeader('x-client-trace-id');
  if (clientId !== undefined) tags.push(['guid:x-client-trace-id', clientId]);
  if (exchange.requestProtocol === 'grpc') tags.push(['grpc.path', exchange.originalPath], ['grpc.authority', exchange.authority]);
  for (const { name, read } of customTags) {
    const value = read(exchange);
    if (value !== undefined) tags.push([name, value]);
  }
  return tags;
}

function outcomeTags(exchange: Exchange, error: boolean): Tag[] {
  const tags: Tag[] = [
    ['http.status_code', String(exchange.status)],
    ['response_size', String(exchange.bytesSent)],
    ['response_flags', formatResponseFlags(exchange.flags)],
    ['upstream_cluster', exchange.upstreamCluster],
    ['upstream_cluster.name', exchange.upstreamCluster],
  ];
  const status = grpcStatusOf(exchange);
  if (status !== undefined) tags.push(['grpc.status_code', status]);
  if (error) tags.push(['error', 'true']);
  return tags;
}

function grpcStatusOf(exchange: Exchange): string | undefined {
  return exchange.requestProtocol === 'grpc'
    ? (exchange.responseTrailer('grpc-status') ?? exchange.responseHeader('grpc-status'))
    : undefined;
}

/** The statuses that are the server's doing: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const serverFaults = new Set(['2', '4', '12', '13', '14', '15']);

function isGrpcFailure(exchange: Exchange): boolean {
  return serverFaults.has(grpcStatusOf(exchange) ?? '');
}
