// What Istio asks of a Sidecar beyond its structure.
import type { Sidecar } from '../kinds/sidecar.ts';
import { isHttp, isTls } from '../protocol.ts';
import { checkConnectionPool } from './destination-rule.ts';
import { checkProtocol } from './gateway.ts';
import { checkDestination } from './http-route.ts';
import { isAddress, isHostname, isName, isPartialWildcard, isWildcardHost } from './names.ts';
import { warnOfEmptySelector } from './policy-target.ts';
import type { Report } from './report.ts';
import { checkTlsOptions } from './server-tls.ts';

type Ingress = NonNullable<Sidecar['spec']['ingress']>[number];
type Egress = NonNullable<Sidecar['spec']['egress']>[number];
type Listener = Partial<Ingress> & Partial<Egress>;

export function checkSidecar({ spec = {} }: Sidecar, report: Report): void {
  const { workloadSelector, ingress = [], egress = [], outboundTrafficPolicy, inboundConnectionPool } = spec;
  const labels = workloadSelector && (workloadSelector.labels ?? {});
  warnOfEmptySelector(labels, 'spec.workloadSelector', report);
  for (const key of Object.keys(labels ?? {})) {
    if (key === '' || key.includes('*')) report.error('INVALID_LABEL', 'spec.workloadSelector.labels', `"${key}" is no key of a label`);
  }
  if (ingress.length + egress.length === 0 && !outboundTrafficPolicy && !inboundConnectionPool) {
    const message = 'does nothing: one of ingress, egress, outboundTrafficPolicy, inboundConnectionPool is required';
    report.error('MISSING_FIELD', 'spec', message);
  }
  checkConnectionPool(inboundConnectionPool, 'spec.inboundConnectionPool', report);
  checkIngress(ingress, report);
  checkEgress(egress, report);
  const { egressProxy, mode } = outboundTrafficPolicy ?? {};
  if (!egressProxy) return;
  const at = 'spec.outboundTrafficPolicy.egressProxy';
  if (mode !== 'ALLOW_ANY') report.error('CONFLICTING_FIELDS', at, 'an egress proxy is for mode ALLOW_ANY');
  if (!isHostname(egressProxy.host)) report.error('INVALID_HOST', `${at}.host`, `"${egressProxy.host}" is no name of a host`);
  checkDestination(egressProxy, at, report);
  if (!egressProxy.port?.number) report.error('MISSING_FIELD', `${at}.port`, 'this field is required');
}

function checkPort({ name, targetPort, protocol }: NonNullable<Listener['port']>, at: string, report: Report): void {
  if (name && !isName(name)) report.error('INVALID_NAME', `${at}.name`, `"${name}" is no name of a port`);
  if (targetPort) report.error('NO_EFFECT', `${at}.targetPort`, 'targetPort does nothing for a sidecar', 'leave it out');
  if (protocol) checkProtocol(protocol, `${at}.protocol`, report);
}

function checkIngress(ingress: NonNullable<Sidecar['spec']['ingress']>, report: Report): void {
  for (const [index, listener] of ingress.entries()) {
    const at = `spec.ingress[${index}]`;
    const { port, bind, defaultEndpoint, tls } = listener;
    if (port.number === undefined) report.error('MISSING_FIELD', `${at}.port.number`, 'this field is required');
    checkPort(port, `${at}.port`, report);
    if (bind?.startsWith('unix://')) report.error('UNSUPPORTED', `${at}.bind`, 'inbound listeners cannot bind a unix socket');
    else if (bind && !isAddress(bind)) report.error('INVALID_ADDRESS', `${at}.bind`, `"${bind}" is no IP address`);
    if (defaultEndpoint && !isEndpoint(defaultEndpoint)) {
      const hint = 'write 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///PATH';
      report.error('INVALID_ADDRESS', `${at}.defaultEndpoint`, `"${defaultEndpoint}" is no endpoint of this pod`, hint);
    }
    checkConnectionPool(listener.connectionPool, `${at}.connectionPool`, report);
    if (tls) checkIngressTls(tls, port.protocol, `${at}.tls`, report);
    if (listener.connectionPool?.http && !isHttp(port.protocol)) {
      report.warning('NO_EFFECT', `${at}.connectionPool.http`, `protocol ${port.protocol ?? 'TCP'} has no HTTP requests: only tcp acts`);
    }
  }
  report.unique(
    'DUPLICATE_PORT',
    ingress.map(({ port }, index) => ({ value: `${port.number}`, field: `spec.ingress[${index}].port`, what: `port ${port.number}` })),
  );
}

