// Envoy's command operators, one row each: what `%NAME(argument)%` stands for. Pure; used by access-log-format.ts.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
import type { Exchange, PeerIdentity } from './exchange.ts';
import { formatGrpcStatus } from './grpc-status.ts';
import { formatLongResponseFlags, formatResponseFlags } from './response-flags.ts';
import { formatTime } from './time-format.ts';

/** Undefined: the exchange has no such thing. */
export type Operator = (exchange: Exchange) => string | number | undefined;

/** Undefined: there is no such operator, or it does not take that argument. */
export function operatorOf(name: string, argument: string | undefined): Operator | undefined {
  return argument === undefined ? plainOperators[name] : operatorsWithArgument[name]?.(argument);
}

const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
const duration = (value: number): number | undefined => (value < 0 ? undefined : Math.round(value));
const addressOnly = (address: string): string | undefined => text(address.slice(0, Math.max(0, address.lastIndexOf(':'))));
const portOnly = (address: string): string | undefined => text(address.slice(address.lastIndexOf(':') + 1));
const directRemote = ({ connection }: Exchange) => `${connection.remoteAddress}:${connection.remotePort}`;
const ofPeer = (read: (peer: PeerIdentity) => string) => (x: Exchange) => {
  const peer = x.connection.tls?.peer;
  return peer === undefined ? undefined : text(read(peer));
};

