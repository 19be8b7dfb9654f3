// Envoy's HttpConnectionManager -> HttpConnectionManagerConfig, with Envoy's defaults filled in.
import type { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import {
  HttpConnectionManager_CodecType as CodecType,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { decodeAccessLogs } from './decode-access-log.ts';
import { decodeHttpFilters } from './decode-http-filter.ts';
import { decodeRouteTable } from './decode-route.ts';
import { decodeTracing } from './decode-tracing.ts';
import { type Findings, milliseconds } from './findings.ts';
import type { HttpConnectionManagerConfig } from './http-connection-manager.ts';
import { decodeHttp2Options } from './http2-options.ts';

const hour = 3_600_000;

/** Envoy's defaults, and bounds of our own where Envoy has none: a head must have come within a minute. */
const defaults = {
  idleTimeoutMs: hour,
  streamIdleTimeoutMs: 300_000,
  requestHeadersTimeoutMs: 60_000,
  drainTimeoutMs: 5_000,
  headKb: 60,
  headersMax: 100,
} as const;

export function decodeHttpConnectionManager(hcm: HttpConnectionManager, field: string, findings: Findings): HttpConnectionManagerConfig {
  if (hcm.codecType === CodecType.HTTP3) findings.report(`${field}.codec_type`, 'HTTP3 is not supported');
  const common = hcm.commonHttpProtocolOptions;
  return {
    statPrefix: hcm.statPrefix,
    codec: hcm.codecType === CodecType.HTTP1 ? 'http1' : hcm.codecType === CodecType.HTTP2 ? 'http2' : 'auto',
    http2: decodeHttp2Options(hcm.http2ProtocolOptions, `${field}.http2_protocol_options`, findings),
    routes: decodeRouteSpecifier(hcm, field, findings),
    httpFilters: decodeHttpFilters(hcm.httpFilters, `${field}.http_filters`, findings),
    accessLogs: decodeAccessLogs(hcm.accessLog, `${field}.access_log`, findings),
    tracing: findings.attempt(`${field}.tracing`, () => decodeTracing(hcm, field, findings)),
    idleTimeoutMs: milliseconds(common?.idleTimeout, defaults.idleTimeoutMs),
    streamIdleTimeoutMs: milliseconds(hcm.streamIdleTimeout, defaults.streamIdleTimeoutMs),
    requestTimeoutMs: milliseconds(hcm.requestTimeout, 0),
    requestHeadersTimeoutMs: milliseconds(hcm.requestHeadersTimeout, 0) || defaults.requestHeadersTimeoutMs,
    drainTimeoutMs: milliseconds(hcm.drainTimeout, defaults.drainTimeoutMs),
    headBytesMax: (hcm.maxRequestHeadersKb ?? defaults.headKb) * 1024,
    headersMax: common?.maxHeadersCount ?? defaults.headersMax,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    useRemoteAddress: hcm.useRemoteAddress ?? false,
    skipXffAppend: hcm.skipXffAppend,
    trustedHops: hcm.xffNumTrustedHops,
    generateRequestId: hcm.generateRequestId ?? true,
    preserveExternalRequestId: hcm.preserveExternalRequestId,
    serverName: hcm.serverName || 'envoy',
    serverHeader: serverHeaders[hcm.serverHeaderTransformation as 0 | 1 | 2] ?? 'overwrite',
    upgradeTypes: new Set(hcm.upgradeConfigs.filter((u) => u.enabled ?? true).map((u) => u.upgradeType.toLowerCase())),
    normalizePath: hcm.normalizePath ?? false,
    mergeSlashes: hcm.mergeSlashes,
    escapedSlashes: escapedSlashes[hcm.pathWithEscapedSlashesAction as 0 | 1 | 2 | 3 | 4] ?? 'keep',
    stripMatchingHostPort: hcm.stripMatchingHostPort,
    clientCertificate: {
      mode: clientCertificateModes[hcm.forwardClientCertDetails as 0 | 1 | 2 | 3 | 4] ?? 'sanitize',
      subject: hcm.setCurrentClientCertDetails?.subject ?? false,
      uri: hcm.setCurrentClientCertDetails?.uri ?? false,
      dns: hcm.setCurrentClientCertDetails?.dns ?? false,
    },
    acceptHttp10: hcm.httpProtocolOptions?.acceptHttp10 ?? false,
  };
}

const serverHeaders = {
  [ServerHeader.OVERWRITE]: 'overwrite',
  [ServerHeader.APPEND_IF_ABSENT]: 'append-if-absent',
  [ServerHeader.PASS_THROUGH]: 'pass-through',
} as const;

/** By Envoy's numbers: sanitize, forward only, append and forward, sanitize and set, always forward only. */
const clientCertificateModes = ['sanitize', 'forward', 'append', 'set', 'always-forward'] as const;

/** By Envoy's numbers: implementation default, keep, reject, unescape and redirect, unescape and forward. */
const escapedSlashes = ['keep', 'keep', 'reject', 'unescape-and-redirect', 'unescape-and-forward'] as const;

function decodeRouteSpecifier(hcm: HttpConnectionManager, field: string, findings: Findings): HttpConnectionManagerConfig['routes'] {
  const specifier = hcm.routeSpecifier;
  if (specifier?.$case === 'rds') {
    if (specifier.value.routeConfigName === '') findings.report(`${field}.rds.route_config_name`, 'is empty');
    return { kind: 'rds', name: specifier.value.routeConfigName };
  }
  if (specifier?.$case === 'routeConfig') return { kind: 'inline', table: decodeRouteTable(specifier.value, '', findings) };
  findings.report(field, `route specifier ${specifier?.$case ?? 'is missing'}${specifier ? ' is not supported' : ''}`);
  return { kind: 'rds', name: '' };
}