function checkIngressTls(tls: NonNullable<Listener['tls']>, protocol: string | undefined, at: string, report: Report): void {
  if (!isTls(protocol)) report.error('CONFLICTING_FIELDS', at, `protocol ${protocol ?? ''} has no TLS`, 'use protocol HTTPS or TLS');
  const { httpsRedirect, subjectAltNames, credentialName, credentialNames, tlsCertificates, mode } = tls;
  if (httpsRedirect || subjectAltNames?.length || credentialName || credentialNames?.length || tlsCertificates?.length) {
    const message = 'httpsRedirect, subjectAltNames, tlsCertificates and credentialName are for gateways';
    report.error('UNSUPPORTED', at, message, 'name certificates by file');
  }
  if (mode === 'ISTIO_MUTUAL' || mode === 'AUTO_PASSTHROUGH') report.error('UNSUPPORTED', `${at}.mode`, `mode ${mode} is for gateways`);
  checkTlsOptions(tls, at, report);
}

function isEndpoint(text: string): boolean {
  if (text.startsWith('unix://')) return /^unix:\/\/(@|\/.*[^/]$)/.test(text);
  const [, port] = /^(?:127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]|):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

function checkEgress(egress: NonNullable<Sidecar['spec']['egress']>, report: Report): void {
  for (const [index, listener] of egress.entries()) {
    const at = `spec.egress[${index}]`;
    if (listener.hosts.length === 0)
      report.error('MISSING_FIELD', `${at}.hosts`, 'at least one host is required', 'write "./*" for this namespace');
    for (const [position, host] of listener.hosts.entries()) checkEgressHost(host, `${at}.hosts[${position}]`, report);
    warnOfCoveredHosts(listener.hosts, at, report);
    if (listener.port) checkPort(listener.port, `${at}.port`, report);
    checkEgressBind(listener, at, report);
    if (!listener.port && index < egress.length - 1) {
      report.error(
        'CONFLICTING_FIELDS',
        at,
        'a listener without port takes all the rest, and must be the last',
        'give it a port, or move it to the end',
      );
    }
  }
  // Listeners of one port are one, whatever they bind; unix sockets are told apart by their path.
  const binds = egress.flatMap(({ bind, port }, index) => {
    const value = port?.number ? `port ${port.number}` : `socket ${bind ?? ''}`;
    return port ? [{ value, field: `spec.egress[${index}]`, what: value }] : [];
  });
  report.unique('DUPLICATE_PORT', binds);
}

function checkEgressBind({ bind = '', port, captureMode }: Listener, at: string, report: Report): void {
  const unix = bind.startsWith('unix://');
  if (port && !port.number) {
    if (!unix)
      report.error('MISSING_FIELD', `${at}.port.number`, 'only a unix socket has no port number', 'give a number, or bind unix:///PATH');
    if (captureMode === 'IPTABLES')
      report.error('CONFLICTING_FIELDS', `${at}.captureMode`, 'a unix socket cannot be captured', 'write NONE');
    if (unix && !/^unix:\/\/(@|\/.*[^/]$)/.test(bind))
      report.error('INVALID_ADDRESS', `${at}.bind`, `"${bind}" is no absolute path of a socket`);
  } else if (port && bind !== '' && !isAddress(bind)) report.error('INVALID_ADDRESS', `${at}.bind`, `"${bind}" is no IP address`);
}

/** `namespace/host`: the namespace may be `*`, `.` or `~` (none). */
function checkEgressHost(host: string, field: string, report: Report): void {
  const slash = host.indexOf('/');
  const [namespace, name] = [host.slice(0, Math.max(0, slash)), host.slice(slash + 1)];
  const full = name === '*' || (name.includes('.') && !isPartialWildcard(name) && isWildcardHost(name));
  if (!full || !(['*', '.', '~'].includes(namespace) || isName(namespace))) {
    const hint = 'write ./* for this namespace, */* for all, istio-system/name.example.com';
    report.error('INVALID_HOST', field, `"${host}" is not namespace/host`, hint);
  }
}

function warnOfCoveredHosts(hosts: readonly string[], at: string, report: Report): void {
  for (const [index, host] of hosts.entries()) {
    const wide = [`${host.slice(0, host.indexOf('/'))}/*`, '*/*'];
    const twice = hosts.indexOf(host) < index;
    const covered = wide.some((other) => other !== host && hosts.includes(other));
    if (twice || covered) report.warning('DUPLICATE_HOST', `${at}.hosts[${index}]`, `"${host}" is imported by another entry already`);
  }
}
