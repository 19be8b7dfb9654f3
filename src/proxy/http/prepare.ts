// What the connection manager itself does to the heads that pass it, as Envoy does: client address, scheme, request id, server, date.
import { Field, fieldName } from '#codec/http2/field';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { responseFlag } from '#telemetry/response-flags';
import { dateField } from './date.ts';
import { cleanEdgeHeaders, forwardedAddress, isExternal } from './edge-headers.ts';
import { FieldCache } from './field-cache.ts';
import type { ResponseHead } from './head.ts';
import { normalizePath } from './path-normalization.ts';
import type { HttpStream, LocalReply } from './stream.ts';

const forwardedFor = new FieldCache('x-forwarded-for', 1024);
const forwardedProto = new FieldCache('x-forwarded-proto', 8);
const servers = new FieldCache('server', 64);
const requestId = fieldName('x-request-id');
const clientCertificate = fieldName('x-forwarded-client-cert');
const date = fieldName('date');

/** Returns an answer instead when the request must not go on. */
export function prepareRequest(stream: HttpStream): LocalReply | undefined {
  const { config, runtime } = stream.manager;
  const { request, connection } = stream;
  if (connection.tls !== undefined && !stream.explicitProxy) request.scheme = 'https';
  forwardClientCertificate(stream);
  const normal = normalizePath(request.path, config);
  if (normal.kind === 'reject') return { status: 400, flags: responseFlag.none, details: 'path_normalization_failed' };
  request.path = normal.path;
  if (normal.kind === 'redirect') {
    const headers = [['location', normal.path]] as const;
    return { status: 307, flags: responseFlag.none, details: 'path_normalization_redirect', headers };
  }
  if (config.stripMatchingHostPort) request.authority = withoutPort(request.authority, connection.localPort);
  const client = config.useRemoteAddress ? edgeClient(stream) : '';
  const external = config.useRemoteAddress && isExternal(client);
  if (external) cleanEdgeHeaders(request, client);
  if (config.useRemoteAddress) {
    if (!config.skipXffAppend) {
      const before = request.header(forwardedFor.name);
      if (before === undefined) request.appendField(forwardedFor.of(connection.remoteAddress));
      else request.set('x-forwarded-for', `${before},${connection.remoteAddress}`);
    }
    // At an edge only the connection itself says how the client came, where no proxy before it is believed.
    if (config.trustedHops === 0 || !request.has(forwardedProto.name))
      request.setField(forwardedProto.of(connection.tls === undefined ? 'http' : 'https'));
  } else if (!request.has(forwardedProto.name)) {
    request.appendField(forwardedProto.of(request.scheme));
  }
  // Whose id comes from outside is not to be trusted (Envoy's rule).
  if (config.generateRequestId) {
    if (!request.has(requestId)) request.appendField(new Field(requestId, runtime.newRequestId()));
    else if (external && !config.preserveExternalRequestId) request.set('x-request-id', runtime.newRequestId());
  }
  stream.manager.tracer?.begin(stream);
  return undefined;
}

/** Who calls, as the first believed proxy says it; before this one is added to `x-forwarded-for`. */
function edgeClient({ request, connection, manager }: HttpStream): string {
  const { trustedHops } = manager.config;
  const said = trustedHops > 0 ? forwardedAddress(request.header(forwardedFor.name), trustedHops - 1) : undefined;
  return said ?? connection.remoteAddress;
}

/** What the next hop hears of the client's certificate: Envoy's `forward_client_cert_details`. */
function forwardClientCertificate({ request, connection, manager }: HttpStream): void {
  const { mode, subject, uri, dns } = manager.config.clientCertificate;
  const peer = connection.tls?.peer;
  if (mode === 'always-forward') return;
  if (mode === 'sanitize' || (peer === undefined && connection.tls === undefined)) {
    request.remove(clientCertificate);
    return;
  }
  if (mode === 'forward' || peer === undefined) return;
  const parts = [`Hash=${peer.hash}`];
  if (subject) parts.push(`Subject="${peer.subject}"`);
  if (uri) parts.push(...peer.uriNames.map((name) => `URI=${name}`));
  if (dns) parts.push(...peer.dnsNames.map((name) => `DNS=${name}`));
  const own = parts.join(';');
  const before = mode === 'append' ? request.header(clientCertificate) : undefined;
  request.setField(new Field(clientCertificate, before === undefined ? own : `${before},${own}`));
}

function withoutPort(authority: string, port: number): string {
  const suffix = `:${port}`;
  return authority.endsWith(suffix) ? authority.slice(0, -suffix.length) : authority;
}

export function prepareResponse(head: ResponseHead, config: HttpConnectionManagerConfig, wallMs: number): void {
  if (config.serverHeader === 'overwrite') head.setField(servers.of(config.serverName));
  else if (config.serverHeader === 'append-if-absent' && !head.has(servers.name)) head.appendField(servers.of(config.serverName));
  if (!head.has(date)) head.appendField(dateField(wallMs));
}
