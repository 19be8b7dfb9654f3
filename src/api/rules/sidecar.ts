// What Istio asks of a Sidecar beyond its structure.
import type { Sidecar } from '../kinds/sidecar.ts';
import { checkConnectionPool } from './destination-rule.ts';
import { checkProtocol } from './gateway.ts';
import { checkDestination } from './http-route.ts';
import { checkLabels } from './metadata.ts';
import { isAddress, isDnsLabel, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';

export function checkSidecar({ spec }: Sidecar, report: Report): void {
  checkLabels('spec.workloadSelector.labels', spec.workloadSelector?.labels ?? {}, report);
  checkConnectionPool(spec.inboundConnectionPool, 'spec.inboundConnectionPool', report);
  checkIngress(spec.ingress ?? [], report);
  checkEgress(spec.egress ?? [], report);
  const { egressProxy } = spec.outboundTrafficPolicy ?? {};
  if (!egressProxy) return;
  checkDestination(egressProxy, 'spec.outboundTrafficPolicy.egressProxy', report);
  if (!egressProxy.port?.number) report.error('MISSING_FIELD', 'spec.outboundTrafficPolicy.egressProxy.port', 'this field is required');
}

function checkIngress(ingress: NonNullable<Sidecar['spec']['ingress']>, report: Report): void {
  for (const [index, listener] of ingress.entries()) {
    const at = `spec.ingress[${index}]`;
    const { port, bind, defaultEndpoint, tls } = listener;
    if (port.number === undefined) report.error('MISSING_FIELD', `${at}.port.number`, 'this field is required');
    if (port.protocol) checkProtocol(port.protocol, `${at}.port.protocol`, report);
    if (bind?.startsWith('unix://')) report.error('UNSUPPORTED', `${at}.bind`, 'inbound listeners cannot bind a unix socket');
    else if (bind && !isAddress(bind)) report.error('INVALID_ADDRESS', `${at}.bind`, `"${bind}" is no IP address`);
    if (defaultEndpoint && !isEndpoint(defaultEndpoint)) {
      const hint = 'write 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///PATH';
      report.error('INVALID_ADDRESS', `${at}.defaultEndpoint`, `"${defaultEndpoint}" is no endpoint of this pod`, hint);
    }
    checkConnectionPool(listener.connectionPool, `${at}.connectionPool`, report);
    if (tls && !/^(https|tls)$/i.test(port.protocol ?? '')) {
      report.error('CONFLICTING_FIELDS', `${at}.tls`, `protocol ${port.protocol ?? ''} has no TLS`, 'use protocol HTTPS or TLS');
    }
    if (tls?.httpsRedirect || tls?.subjectAltNames?.length || tls?.credentialName || tls?.credentialNames?.length) {
      report.error(
        'UNSUPPORTED',
        `${at}.tls`,
        'httpsRedirect, subjectAltNames and credentialName are for gateways',
        'name certificates by file',
      );
    }
  }
  report.unique(
    'DUPLICATE_PORT',
    ingress.map(({ port }, index) => ({ value: `${port.number}`, field: `spec.ingress[${index}].port`, what: `port ${port.number}` })),
  );
}

function isEndpoint(text: string): boolean {
  if (text.startsWith('unix://')) return /^unix:\/\/(\/[^/]|@.)/.test(text);
  const [, port] = /^(?:127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

function checkEgress(egress: NonNullable<Sidecar['spec']['egress']>, report: Report): void {
  for (const [index, listener] of egress.entries()) {
    const at = `spec.egress[${index}]`;
    if (listener.hosts.length === 0)
      report.error('MISSING_FIELD', `${at}.hosts`, 'at least one host is required', 'write "./*" for this namespace');
    for (const [position, host] of listener.hosts.entries()) checkEgressHost(host, `${at}.hosts[${position}]`, report);
    if (listener.port?.protocol) checkProtocol(listener.port.protocol, `${at}.port.protocol`, report);
    if (listener.bind && !isAddress(listener.bind) && !listener.bind.startsWith('unix://')) {
      report.error('INVALID_ADDRESS', `${at}.bind`, `"${listener.bind}" is neither an IP address nor a unix socket`);
    }
    if (!listener.port && index < egress.length - 1) {
      report.error(
        'CONFLICTING_FIELDS',
        at,
        'a listener without port takes all the rest, and must be the last',
        'give it a port, or move it to the end',
      );
    }
  }
  const binds = egress.flatMap(({ bind, port }, index) => {
    const value = bind?.startsWith('unix://') ? bind : `${bind ?? ''}:${port?.number ?? ''}`;
    return port ? [{ value, field: `spec.egress[${index}]`, what: `listener ${value}` }] : [];
  });
  report.unique('DUPLICATE_PORT', binds);
}

/** `namespace/host`: the namespace may be `*`, `.` or `~` (none). */
function checkEgressHost(host: string, field: string, report: Report): void {
  const [namespace = '', name = '', ...more] = host.split('/');
  const sound = (['*', '.', '~'].includes(namespace) || isDnsLabel(namespace)) && isWildcardHost(name) && more.length === 0;
  if (!sound)
    report.error(
      'INVALID_HOST',
      field,
      `"${host}" is not namespace/host`,
      'write ./* for this namespace, */* for all, istio-system/name.example.com',
    );
}
