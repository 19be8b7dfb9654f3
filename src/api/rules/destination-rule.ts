// What Istio asks of a DestinationRule beyond its structure.
import type { DestinationRule, TrafficPolicy } from '../kinds/destination-rule.ts';
import { checkExportTo } from './export-to.ts';
import { checkLoadBalancer } from './load-balancer.ts';
import { checkLabels } from './metadata.ts';
import { isAddress, isHostname, isName, isWildcardHost } from './names.ts';
import { warnOfEmptySelector } from './policy-target.ts';
import type { Report } from './report.ts';

export function checkDestinationRule({ spec, metadata }: DestinationRule, report: Report): void {
  if (!isWildcardHost(spec.host)) report.error('INVALID_HOST', 'spec.host', `"${spec.host}" is no name of a host`);
  if (spec.trafficPolicy) checkTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy', report);
  const subsets = spec.subsets ?? [];
  for (const [index, subset] of subsets.entries()) {
    const at = `spec.subsets[${index}]`;
    if (!isName(subset.name))
      report.error('INVALID_NAME', `${at}.name`, `"${subset.name}" is no name of a subset`, 'use letters, digits and "-", at most 63');
    checkLabels(`${at}.labels`, subset.labels ?? {}, report);
    if (subset.trafficPolicy) checkTrafficPolicy(subset.trafficPolicy, `${at}.trafficPolicy`, report);
  }
  report.unique(
    'DUPLICATE_SUBSET',
    subsets.map(({ name }, index) => ({ value: name, field: `spec.subsets[${index}].name`, what: `subset "${name}"` })),
  );
  checkExportTo(spec.exportTo, metadata.namespace ?? '', { ownOnly: spec.workloadSelector !== undefined }, report);
  warnOfEmptySelector(spec.workloadSelector && (spec.workloadSelector.matchLabels ?? {}), 'spec.workloadSelector', report);
}

function checkTrafficPolicy(policy: TrafficPolicy, at: string, report: Report): void {
  if (Object.keys(policy).length === 0) report.error('MISSING_FIELD', at, 'one field at least is required');
  if (policy.tunnel && policy.proxyProtocol) report.error('CONFLICTING_FIELDS', at, 'tunnel and proxyProtocol exclude each other');
  checkPortPolicy(policy, at, report);
  for (const [index, settings] of (policy.portLevelSettings ?? []).entries()) {
    const place = `${at}.portLevelSettings[${index}]`;
    const { port, ...rest } = settings;
    if (port?.number === undefined) report.error('MISSING_FIELD', `${place}.port.number`, 'this field is required');
    if (Object.keys(rest).length === 0) report.error('MISSING_FIELD', place, 'one field beside port is required');
    checkPortPolicy(settings, place, report);
  }
  const { protocol, targetHost = '' } = policy.tunnel ?? {};
  if (!['CONNECT', 'POST', undefined, ''].includes(protocol)) {
    report.error('UNKNOWN_VALUE', `${at}.tunnel.protocol`, `unknown value "${protocol}": must be CONNECT or POST`);
  }
  if (policy.tunnel && !isHostname(targetHost) && !isAddress(targetHost)) {
    report.error('INVALID_HOST', `${at}.tunnel.targetHost`, `"${targetHost}" is neither the name of a host nor an IP address`);
  }
}

type PortPolicy = Pick<TrafficPolicy, 'connectionPool' | 'outlierDetection' | 'tls' | 'loadBalancer'>;

function checkPortPolicy(policy: PortPolicy, at: string, report: Report): void {
  checkConnectionPool(policy.connectionPool, `${at}.connectionPool`, report);
  checkClientTls(policy.tls, `${at}.tls`, report);
  checkOutlierDetection(policy.outlierDetection, `${at}.outlierDetection`, report);
  checkLoadBalancer(policy.loadBalancer, policy.outlierDetection !== undefined, `${at}.loadBalancer`, report);
}

function checkOutlierDetection(outlier: TrafficPolicy['outlierDetection'], at: string, report: Report): void {
  if (!outlier) return;
  if (outlier.consecutiveErrors) {
    report.warning('DEPRECATED', `${at}.consecutiveErrors`, 'is deprecated', 'use consecutive5xxErrors or consecutiveGatewayErrors');
  }
  if (outlier.consecutiveLocalOriginFailures && !outlier.splitExternalLocalOriginErrors) {
    const message = 'local failures are not counted apart unless splitExternalLocalOriginErrors is true';
    report.error('CONFLICTING_FIELDS', `${at}.consecutiveLocalOriginFailures`, message);
  }
  if (outlier.maxEjectionPercent === 0 && outlier.baseEjectionTime) {
    report.warning('NO_EFFECT', `${at}.maxEjectionPercent`, 'nothing is ever ejected at 0 percent');
  }
}

const pooledCounts = {
  http: ['http1MaxPendingRequests', 'http2MaxRequests', 'maxRequestsPerConnection', 'maxRetries', 'maxConcurrentStreams'],
  tcp: ['maxConnections'],
} as const;

/** Of DestinationRule and Sidecar. */
export function checkConnectionPool(pool: TrafficPolicy['connectionPool'], at: string, report: Report): void {
  if (!pool) return;
  if (!pool.http && !pool.tcp) report.error('MISSING_FIELD', at, 'one of tcp, http is required');
  for (const [protocol, names] of Object.entries(pooledCounts)) {
    const settings = pool[protocol as 'http' | 'tcp'] as Record<string, unknown> | undefined;
    for (const name of names) {
      const count = settings?.[name];
      if (typeof count === 'number' && count < 0)
        report.error('OUT_OF_RANGE', `${at}.${protocol}.${name}`, `must be at least 0, not ${count}`);
    }
  }
  if (pool.http?.useClientProtocol && pool.http.h2UpgradePolicy === 'UPGRADE') {
    report.error('CONFLICTING_FIELDS', `${at}.http.useClientProtocol`, "the client's protocol cannot be kept and upgraded at once");
  }
}

function checkClientTls(tls: TrafficPolicy['tls'], at: string, report: Report): void {
  if (!tls) return;
  const { mode = 'DISABLE', credentialName, clientCertificate, privateKey, caCertificates, caCrl, subjectAltNames } = tls;
  const originates = mode === 'SIMPLE' || mode === 'MUTUAL';
  const verified = caCertificates || subjectAltNames || (mode === 'SIMPLE' && credentialName);
  if (tls.insecureSkipVerify && originates && verified) {
    const message = 'skipping verification excludes caCertificates, subjectAltNames and, in mode SIMPLE, credentialName';
    report.error('CONFLICTING_FIELDS', `${at}.insecureSkipVerify`, message);
  }
  if (originates && credentialName) {
    if (clientCertificate || privateKey || caCertificates || caCrl) {
      report.error('CONFLICTING_FIELDS', at, 'credentialName and certificates by file exclude each other');
    }
  } else if (mode === 'MUTUAL') {
    for (const [name, value] of Object.entries({ clientCertificate, privateKey })) {
      if (!value) report.error('MISSING_FIELD', `${at}.${name}`, `mode MUTUAL requires ${name}`, 'or give a credentialName');
    }
  }
}
