// Access logs of listeners: to a file, in Istio's default text format or in the mesh's own, or to who else MeshConfig and Telemetries name.
import type { AccessLog, AccessLogFilter } from '#codec/protobuf/generated/envoy/config/accesslog/v3/accesslog';
import { FileAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/file/v3/file';
import { ExpressionFilter } from '#codec/protobuf/generated/envoy/extensions/access_loggers/filters/cel/v3/cel';
import { OpenTelemetryAccessLogConfig } from '#codec/protobuf/generated/envoy/extensions/access_loggers/open_telemetry/v3/logs_service';
import type { ExtensionProvider } from '#control/mesh/extension-provider';
import type { AccessLogFormat } from '#control/mesh/mesh-config';
import type { SideTelemetry } from '#control/view/workload-telemetry';
import { outboundClusterName } from './cluster-name.ts';
import { pack } from './message.ts';
import { grpcServiceOf } from './tracing.ts';

/** Istio's `accessLogFormat` when nothing else is configured. */
const defaultFormat = `${[
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"',
  '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%',
  '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION%',
  '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%"',
  '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%',
  '%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%',
].join(' ')}\n`;

export interface AccessLogOptions {
  /** The mesh's own file; empty: no log there. */
  file: string;
  format: AccessLogFormat;
  providers: SideTelemetry['accessLogs'];
}

export function accessLogs({ file, format, providers }: AccessLogOptions): AccessLog[] {
  return providers.flatMap(({ provider, filter }) => {
    const log = logOf(provider, file, format);
    return log ? [filter === undefined ? log : { ...log, filter: expressionFilter(filter) }] : [];
  });
}

function logOf(provider: ExtensionProvider | 'default', file: string, format: AccessLogFormat): AccessLog | undefined {
  if (provider === 'default') return file === '' ? undefined : fileLog(file, format);
  if (provider.kind === 'envoyFileAccessLog') return fileLog(provider.path, provider.labels ?? (provider.text && `${provider.text}\n`));
  return provider.kind === 'envoyOtelAls' ? otlpLog(provider) : undefined;
}

function expressionFilter(expression: string): AccessLogFilter {
  const value = pack('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', ExpressionFilter, { expression });
  return {
    filterSpecifier: {
      $case: 'extensionFilter',
      value: { name: 'envoy.access_loggers.extension_filters.cel', configType: { $case: 'typedConfig', value } },
    },
  };
}

function fileLog(path: string, format: AccessLogFormat): AccessLog {
  const config = pack('envoy.extensions.access_loggers.file.v3.FileAccessLog', FileAccessLog, {
    path,
    accessLogFormat: {
      $case: 'logFormat',
      value: {
        format:
          typeof format === 'object'
            ? { $case: 'jsonFormat', value: format }
            : { $case: 'textFormatSource', value: { specifier: { $case: 'inlineString', value: format || defaultFormat } } },
      },
    },
  });
  return { name: 'envoy.access_loggers.file', filter: undefined, configType: { $case: 'typedConfig', value: config } };
}

function otlpLog({ host, port, logName, text, labels }: Extract<ExtensionProvider, { kind: 'envoyOtelAls' }>): AccessLog {
  const string = (value: string) => ({ value: { $case: 'stringValue', value } }) as const;
  const config = pack('envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig', OpenTelemetryAccessLogConfig, {
    commonConfig: { logName, grpcService: grpcServiceOf(outboundClusterName(port, '', host), host) },
    body: string(text ?? defaultFormat.trimEnd()),
    attributes: { values: Object.entries(labels).map(([key, value]) => ({ key, value: string(String(value)) })) },
  });
  return { name: 'envoy.access_loggers.open_telemetry', filter: undefined, configType: { $case: 'typedConfig', value: config } };
}
