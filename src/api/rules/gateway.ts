// What Istio asks of a Gateway beyond its structure.
import type { Gateway, Server } from '../kinds/gateway.ts';
import { nearest } from '../nearest.ts';
import { isHttp, protocolNamed, protocolNames } from '../protocol.ts';
import { isAddress, isName, isPartialWildcard, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';
import { checkTlsOptions } from './server-tls.ts';

/** Set by controllers that make Gateways out of Gateway API's: their names and namespaces have another syntax. */
const madeFromGatewayApi = 'internal.istio.io/gateway-semantics';

export function checkGateway({ spec, metadata }: Gateway, report: Report): void {
  const servers = spec.servers ?? [];
  const converted = metadata.annotations?.[madeFromGatewayApi] === 'gateway';
  if (!converted && !isName(metadata.name)) {
    report.error(
      'INVALID_NAME',
      'metadata.name',
      `"${metadata.name}" is no name of a Gateway`,
      'use letters, digits and "-", at most 63, no dots',
    );
  }
  if (servers.length === 0) report.error('MISSING_FIELD', 'spec.servers', 'at least one server is required');
  for (const [index, server] of servers.entries()) checkServer(server, `spec.servers[${index}]`, converted, report);
  report.unique(
    'DUPLICATE_PORT_NAME',
    servers.map(({ port }, index) => ({
      value: port.name,
      field: `spec.servers[${index}].port.name`,
      what: `name of a port "${port.name}"`,
    })),
  );
}

function checkServer(server: Server, at: string, converted: boolean, report: Report): void {
  if (server.port.name === '') report.error('MISSING_FIELD', `${at}.port.name`, 'this field is required');
  if (server.hosts.length === 0) report.error('MISSING_FIELD', `${at}.hosts`, 'at least one host is required', 'write "*" for all');
  for (const [index, host] of server.hosts.entries()) checkServerHost(host, `${at}.hosts[${index}]`, converted, report);
  if (server.bind?.startsWith('unix://')) {
    report.error('CONFLICTING_FIELDS', `${at}.bind`, 'a unix socket has no port, and a server requires one');
  } else if (server.bind && !isAddress(server.bind)) {
    report.error('INVALID_ADDRESS', `${at}.bind`, `"${server.bind}" is no IP address`);
  }
  if (server.port.targetPort) report.error('NO_EFFECT', `${at}.port.targetPort`, 'targetPort does nothing for a gateway', 'leave it out');
  checkProtocol(server.port.protocol, `${at}.port.protocol`, report);
  checkServerTls(server, at, report);
}

/** Also of ServiceEntry and Sidecar. */
export function checkProtocol(protocol: string, field: string, report: Report): void {
  if (protocolNamed(protocol)) return;
  const near = nearest(protocol, protocolNames);
  const message = `unknown protocol "${protocol}": must be one of ${protocolNames.join(', ')}`;
  report.error('UNKNOWN_VALUE', field, message, near && `did you mean "${near}"?`);
}

/** A host, or `namespace/host` where the namespace may be `*` or `.`. */
function checkServerHost(host: string, field: string, converted: boolean, report: Report): void {
  const slash = host.indexOf('/');
  const namespace = host.slice(0, Math.max(0, slash));
  const fits = slash < 0 || ['*', '.'].includes(namespace) || (converted && namespace === '~') || isName(namespace);
  if (!fits) report.error('INVALID_HOST', field, `"${namespace}" is no namespace`, 'write namespace/host, */host or ./host');
  const name = host.slice(slash + 1);
  const full = name === '*' || name.includes('.');
  if (isPartialWildcard(name) || !full || !(isWildcardHost(name) || isAddress(name))) {
    report.error('INVALID_HOST', field, `"${name}" is no full name of a host`, 'write reviews.example.com, *.example.com or *');
  }
}

function checkServerTls({ port, tls }: Server, at: string, report: Report): void {
  const protocol = protocolNamed(port.protocol);
  const secure = protocol === 'HTTPS' || protocol === 'TLS';
  if (secure && !tls)
    report.error('MISSING_FIELD', `${at}.tls`, `protocol ${protocol} requires tls`, 'set tls.mode, such as SIMPLE with credentialName');
  if (!tls) return;
  checkTlsOptions(tls, `${at}.tls`, report);
  const http = isHttp(port.protocol);
  if (tls.httpsRedirect && !http) report.warning('NO_EFFECT', `${at}.tls.httpsRedirect`, 'only HTTP servers redirect');
  if (secure || !protocol) return;
  const passes = tls.mode === undefined || tls.mode === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH';
  if (!http || !passes || tls.caCertificates || tls.privateKey || tls.serverCertificate) {
    const hint = 'use protocol HTTPS or TLS, or leave all but httpsRedirect out';
    report.error('CONFLICTING_FIELDS', `${at}.tls`, `protocol ${port.protocol} has no TLS`, hint);
  }
}