const plainOperators: Readonly<Record<string, Operator>> = {
  ACCESS_LOG_TYPE: (x) => (x.requestProtocol === 'tcp' ? 'TcpConnectionEnd' : 'DownstreamEnd'),
  START_TIME: (x) => new Date(x.startWallMs).toISOString(),
  EMIT_TIME: (x) => new Date(x.startWallMs + x.durationMs).toISOString(),
  PROTOCOL: (x) => text(x.protocol),
  UPSTREAM_PROTOCOL: (x) => text(x.upstreamProtocol),
  RESPONSE_CODE: (x) => x.status,
  RESPONSE_FLAGS: (x) => formatResponseFlags(x.flags),
  RESPONSE_FLAGS_LONG: (x) => formatLongResponseFlags(x.flags),
  RESPONSE_CODE_DETAILS: (x) => text(x.details),
  CONNECTION_TERMINATION_DETAILS: (x) => text(x.connectionTerminationDetails),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (x) => text(x.upstreamFailure),
  // A connection whose handshake failed has no exchange.
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: () => undefined,
  LOCAL_REPLY_BODY: (x) => text(x.localReplyBody),
  BYTES_RECEIVED: (x) => x.bytesReceived,
  BYTES_SENT: (x) => x.bytesSent,
  DURATION: (x) => duration(x.durationMs),
  REQUEST_DURATION: (x) => duration(x.requestMs),
  RESPONSE_DURATION: (x) => duration(x.responseFirstByteMs),
  RESPONSE_TX_DURATION: (x) => (x.responseFirstByteMs < 0 ? undefined : duration(x.durationMs - x.responseFirstByteMs)),
  GRPC_STATUS: (x) => grpcStatus(x, 'CAMEL_STRING'),
  GRPC_STATUS_NUMBER: (x) => grpcStatus(x, 'NUMBER'),
  UPSTREAM_HOST: (x) => text(x.upstreamHost),
  UPSTREAM_HOST_NAME: (x) => text(x.upstreamHost),
  UPSTREAM_HOST_NAME_WITHOUT_PORT: (x) => addressOnly(x.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS: (x) => text(x.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (x) => addressOnly(x.upstreamHost),
  UPSTREAM_REMOTE_PORT: (x) => portOnly(x.upstreamHost),
  UPSTREAM_LOCAL_ADDRESS: (x) => text(x.upstreamLocal),
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (x) => addressOnly(x.upstreamLocal),
  UPSTREAM_LOCAL_PORT: (x) => portOnly(x.upstreamLocal),
  UPSTREAM_CLUSTER: (x) => text(x.upstreamCluster),
  UPSTREAM_CLUSTER_RAW: (x) => text(x.upstreamCluster),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (x) => x.attempts,
  DOWNSTREAM_LOCAL_ADDRESS: (x) => text(x.downstreamLocal),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (x) => addressOnly(x.downstreamLocal),
  DOWNSTREAM_LOCAL_PORT: (x) => portOnly(x.downstreamLocal),
  DOWNSTREAM_REMOTE_ADDRESS: (x) => text(x.downstreamRemote),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (x) => addressOnly(x.downstreamRemote),
  DOWNSTREAM_REMOTE_PORT: (x) => portOnly(x.downstreamRemote),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: directRemote,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (x) => x.connection.remoteAddress,
  DOWNSTREAM_DIRECT_REMOTE_PORT: (x) => String(x.connection.remotePort),
  DOWNSTREAM_TLS_VERSION: (x) => text(x.connection.tls?.version),
  DOWNSTREAM_TLS_CIPHER: (x) => text(x.connection.tls?.cipher),
  DOWNSTREAM_PEER_SUBJECT: ofPeer(({ subject }) => subject),
  DOWNSTREAM_PEER_ISSUER: ofPeer(({ issuer }) => issuer),
  DOWNSTREAM_PEER_URI_SAN: ofPeer(({ uriNames }) => uriNames.join(',')),
  DOWNSTREAM_PEER_DNS_SAN: ofPeer(({ dnsNames }) => dnsNames.join(',')),
  DOWNSTREAM_PEER_FINGERPRINT_256: ofPeer(({ hash }) => hash),
  DOWNSTREAM_PEER_SERIAL: ofPeer(({ serial }) => serial),
  DOWNSTREAM_PEER_CERT_V_START: ofPeer(({ validFromMs }) => new Date(validFromMs).toISOString()),
  DOWNSTREAM_PEER_CERT_V_END: ofPeer(({ validToMs }) => new Date(validToMs).toISOString()),
  REQUESTED_SERVER_NAME: (x) => text(x.requestedServerName),
  CONNECTION_ID: (x) => x.connection.id,
  FILTER_CHAIN_NAME: (x) => text(x.connection.filterChain),
  STREAM_ID: (x) => x.requestHeader('x-request-id'),
  TRACE_ID: (x) => x.trace?.traceId,
  ROUTE_NAME: (x) => text(x.routeName),
  VIRTUAL_HOST_NAME: (x) => text(x.virtualHost),
  // Virtual clusters are not read.
  VIRTUAL_CLUSTER_NAME: () => undefined,
};

const operatorsWithArgument: Readonly<Record<string, (argument: string) => Operator | undefined>> = {
  START_TIME: (format) => (x) => formatTime(x.startWallMs, format),
  EMIT_TIME: (format) => (x) => formatTime(x.startWallMs + x.durationMs, format),
  REQ: (argument) => eitherHeader(argument, requestHeader),
  REQ_WITHOUT_QUERY: (argument) => {
    const read = eitherHeader(argument, requestHeader);
    return (x) => withoutQuery(read(x));
  },
  RESP: (argument) => eitherHeader(argument, (x, name) => x.responseHeader(name)),
  TRAILER: (argument) => eitherHeader(argument, (x, name) => x.responseTrailer(name)),
  QUERY_PARAM: (name) => (x) => new URLSearchParams(x.originalPath.split('?')[1] ?? '').get(name) ?? undefined,
  PATH: pathOperator,
  GRPC_STATUS: (format) =>
    format === 'CAMEL_STRING' || format === 'SNAKE_STRING' || format === 'NUMBER' ? (x) => grpcStatus(x, format) : undefined,
  DYNAMIC_METADATA: metadataOperator,
  METADATA: (argument) => (argument.startsWith('DYNAMIC:') ? metadataOperator(argument.slice('DYNAMIC:'.length)) : undefined),
  COMMON_DURATION: commonDuration,
};

/** `NAME?ALTERNATIVE` */
function eitherHeader(argument: string, read: (exchange: Exchange, name: string) => string | undefined) {
  const [first = '', second] = argument.toLowerCase().split('?');
  return (x: Exchange) => read(x, first) ?? (second === undefined ? undefined : read(x, second));
}

function requestHeader(exchange: Exchange, name: string): string | undefined {
  switch (name) {
    case ':method':
      return text(exchange.method);
    case ':path':
      return text(exchange.path);
    case ':authority':
      return text(exchange.authority);
    case ':scheme':
      return text(exchange.scheme);
    case 'x-envoy-original-path':
      return exchange.originalPath === exchange.path ? undefined : text(exchange.originalPath);
    default:
      return exchange.requestHeader(name);
  }
}

function withoutQuery(path: string | undefined): string | undefined {
  return path?.split('?')[0];
}

/** `WQ` or `NQ`: with the query or without; then `ORIG`, `PATH` or `ORIG_OR_PATH`. */
function pathOperator(argument: string): Operator | undefined {
  const [query = '', which = 'ORIG_OR_PATH'] = argument.split(':');
  const read: Operator | undefined = {
    ORIG: (x: Exchange) => requestHeader(x, 'x-envoy-original-path'),
    PATH: (x: Exchange) => text(x.path),
    ORIG_OR_PATH: (x: Exchange) => text(x.originalPath),
  }[which];
  if (read === undefined || !['', 'WQ', 'NQ'].includes(query)) return undefined;
  return query === 'NQ' ? (x) => withoutQuery(read(x) as string | undefined) : read;
}

function grpcStatus(exchange: Exchange, format: 'CAMEL_STRING' | 'SNAKE_STRING' | 'NUMBER'): string | number | undefined {
  if (exchange.requestProtocol !== 'grpc') return undefined;
  const status = exchange.responseTrailer('grpc-status') ?? exchange.responseHeader('grpc-status');
  return status === undefined ? undefined : formatGrpcStatus(Number(status), format);
}

/** `filter:key:key…`; what is no scalar is printed as JSON. */
function metadataOperator(argument: string): Operator {
  const [filter = '', ...keys] = argument.split(':');
  return (x) => {
    let value: unknown = x.metadataOf(filter);
    for (const key of keys) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
    if (value === undefined || value === null) return undefined;
    return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
  };
}

/** Moments of an exchange in milliseconds since its begin; below zero: they did not come. */
const moments: Readonly<Record<string, (exchange: Exchange) => number>> = {
  DS_RX_BEG: () => 0,
  DS_RX_END: (x) => x.requestMs,
  US_RX_BEG: (x) => x.responseFirstByteMs,
  DS_TX_BEG: (x) => x.responseFirstByteMs,
  DS_TX_END: (x) => x.durationMs,
};

const precisions: Readonly<Record<string, number>> = { ms: 1, us: 1000, ns: 1_000_000 };

/** `START:END:PRECISION` */
function commonDuration(argument: string): Operator | undefined {
  const [start = '', end = '', precision = ''] = argument.split(':');
  const [from, to, factor] = [moments[start], moments[end], precisions[precision]];
  if (from === undefined || to === undefined || factor === undefined) return undefined;
  return (x) => (from(x) < 0 || to(x) < 0 ? undefined : Math.round((to(x) - from(x)) * factor));
}
