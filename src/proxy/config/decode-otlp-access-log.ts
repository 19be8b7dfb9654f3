// Envoy's OpenTelemetryAccessLogConfig -> OtlpSink: where records go, and what of an exchange stands in them.
import type { OpenTelemetryAccessLogConfig } from '#codec/protobuf/generated/envoy/extensions/access_loggers/open_telemetry/v3/logs_service';
import type { AnyValue, KeyValue, KeyValueList } from '#codec/protobuf/generated/opentelemetry/proto/common/v1/common';
import { compileTextFormat, type FormatOptions } from '#telemetry/access-log-format';
import type { Exchange } from '#telemetry/exchange';
import { hexBytes, nanoseconds } from '#telemetry/otlp';
import type { OtlpSink } from './access-log.ts';
import { type Findings, milliseconds } from './findings.ts';
import { decodeGrpcTarget } from './grpc-target.ts';

/** Envoy's. */
const flushIntervalMsDefault = 1000;
const batchBytesMaxDefault = 16_384;
const timeoutMsDefault = 5000;

export function decodeOtlpSink(config: OpenTelemetryAccessLogConfig, field: string, findings: Findings): OtlpSink {
  const common = config.commonConfig;
  const options = { unknown: (operator: string) => findings.report(field, `command operator ${operator} is not supported`) };
  const body = config.body && compileValue(config.body, options);
  const attributes = compileList(config.attributes, options);
  return {
    kind: 'otlp',
    service: decodeGrpcTarget(common?.grpcService, timeoutMsDefault, `${field}.common_config.grpc_service`, findings),
    resource: config.resourceAttributes?.values ?? [],
    labelled: !config.disableBuiltinLabels,
    logName: common?.logName ?? '',
    record: (exchange) => ({
      timeUnixNano: nanoseconds(exchange.startWallMs),
      body: body?.(exchange),
      attributes: attributes(exchange),
      traceId: hexBytes(exchange.trace?.traceId.padStart(32, '0') ?? ''),
      spanId: hexBytes(exchange.trace?.spanId ?? ''),
    }),
    flushIntervalMs: milliseconds(common?.bufferFlushInterval, flushIntervalMsDefault),
    batchBytesMax: common?.bufferSizeBytes ?? batchBytesMaxDefault,
  };
}

type Value = (exchange: Exchange) => AnyValue;

/** Texts are formats; whatever else there is stays what it is. */
function compileValue(value: AnyValue, options: FormatOptions): Value {
  const inner = value.value;
  switch (inner?.$case) {
    case 'stringValue': {
      const format = compileTextFormat(inner.value, options);
      return (exchange) => ({ value: { $case: 'stringValue', value: format(exchange) } });
    }
    case 'arrayValue': {
      const values = inner.value.values.map((part) => compileValue(part, options));
      return (exchange) => ({ value: { $case: 'arrayValue', value: { values: values.map((part) => part(exchange)) } } });
    }
    case 'kvlistValue': {
      const list = compileList(inner.value, options);
      return (exchange) => ({ value: { $case: 'kvlistValue', value: { values: list(exchange) } } });
    }
    default:
      return () => value;
  }
}

function compileList(list: KeyValueList | undefined, options: FormatOptions): (exchange: Exchange) => KeyValue[] {
  const compiled = (list?.values ?? []).map(({ key, value }) => ({ key, value: value && compileValue(value, options) }));
  return (exchange) => compiled.map(({ key, value }) => ({ key, value: value?.(exchange) }));
}
