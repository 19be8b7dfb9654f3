// Envoy's AccessLog -> AccessLogConfig: files, standard output, the log services of OpenTelemetry and of Envoy; formats are compiled here, so that an operator
// that is not known is refused by name.
import type { AccessLog } from '#codec/protobuf/generated/envoy/config/accesslog/v3/accesslog';
import type { SubstitutionFormatString } from '#codec/protobuf/generated/envoy/config/core/v3/substitution_format_string';
import { FileAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/file/v3/file';
import { HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig } from '#codec/protobuf/generated/envoy/extensions/access_loggers/grpc/v3/als';
import { OpenTelemetryAccessLogConfig } from '#codec/protobuf/generated/envoy/extensions/access_loggers/open_telemetry/v3/logs_service';
import { StderrAccessLog, StdoutAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/stream/v3/stream';
import { type AccessLogFormatter, compileJsonFormat, compileTextFormat, type FormatOptions } from '#telemetry/access-log-format';
import type { AccessLogConfig } from './access-log.ts';
import { decodeAccessLogFilter } from './decode-access-log-filter.ts';
import { decodeHttpAlsSink, decodeTcpAlsSink } from './decode-grpc-access-log.ts';
import { decodeOtlpSink } from './decode-otlp-access-log.ts';
import { type Findings, messageName } from './findings.ts';

/** Envoy's default format. */
const formatDefault =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

export function decodeAccessLogs(logs: readonly AccessLog[], field: string, findings: Findings): AccessLogConfig[] {
  return logs.flatMap((log, i) => {
    const at = `${field}[${i}]`;
    const filter = log.filter && decodeAccessLogFilter(log.filter, `${at}.filter`, findings);
    const sink = findings.attempt(at, () => decodeSink(log, at, findings));
    return sink === undefined ? [] : [{ filter, sink }];
  });
}

function decodeSink(log: AccessLog, field: string, findings: Findings): AccessLogConfig['sink'] | undefined {
  const any = log.configType?.value;
  if (any === undefined) {
    findings.report(field, 'has no configuration');
    return undefined;
  }
  switch (messageName(any)) {
    case 'envoy.extensions.access_loggers.file.v3.FileAccessLog':
      return decodeFile(FileAccessLog.decode(any.value), field, findings);
    case 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog':
      return standardOutput(decodeFormat(StdoutAccessLog.decode(any.value).accessLogFormat?.value, field, findings));
    case 'envoy.extensions.access_loggers.stream.v3.StderrAccessLog':
      return standardOutput(decodeFormat(StderrAccessLog.decode(any.value).accessLogFormat?.value, field, findings));
    case 'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig':
      return decodeOtlpSink(OpenTelemetryAccessLogConfig.decode(any.value), field, findings);
    case 'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig':
      return decodeHttpAlsSink(HttpGrpcAccessLogConfig.decode(any.value), field, findings);
    case 'envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig':
      return decodeTcpAlsSink(TcpGrpcAccessLogConfig.decode(any.value), field, findings);
    default:
      findings.report(field, `access logger ${log.name} (${any.typeUrl}) is not supported`);
      return undefined;
  }
}

function standardOutput(format: AccessLogFormatter): AccessLogConfig['sink'] {
  return { kind: 'file', path: undefined, format };
}

function decodeFile({ path, accessLogFormat }: FileAccessLog, field: string, findings: Findings): AccessLogConfig['sink'] {
  const own = path === '/dev/stdout' || path === '/dev/stderr' ? undefined : path;
  return { kind: 'file', path: own, format: decodeFileFormat(accessLogFormat, field, findings) };
}

function decodeFileFormat(format: FileAccessLog['accessLogFormat'], field: string, findings: Findings): AccessLogFormatter {
  const options = formatOptions(field, findings);
  switch (format?.$case) {
    case undefined:
      return compileTextFormat(formatDefault, options);
    case 'format':
      return compileTextFormat(format.value, options);
    case 'logFormat':
      return decodeFormat(format.value, field, findings);
    default:
      return compileJsonFormat(format?.value ?? {}, options);
  }
}

function decodeFormat(format: SubstitutionFormatString | undefined, field: string, findings: Findings): AccessLogFormatter {
  const source = format?.format;
  const options = { ...formatOptions(field, findings), omitEmpty: format?.omitEmptyValues ?? false };
  switch (source?.$case) {
    case undefined:
      return compileTextFormat(formatDefault, options);
    case 'textFormat':
      return compileTextFormat(source.value, options);
    case 'jsonFormat':
      return compileJsonFormat(source.value ?? {}, options);
    case 'textFormatSource': {
      if (source.value.specifier?.$case === 'inlineString') return compileTextFormat(source.value.specifier.value, options);
      findings.report(`${field}.log_format.text_format_source`, 'only inline_string is supported');
      return compileTextFormat(formatDefault, options);
    }
  }
}

function formatOptions(field: string, findings: Findings): FormatOptions {
  return { unknown: (operator) => findings.report(field, `command operator ${operator} is not supported`) };
}
