// Spans as collectors take them: Zipkin's JSON (version 2), and OpenTelemetry's protobuf. Pure.
import type { KeyValue } from '#codec/protobuf/generated/opentelemetry/proto/common/v1/common';
import { ExportTraceServiceRequest, type Span as OtlpSpan } from '#codec/protobuf/generated/opentelemetry/proto/export/export';
import { hexBytes, nanoseconds, textAttribute } from './otlp.ts';
import type { Span } from './span.ts';

/** https://zipkin.io/zipkin-api/: a list of spans. */
export function zipkinReport(spans: readonly Span[], serviceName: string, address: string): string {
  const localEndpoint = { serviceName, ...(address === '' ? {} : address.includes(':') ? { ipv6: address } : { ipv4: address }) };
  return JSON.stringify(
    spans.map(({ traceId, spanId, parentId, kind, shared, name, startWallMs, durationMs, tags }) => ({
      traceId,
      id: spanId,
      ...(parentId !== '' && { parentId }),
      kind: kind.toUpperCase(),
      name,
      timestamp: Math.round(startWallMs * 1000),
      // Zipkin takes a duration of nothing for an unfinished span.
      duration: Math.max(1, Math.round(durationMs * 1000)),
      ...(shared && { shared }),
      localEndpoint,
      tags: Object.fromEntries(tags),
    })),
  );
}

/** OpenTelemetry's numbers. */
const kinds = { server: 2, client: 3 } as const;
const statusError = 2;
const statusUnset = 0;

export function otlpReport(spans: readonly Span[], resource: readonly KeyValue[]): Uint8Array {
  const scope = { name: 'lateen', version: '' };
  return ExportTraceServiceRequest.encode({
    resourceSpans: [{ resource: { attributes: [...resource] }, scopeSpans: [{ scope, spans: spans.map(otlpSpan) }] }],
  }).finish();
}

function otlpSpan({ traceId, spanId, parentId, state, kind, name, startWallMs, durationMs, error, tags }: Span): OtlpSpan {
  return {
    traceId: hexBytes(traceId.padStart(32, '0')),
    spanId: hexBytes(spanId),
    parentSpanId: hexBytes(parentId),
    traceState: state,
    name,
    kind: kinds[kind],
    startTimeUnixNano: nanoseconds(startWallMs),
    endTimeUnixNano: nanoseconds(startWallMs + durationMs),
    attributes: tags.map(([key, value]) => textAttribute(key, value)),
    status: { code: error ? statusError : statusUnset, message: '' },
  };
}
