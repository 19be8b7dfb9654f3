// Where and how exchanges are logged: decoded from Envoy's AccessLog by decode-access-log.ts, with formats compiled.
import type { HTTPAccessLogEntry, TCPAccessLogEntry } from '#codec/protobuf/generated/envoy/data/accesslog/v3/accesslog';
import type { KeyValue } from '#codec/protobuf/generated/opentelemetry/proto/common/v1/common';
import type { LogRecord } from '#codec/protobuf/generated/opentelemetry/proto/export/export';
import type { GrpcTarget } from '#proxy/config/grpc-target';
import type { AccessLogFormatter } from '#telemetry/access-log-format';
import type { Exchange } from '#telemetry/exchange';

export interface AccessLogConfig {
  /** Undefined: every exchange is logged. `chance`: from 0 to 1, for filters that take a sample. */
  readonly filter: ((exchange: Exchange, chance: () => number) => boolean) | undefined;
  readonly sink: FileSink | OtlpSink | AlsSink;
}

/** A trailing newline is part of the format. */
export interface FileSink {
  readonly kind: 'file';
  /** Undefined: the proxy's standard output. */
  readonly path: string | undefined;
  readonly format: AccessLogFormatter;
}

/** A service that takes entries in batches. */
interface ServiceSink {
  readonly service: GrpcTarget;
  readonly logName: string;
  readonly flushIntervalMs: number;
  readonly batchBytesMax: number;
}

/** OpenTelemetry's log service. */
export interface OtlpSink extends ServiceSink {
  readonly kind: 'otlp';
  readonly resource: readonly KeyValue[];
  /** Labels of the node that sends are added to the resource. */
  readonly labelled: boolean;
  readonly record: (exchange: Exchange) => LogRecord;
}

/** Envoy's access log service. */
export interface AlsSink extends ServiceSink {
  readonly kind: 'als';
  readonly entry: (exchange: Exchange) => AlsEntry;
}

export type AlsEntry =
  | { readonly kind: 'http'; readonly entry: HTTPAccessLogEntry }
  | { readonly kind: 'tcp'; readonly entry: TCPAccessLogEntry };
