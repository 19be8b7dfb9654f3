// What an expression in CEL can ask of an exchange: Envoy's attributes, by their names, each with its type (integers are CEL's, which are
// BigInt). https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes
import type { Exchange } from '#telemetry/exchange';
import { compileExpression } from './library.ts';

/** Evaluates to the value of the expression. Throws where it has none: an attribute is not there, types do not fit. */
export type AttributeExpression = (exchange: Exchange) => unknown;

/** Which headers are looked at must be said in so many words: only those are put together. */
const headerPattern = /\b(request\.headers|response\.headers|response\.trailers)(?:\[\s*(['"])([^'"]+)\2\s*\]|\.([A-Za-z_]\w*))/g;
/** `'name' in request.headers` */
const membershipPattern = /(['"])([^'"]+)\1\s+in\s+(request\.headers|response\.headers|response\.trailers)/g;

type Named = Readonly<Record<string, readonly string[]>>;

/** Throws MeshError EXPRESSION where it is none. */
export function attributeExpression(text: string): AttributeExpression {
  const expression = compileExpression(text);
  const found: Record<string, string[]> = {};
  for (const [, map = '', , quoted, plain] of text.matchAll(headerPattern)) (found[map] ??= []).push(quoted ?? plain ?? '');
  for (const [, , name = '', map = ''] of text.matchAll(membershipPattern)) (found[map] ??= []).push(name);
  return (exchange) => expression(attributes(exchange, found));
}

function attributes(exchange: Exchange, named: Named): Record<string, unknown> {
  const { connection, upstreamHost, upstreamLocal, upstreamFailure, upstreamCluster } = exchange;
  return {
    request: requestOf(exchange, named),
    response: responseOf(exchange, named),
    source: { address: exchange.downstreamRemote, port: BigInt(connection.remotePort) },
    destination: { address: exchange.downstreamLocal, port: BigInt(connection.localPort) },
    connection: connectionOf(exchange),
    upstream: present({
      address: upstreamHost,
      port: portOf(upstreamHost),
      local_address: upstreamLocal,
      transport_failure_reason: upstreamFailure,
      request_attempt_count: BigInt(exchange.attempts),
    }),
    xds: {
      cluster_name: upstreamCluster,
      route_name: exchange.routeName,
      virtual_host_name: exchange.virtualHost,
      filter_chain_name: connection.filterChain,
    },
  };
}

function requestOf(exchange: Exchange, named: Named): Record<string, unknown> {
  const { path, method } = exchange;
  const query = path.indexOf('?');
  const header = (name: string) => exchange.requestHeader(name);
  return present({
    path,
    url_path: query < 0 ? path : path.slice(0, query),
    query: query < 0 ? '' : path.slice(query + 1),
    host: exchange.authority,
    scheme: exchange.scheme,
    method,
    protocol: exchange.protocol,
    headers: fields(named['request.headers'], header),
    id: header('x-request-id'),
    referer: header('referer'),
    useragent: header('user-agent'),
    time: new Date(exchange.startWallMs),
    size: BigInt(exchange.bytesReceived),
    total_size: BigInt(exchange.bytesReceived),
  });
}

function responseOf(exchange: Exchange, named: Named): Record<string, unknown> {
  const grpcStatus = exchange.responseTrailer('grpc-status') ?? exchange.responseHeader('grpc-status');
  return present({
    code: BigInt(exchange.status),
    code_details: exchange.details,
    flags: BigInt(exchange.flags),
    grpc_status: grpcStatus === undefined || !/^\d+$/.test(grpcStatus) ? undefined : BigInt(grpcStatus),
    headers: fields(named['response.headers'], (name) => exchange.responseHeader(name)),
    trailers: fields(named['response.trailers'], (name) => exchange.responseTrailer(name)),
    size: BigInt(exchange.bytesSent),
    total_size: BigInt(exchange.bytesSent),
  });
}

function connectionOf({ connection, requestedServerName, connectionTerminationDetails }: Exchange): Record<string, unknown> {
  const { tls, id } = connection;
  return present({
    id: BigInt(id),
    mtls: tls?.peer !== undefined,
    requested_server_name: requestedServerName,
    tls_version: tls?.version,
    subject_peer_certificate: tls?.peer?.subject,
    uri_san_peer_certificate: tls?.peer?.uriNames[0],
    dns_san_peer_certificate: tls?.peer?.dnsNames[0],
    sha256_peer_certificate_digest: tls?.peer?.hash,
    termination_details: connectionTerminationDetails,
  });
}

function fields(names: readonly string[] = [], read: (name: string) => string | undefined): Record<string, unknown> {
  return present(Object.fromEntries(names.map((name) => [name, read(name.toLowerCase())])));
}

/** To `has`, what is undefined is not there. */
function present(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function portOf(address: string): bigint | undefined {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined ? undefined : BigInt(port);
}
