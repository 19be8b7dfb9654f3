// A finished exchange as Envoy's access log service (ALS) takes it: envoy.data.accesslog.v3. Pure.
import type { Address } from '#codec/protobuf/generated/envoy/config/core/v3/address';
import { RequestMethod } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import {
  AccessLogCommon,
  AccessLogType,
  type ConnectionProperties,
  HTTPAccessLogEntry,
  HTTPAccessLogEntry_HTTPVersion as HttpVersion,
  ResponseFlags,
  TCPAccessLogEntry,
  TLSProperties,
  TLSProperties_TLSVersion as TlsVersion,
  ResponseFlags_Unauthorized_Reason as UnauthorizedReason,
} from '#codec/protobuf/generated/envoy/data/accesslog/v3/accesslog';
import type { ConnectionTls, Exchange } from './exchange.ts';
import { type ResponseFlag, responseFlag } from './response-flags.ts';

/** Names, in lower case, of what stands in an entry beside what always does. */
export interface LoggedHeaders {
  readonly request: readonly string[];
  readonly response: readonly string[];
  readonly trailers: readonly string[];
}

export function httpEntry(exchange: Exchange, headers: LoggedHeaders): HTTPAccessLogEntry {
  const request = (name: string) => exchange.requestHeader(name) ?? '';
  return HTTPAccessLogEntry.fromPartial({
    commonProperties: common(exchange, AccessLogType.DownstreamEnd),
    protocolVersion: httpVersions[exchange.protocol] ?? HttpVersion.PROTOCOL_UNSPECIFIED,
    request: {
      requestMethod: methods.get(exchange.method) ?? RequestMethod.METHOD_UNSPECIFIED,
      scheme: exchange.scheme,
      authority: exchange.authority,
      path: exchange.path,
      originalPath: request('x-envoy-original-path'),
      userAgent: request('user-agent'),
      referer: request('referer'),
      forwardedFor: request('x-forwarded-for'),
      requestId: request('x-request-id'),
      requestBodyBytes: exchange.bytesReceived,
      requestHeaders: present(headers.request, (name) => exchange.requestHeader(name)),
    },
    response: {
      responseCode: exchange.status === 0 ? undefined : exchange.status,
      responseBodyBytes: exchange.bytesSent,
      responseCodeDetails: exchange.details,
      responseHeaders: present(headers.response, (name) => exchange.responseHeader(name)),
      responseTrailers: present(headers.trailers, (name) => exchange.responseTrailer(name)),
    },
  });
}

export function tcpEntry(exchange: Exchange): TCPAccessLogEntry {
  const bytes: ConnectionProperties = { receivedBytes: exchange.bytesReceived, sentBytes: exchange.bytesSent };
  return TCPAccessLogEntry.fromPartial({
    commonProperties: common(exchange, AccessLogType.TcpConnectionEnd),
    connectionProperties: bytes,
  });
}

const methods = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'].map((name, i) => [name, (i + 1) as RequestMethod]),
);

const httpVersions: Readonly<Record<string, HttpVersion>> = {
  'HTTP/1.0': HttpVersion.HTTP10,
  'HTTP/1.1': HttpVersion.HTTP11,
  'HTTP/2': HttpVersion.HTTP2,
};

function common(exchange: Exchange, accessLogType: AccessLogType): AccessLogCommon {
  const { connection, startWallMs } = exchange;
  const seconds = Math.floor(startWallMs / 1000);
  const downstream = addressOf(`${connection.remoteAddress}:${connection.remotePort}`);
  return AccessLogCommon.fromPartial({
    accessLogType,
    sampleRate: 1,
    downstreamRemoteAddress: addressOf(exchange.downstreamRemote),
    downstreamDirectRemoteAddress: downstream,
    downstreamLocalAddress: addressOf(exchange.downstreamLocal),
    tlsProperties: connection.tls && tlsOf(connection.tls),
    startTime: { seconds, nanos: Math.round((startWallMs - seconds * 1000) * 1e6) },
    timeToLastRxByte: durationOf(exchange.requestMs),
    timeToFirstUpstreamRxByte: durationOf(exchange.responseFirstByteMs),
    timeToLastDownstreamTxByte: durationOf(exchange.durationMs),
    duration: durationOf(exchange.durationMs),
    upstreamRemoteAddress: addressOf(exchange.upstreamHost),
    upstreamLocalAddress: addressOf(exchange.upstreamLocal),
    upstreamCluster: exchange.upstreamCluster,
    upstreamTransportFailureReason: exchange.upstreamFailure,
    upstreamRequestAttemptCount: exchange.attempts,
    routeName: exchange.routeName,
    responseFlags: exchange.flags === 0 ? undefined : flagsOf(exchange.flags),
    connectionTerminationDetails: exchange.connectionTerminationDetails,
    streamId: exchange.requestHeader('x-request-id') ?? '',
  });
}

/** Of `address:port`; undefined: it is empty. */
function addressOf(text: string): Address | undefined {
  const at = text.lastIndexOf(':');
  if (at < 0) return undefined;
  const portValue = Number(text.slice(at + 1));
  const socketAddress = { address: text.slice(0, at), portSpecifier: { $case: 'portValue', value: portValue } } as const;
  return { address: { $case: 'socketAddress', value: { protocol: 0, resolverName: '', ipv4Compat: false, ...socketAddress } } };
}

/** Undefined for what never happened. */
function durationOf(ms: number): { seconds: number; nanos: number } | undefined {
  if (ms < 0) return undefined;
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

const tlsVersions: Readonly<Record<string, TlsVersion>> = { 'TLSv1.2': TlsVersion.TLSv1_2, 'TLSv1.3': TlsVersion.TLSv1_3 };

function tlsOf({ version, serverName, peer }: ConnectionTls): TLSProperties {
  const named = [
    ...(peer?.uriNames ?? []).map((value) => ({ san: { $case: 'uri', value } as const })),
    ...(peer?.dnsNames ?? []).map((value) => ({ san: { $case: 'dns', value } as const })),
  ];
  return TLSProperties.fromPartial({
    tlsVersion: tlsVersions[version] ?? TlsVersion.VERSION_UNSPECIFIED,
    tlsSniHostname: serverName,
    peerCertificateProperties: peer && { subject: peer.subject, issuer: peer.issuer, subjectAltName: named },
  });
}

function flagsOf(flags: ResponseFlag): ResponseFlags {
  const has = (flag: ResponseFlag) => (flags & flag) !== 0;
  const { unauthorizedExternalService, ...named } = responseFlag;
  return ResponseFlags.fromPartial({
    ...Object.fromEntries(Object.entries(named).map(([name, flag]) => [name, has(flag)])),
    unauthorizedDetails: has(unauthorizedExternalService) ? { reason: UnauthorizedReason.EXTERNAL_SERVICE } : undefined,
  });
}

function present(names: readonly string[], value: (name: string) => string | undefined): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const found = value(name);
      return found === undefined ? [] : [[name, found]];
    }),
  );
}
