// What Istio asks of a Gateway beyond its structure.
import type { Gateway, Server } from '../kinds/gateway.ts';
import { nearest } from '../nearest.ts';
import { protocolNamed, protocolNames } from '../protocol.ts';
import { isAddress, isDnsLabel, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';

export function checkGateway({ spec }: Gateway, report: Report): void {
  const servers = spec.servers ?? [];
  if (servers.length === 0) report.error('MISSING_FIELD', 'spec.servers', 'at least one server is required');
  for (const [index, server] of servers.entries()) checkServer(server, `spec.servers[${index}]`, report);
  report.unique(
    'DUPLICATE_PORT_NAME',
    servers.map(({ port }, index) => ({
      value: port.name,
      field: `spec.servers[${index}].port.name`,
      what: `name of a port "${port.name}"`,
    })),
  );
}

function checkServer(server: Server, at: string, report: Report): void {
  if (server.port.name === '') report.error('MISSING_FIELD', `${at}.port.name`, 'this field is required');
  if (server.hosts.length === 0) report.error('MISSING_FIELD', `${at}.hosts`, 'at least one host is required', 'write "*" for all');
  for (const [index, host] of server.hosts.entries()) checkServerHost(host, `${at}.hosts[${index}]`, report);
  if (server.bind && !isAddress(server.bind) && !server.bind.startsWith('unix://')) {
    report.error('INVALID_ADDRESS', `${at}.bind`, `"${server.bind}" is no IP address`);
  }
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
function checkServerHost(host: string, field: string, report: Report): void {
  const slash = host.indexOf('/');
  const namespace = host.slice(0, Math.max(0, slash));
  const name = host.slice(slash + 1);
  if (slash >= 0 && namespace !== '*' && namespace !== '.' && !isDnsLabel(namespace)) {
    report.error('INVALID_HOST', field, `"${namespace}" is no namespace`, 'write namespace/host, */host or ./host');
  }
  const partial = name.startsWith('*') && name !== '*' && !name.startsWith('*.');
  if (partial || !isWildcardHost(name))
    report.error('INVALID_HOST', field, `"${name}" is no name of a host`, 'a wildcard stands for whole labels: *.example.com');
}

function checkServerTls({ port, tls }: Server, at: string, report: Report): void {
  const protocol = protocolNamed(port.protocol);
  const secure = protocol === 'HTTPS' || protocol === 'TLS';
  if (secure && !tls)
    report.error('MISSING_FIELD', `${at}.tls`, `protocol ${protocol} requires tls`, 'set tls.mode, such as SIMPLE with credentialName');
  if (!tls) return;
  if (!secure && tls.mode !== undefined && tls.mode !== 'PASSTHROUGH') {
    report.error(
      'CONFLICTING_FIELDS',
      `${at}.tls.mode`,
      `protocol ${port.protocol} has no TLS`,
      'use protocol HTTPS or TLS, or leave mode out',
    );
  }
  const { mode, credentialName, credentialNames, tlsCertificates } = tls;
  const named = credentialName || credentialNames?.length || tlsCertificates?.length;
  if ((mode === 'SIMPLE' || mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL') && !named && !(tls.serverCertificate && tls.privateKey)) {
    report.error(
      'MISSING_FIELD',
      `${at}.tls`,
      `mode ${mode} requires a certificate`,
      'give credentialName, or serverCertificate and privateKey',
    );
  }
  if (mode === 'ISTIO_MUTUAL' && (named || tls.serverCertificate || tls.privateKey || tls.caCertificates)) {
    report.error(
      'CONFLICTING_FIELDS',
      `${at}.tls`,
      'mode ISTIO_MUTUAL uses the certificates of the mesh',
      'leave certificates and keys out',
    );
  }
}
