// What Istio asks of a DestinationRule beyond its structure.
import type { DestinationRule, TrafficPolicy } from '../kinds/destination-rule.ts';
import { checkLabels } from './metadata.ts';
import { isDnsLabel, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';

export function checkDestinationRule({ spec }: DestinationRule, report: Report): void {
  if (!isWildcardHost(spec.host)) report.error('INVALID_HOST', 'spec.host', `"${spec.host}" is no name of a host`);
  if (spec.trafficPolicy) checkTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy', report);
  const subsets = spec.subsets ?? [];
  for (const [index, subset] of subsets.entries()) {
    const at = `spec.subsets[${index}]`;
    if (!isDnsLabel(subset.name))
      report.error('INVALID_NAME', `${at}.name`, `"${subset.name}" is no name of a subset`, 'use lower-case letters, digits and "-"');
    checkLabels(`${at}.labels`, subset.labels ?? {}, report);
    if (subset.trafficPolicy) checkTrafficPolicy(subset.trafficPolicy, `${at}.trafficPolicy`, report);
  }
  report.unique(
    'DUPLICATE_SUBSET',
    subsets.map(({ name }, index) => ({ value: name, field: `spec.subsets[${index}].name`, what: `subset "${name}"` })),
  );
}

function checkTrafficPolicy(policy: TrafficPolicy, at: string, report: Report): void {
  checkPortPolicy(policy, at, report);
  const ports = policy.portLevelSettings ?? [];
  for (const [index, settings] of ports.entries()) {
    const place = `${at}.portLevelSettings[${index}]`;
    if (settings.port?.number === undefined) report.error('MISSING_FIELD', `${place}.port.number`, 'this field is required');
    checkPortPolicy(settings, place, report);
  }
  if (policy.tunnel && !['CONNECT', 'POST', undefined, ''].includes(policy.tunnel.protocol)) {
    report.error('UNKNOWN_VALUE', `${at}.tunnel.protocol`, `unknown value "${policy.tunnel.protocol}": must be CONNECT or POST`);
  }
}

type PortPolicy = Pick<TrafficPolicy, 'connectionPool' | 'outlierDetection' | 'tls' | 'loadBalancer'>;

function checkPortPolicy(policy: PortPolicy, at: string, report: Report): void {
  checkConnectionPool(policy.connectionPool, `${at}.connectionPool`, report);
  checkClientTls(policy.tls, `${at}.tls`, report);
  const { maxRetries, http1MaxPendingRequests } = policy.connectionPool?.http ?? {};
  for (const [name, value] of Object.entries({ maxRetries, http1MaxPendingRequests })) {
    if (value !== undefined && value < 0)
      report.error('OUT_OF_RANGE', `${at}.connectionPool.http.${name}`, `must be at least 0, not ${value}`);
  }
  const { baseEjectionTime, maxEjectionPercent } = policy.outlierDetection ?? {};
  if (maxEjectionPercent === 0 && baseEjectionTime) {
    report.warning('NO_EFFECT', `${at}.outlierDetection.maxEjectionPercent`, 'nothing is ever ejected at 0 percent');
  }
}

/** Of DestinationRule and Sidecar. */
export function checkConnectionPool(pool: TrafficPolicy['connectionPool'], at: string, report: Report): void {
  if (!pool) return;
  if (!pool.http && !pool.tcp) report.error('MISSING_FIELD', at, 'one of tcp, http is required');
  const { maxConnections } = pool.tcp ?? {};
  if (maxConnections !== undefined && maxConnections < 0) {
    report.error('OUT_OF_RANGE', `${at}.tcp.maxConnections`, `must be at least 0, not ${maxConnections}`);
  }
}

function checkClientTls(tls: TrafficPolicy['tls'], at: string, report: Report): void {
  if (!tls) return;
  const { mode = 'DISABLE', credentialName, clientCertificate, privateKey, caCertificates } = tls;
  if (mode === 'MUTUAL' && !credentialName) {
    if (!clientCertificate)
      report.error('MISSING_FIELD', `${at}.clientCertificate`, 'mode MUTUAL requires a client certificate', 'or give a credentialName');
    if (!privateKey) report.error('MISSING_FIELD', `${at}.privateKey`, 'mode MUTUAL requires a private key', 'or give a credentialName');
  }
  const own = clientCertificate || privateKey || caCertificates || credentialName;
  if (mode === 'ISTIO_MUTUAL' && own) {
    report.error(
      'CONFLICTING_FIELDS',
      at,
      'mode ISTIO_MUTUAL uses the certificates of the mesh',
      'leave certificates, keys and credentialName out',
    );
  }
  if (credentialName && (clientCertificate || privateKey || caCertificates)) {
    report.error('CONFLICTING_FIELDS', at, 'credentialName and certificates by file exclude each other');
  }
  if (tls.insecureSkipVerify && (caCertificates || tls.subjectAltNames?.length || (mode === 'SIMPLE' && credentialName))) {
    report.error(
      'CONFLICTING_FIELDS',
      `${at}.insecureSkipVerify`,
      'skipping verification excludes caCertificates, subjectAltNames and credentialName',
    );
  }
}
