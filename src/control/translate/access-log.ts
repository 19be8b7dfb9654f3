// Access logs of listeners: to a file, in Istio's default text format or in the mesh's own.
import type { AccessLog } from '#codec/protobuf/generated/envoy/config/accesslog/v3/accesslog';
import { FileAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/file/v3/file';
import type { AccessLogFormat } from '#control/mesh/mesh-config';
import { pack } from './message.ts';

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
  /** Empty: no log. */
  file: string;
  format: AccessLogFormat;
}

export function accessLogs({ file, format }: AccessLogOptions): AccessLog[] {
  if (file === '') return [];
  const config = pack('envoy.extensions.access_loggers.file.v3.FileAccessLog', FileAccessLog, {
    path: file,
    accessLogFormat: {
      $case: 'logFormat',
      value: {
        format:
          typeof format === 'object'
            ? { $case: 'jsonFormat', value: format }
            : { $case: 'textFormatSource', value: { specifier: { $case: 'inlineString', value: format ?? defaultFormat } } },
      },
    },
  });
  return [{ name: 'envoy.access_loggers.file', filter: undefined, configType: { $case: 'typedConfig', value: config } }];
}
