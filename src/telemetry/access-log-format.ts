// Compiles Envoy's access log formats: text with command operators, or JSON fields of such texts. Pure.
// Operators: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
import type { Exchange } from './exchange.ts';
import { formatResponseFlags } from './response-flags.ts';

export type AccessLogFormatter = (exchange: Exchange) => string;

/** What a text's operators need beyond the exchange. */
type Operator = (exchange: Exchange) => string | number | undefined;

/**
 * Compiles a text format. An operator that is not known is printed as `-` and reported through `unknown`.
 * Values that are absent are `-`, as in Envoy.
 */
export function compileTextFormat(text: string, unknown: (operator: string) => void = () => {}): AccessLogFormatter {
  const parts: (string | Operator)[] = [];
  let last = 0;
  for (const match of text.matchAll(operatorPattern)) {
    if (match.index > last) parts.push(text.slice(last, match.index));
    parts.push(match[0] === '%%' ? '%' : compileOperator(match[1] ?? '', match[2], match[3], unknown));
    last = match.index + match[0].length;
  }
  if (last < text.length) parts.push(text.slice(last));
  return (exchange) => {
    let line = '';
    for (const part of parts) line += typeof part === 'string' ? part : (part(exchange) ?? '-');
    return line;
  };
}

/** Compiles a JSON format: a field that is one operator alone keeps a number a number, and is null when absent. */
export function compileJsonFormat(
  fields: Readonly<Record<string, unknown>>,
  unknown: (operator: string) => void = () => {},
): AccessLogFormatter {
  const compiled = Object.entries(fields).map(([name, value]) => [name, compileJsonValue(value, unknown)] as const);
  return (exchange) => `${JSON.stringify(Object.fromEntries(compiled.map(([name, value]) => [name, value(exchange)])))}\n`;
}

type JsonValue = (exchange: Exchange) => unknown;

function compileJsonValue(value: unknown, unknown: (operator: string) => void): JsonValue {
  if (typeof value === 'string') {
    const alone = new RegExp(`^(?:${operatorPattern.source})$`).exec(value);
    if (alone?.[1]) {
      const operator = compileOperator(alone[1], alone[2], alone[3], unknown);
      return (exchange) => operator(exchange) ?? null;
    }
    return compileTextFormat(value, unknown);
  }
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).map(([name, part]) => [name, compileJsonValue(part, unknown)] as const);
    return (exchange) => Object.fromEntries(inner.map(([name, part]) => [name, part(exchange)]));
  }
  return () => value;
}

/** `%NAME%`, `%NAME(argument)%`, `%NAME(argument):length%`, or `%%`. */
const operatorPattern = /%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%/g;

function compileOperator(
  name: string,
  argument: string | undefined,
  length: string | undefined,
  unknown: (operator: string) => void,
): Operator {
  const operator = simpleOperators[name] ?? compileHeaderOperator(name, argument);
  if (operator === undefined) {
    unknown(name);
    return () => undefined;
  }
  if (name === 'START_TIME' && argument) return (exchange) => formatTime(exchange.startWallMs, argument);
  if (length === undefined) return operator;
  const limit = Number(length);
  return (exchange) => {
    const value = operator(exchange);
    return value === undefined ? undefined : String(value).slice(0, limit);
  };
}

const text = (value: string): string | undefined => (value === '' ? undefined : value);
const duration = (value: number): number | undefined => (value < 0 ? undefined : Math.round(value));
const addressOnly = (address: string): string | undefined => text(address.slice(0, Math.max(0, address.lastIndexOf(':'))));
const portOnly = (address: string): string | undefined => text(address.slice(address.lastIndexOf(':') + 1));

const simpleOperators: Readonly<Record<string, Operator>> = {
  START_TIME: (x) => new Date(x.startWallMs).toISOString(),
  PROTOCOL: (x) => text(x.protocol),
  RESPONSE_CODE: (x) => x.status,
  RESPONSE_FLAGS: (x) => formatResponseFlags(x.flags),
  RESPONSE_CODE_DETAILS: (x) => text(x.details),
  CONNECTION_TERMINATION_DETAILS: (x) => text(x.connectionTerminationDetails),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (x) => text(x.upstreamFailure),
  BYTES_RECEIVED: (x) => x.bytesReceived,
  BYTES_SENT: (x) => x.bytesSent,
  DURATION: (x) => duration(x.durationMs),
  REQUEST_DURATION: (x) => duration(x.requestMs),
  RESPONSE_DURATION: (x) => duration(x.responseFirstByteMs),
  RESPONSE_TX_DURATION: (x) => (x.responseFirstByteMs < 0 ? undefined : duration(x.durationMs - x.responseFirstByteMs)),
  UPSTREAM_HOST: (x) => text(x.upstreamHost),
  UPSTREAM_LOCAL_ADDRESS: (x) => text(x.upstreamLocal),
  UPSTREAM_CLUSTER: (x) => text(x.upstreamCluster),
  UPSTREAM_CLUSTER_RAW: (x) => text(x.upstreamCluster),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (x) => x.attempts,
  DOWNSTREAM_LOCAL_ADDRESS: (x) => text(x.downstreamLocal),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (x) => addressOnly(x.downstreamLocal),
  DOWNSTREAM_LOCAL_PORT: (x) => portOnly(x.downstreamLocal),
  DOWNSTREAM_REMOTE_ADDRESS: (x) => text(x.downstreamRemote),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (x) => addressOnly(x.downstreamRemote),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (x) => text(x.downstreamRemote),
  DOWNSTREAM_REMOTE_PORT: (x) => portOnly(x.downstreamRemote),
  REQUESTED_SERVER_NAME: (x) => text(x.requestedServerName),
  ROUTE_NAME: (x) => text(x.routeName),
  VIRTUAL_CLUSTER_NAME: () => undefined,
};

/** `REQ(NAME?ALTERNATIVE)` and `RESP(NAME?ALTERNATIVE)`. */
function compileHeaderOperator(name: string, argument: string | undefined): Operator | undefined {
  if (argument === undefined || (name !== 'REQ' && name !== 'RESP')) return undefined;
  const [first = '', second] = argument.toLowerCase().split('?');
  const read = name === 'REQ' ? requestHeader : (exchange: Exchange, header: string) => exchange.responseHeader(header);
  return (exchange) => read(exchange, first) ?? (second === undefined ? undefined : read(exchange, second));
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

/** The strftime letters that Envoy documents: `%Y-%m-%dT%H:%M:%S.%3fZ`, `%s`. */
function formatTime(wallMs: number, format: string): string {
  const date = new Date(wallMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const letters: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getUTCFullYear()),
    m: () => two(date.getUTCMonth() + 1),
    d: () => two(date.getUTCDate()),
    H: () => two(date.getUTCHours()),
    M: () => two(date.getUTCMinutes()),
    S: () => two(date.getUTCSeconds()),
    s: () => String(Math.floor(wallMs / 1000)),
    f: () => String(date.getUTCMilliseconds()).padStart(3, '0'),
  };
  return format.replace(/%\d?([YmdHMSsf])/g, (whole, letter: string) => letters[letter]?.() ?? whole);
}
