// Envoy's AccessLog -> AccessLogConfig: file, stdout and stderr, text and JSON.
import type { AccessLog } from '#codec/protobuf/generated/envoy/config/accesslog/v3/accesslog';
import type { SubstitutionFormatString } from '#codec/protobuf/generated/envoy/config/core/v3/substitution_format_string';
import { FileAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/file/v3/file';
import { StderrAccessLog, StdoutAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/stream/v3/stream';
import type { AccessLogConfig } from './access-log.ts';
import { type Findings, messageName } from './findings.ts';

/** Envoy's default format. */
export const accessLogFormatDefault =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

export function decodeAccessLogs(logs: readonly AccessLog[], field: string, findings: Findings): AccessLogConfig[] {
  return logs.flatMap((log, i) => {
    const at = `${field}[${i}]`;
    if (log.filter !== undefined) findings.report(`${at}.filter`, 'is not supported');
    const decoded = findings.attempt(at, () => decodeAccessLog(log, at, findings));
    return decoded === undefined ? [] : [decoded];
  });
}

function decodeAccessLog(log: AccessLog, field: string, findings: Findings): AccessLogConfig | undefined {
  const any = log.configType?.value;
  if (any === undefined) {
    findings.report(field, 'has no configuration');
    return undefined;
  }
  switch (messageName(any)) {
    case 'envoy.extensions.access_loggers.file.v3.FileAccessLog':
      return decodeFile(FileAccessLog.decode(any.value), field, findings);
    case 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog':
      return { sink: { kind: 'stdout' }, format: decodeFormat(StdoutAccessLog.decode(any.value).accessLogFormat?.value, field, findings) };
    case 'envoy.extensions.access_loggers.stream.v3.StderrAccessLog':
      return { sink: { kind: 'stderr' }, format: decodeFormat(StderrAccessLog.decode(any.value).accessLogFormat?.value, field, findings) };
    default:
      findings.report(field, `access logger ${log.name} (${any.typeUrl}) is not supported`);
      return undefined;
  }
}

function decodeFile({ path, accessLogFormat }: FileAccessLog, field: string, findings: Findings): AccessLogConfig {
  const sink: AccessLogConfig['sink'] =
    path === '/dev/stdout' ? { kind: 'stdout' } : path === '/dev/stderr' ? { kind: 'stderr' } : { kind: 'file', path };
  switch (accessLogFormat?.$case) {
    case undefined:
      return { sink, format: { kind: 'text', text: accessLogFormatDefault } };
    case 'format':
      return { sink, format: { kind: 'text', text: accessLogFormat.value } };
    case 'logFormat':
      return { sink, format: decodeFormat(accessLogFormat.value, field, findings) };
    default:
      return { sink, format: { kind: 'json', fields: accessLogFormat?.value ?? {} } };
  }
}

function decodeFormat(format: SubstitutionFormatString | undefined, field: string, findings: Findings): AccessLogConfig['format'] {
  const source = format?.format;
  switch (source?.$case) {
    case undefined:
      return { kind: 'text', text: accessLogFormatDefault };
    case 'textFormat':
      return { kind: 'text', text: source.value };
    case 'jsonFormat':
      return { kind: 'json', fields: source.value ?? {} };
    case 'textFormatSource': {
      if (source.value.specifier?.$case === 'inlineString') return { kind: 'text', text: source.value.specifier.value };
      findings.report(`${field}.log_format.text_format_source`, 'only inline_string is supported');
      return { kind: 'text', text: accessLogFormatDefault };
    }
  }
}
