// What Istio asks of a VirtualService beyond its structure.
import type { HttpRoute, TcpRoute, TlsRoute, VirtualService } from '../kinds/virtual-service.ts';
import { checkHttpRoute, checkWeights } from './http-route.ts';
import { isAddress, isDnsLabel, isDnsSubdomain, isHostname, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';

export function checkVirtualService({ spec }: VirtualService, report: Report): void {
  const { hosts = [], gateways = [], http = [], tcp = [], tls = [] } = spec;
  const delegated = hosts.length === 0;
  if (http.length + tcp.length + tls.length === 0)
    report.error('MISSING_FIELD', 'spec', 'it has no rule: one of http, tls, tcp is required');
  if (delegated && (tcp.length > 0 || tls.length > 0 || gateways.length > 0 || http.length === 0)) {
    const hint = 'only a delegate may have no hosts, and it has http rules alone, no gateways';
    report.error('MISSING_FIELD', 'spec.hosts', 'at least one host is required', hint);
  }
  checkHosts(hosts, gateways, report);
  for (const [index, gateway] of gateways.entries()) checkGatewayName(gateway, `spec.gateways[${index}]`, report);
  for (const [index, rule] of http.entries()) checkHttpRoute(rule, `spec.http[${index}]`, delegated, report);
  for (const [index, rule] of tcp.entries()) checkL4Route(rule, `spec.tcp[${index}]`, report);
  for (const [index, rule] of tls.entries()) checkTlsRoute(rule, `spec.tls[${index}]`, hosts, report);
  warnOfUnreachable(http, report);
}

function checkHosts(hosts: readonly string[], gateways: readonly string[], report: Report): void {
  const onMesh = gateways.length === 0 || gateways.includes('mesh');
  for (const [index, host] of hosts.entries()) {
    const field = `spec.hosts[${index}]`;
    if (!isWildcardHost(host) && !isAddress(host)) report.error('INVALID_HOST', field, `"${host}" is no name of a host`);
    if (host === '*' && onMesh) {
      report.error('INVALID_HOST', field, 'host * is not allowed for the gateway mesh', 'name the hosts, or the gateways that it is for');
    }
    const cover = hosts.findIndex((other, at) => at !== index && (other === host ? at < index : covers(other, host)));
    if (cover >= 0) report.error('DUPLICATE_HOST', field, `duplicate host: spec.hosts[${cover}] "${hosts[cover]}" covers "${host}"`);
  }
}

function covers(wildcard: string, host: string): boolean {
  return wildcard.startsWith('*') && host.length > wildcard.length - 1 && host.endsWith(wildcard.slice(1));
}

/** `mesh`, `name`, `namespace/name`, or Istio's older `name.namespace.svc…`. */
function checkGatewayName(gateway: string, field: string, report: Report): void {
  const parts = gateway.split('/');
  const [first = '', second] = parts;
  const sound = second === undefined ? isDnsSubdomain(first) : (first === '.' || isDnsLabel(first)) && isDnsSubdomain(second);
  if (!sound || parts.length > 2)
    report.error('INVALID_NAME', field, `"${gateway}" is no name of a gateway`, 'write name, namespace/name or mesh');
}

function checkL4Route(rule: TcpRoute | TlsRoute, at: string, report: Report): void {
  if (!rule.route?.length) report.error('MISSING_FIELD', `${at}.route`, 'at least one destination is required');
  checkWeights(rule.route ?? [], `${at}.route`, report);
}

function checkTlsRoute(rule: TlsRoute, at: string, hosts: readonly string[], report: Report): void {
  checkL4Route(rule, at, report);
  if (rule.match.length === 0) report.error('MISSING_FIELD', `${at}.match`, 'at least one match with sniHosts is required');
  for (const [index, { sniHosts }] of rule.match.entries()) {
    const field = `${at}.match[${index}].sniHosts`;
    if (sniHosts.length === 0) report.error('MISSING_FIELD', field, 'at least one host is required');
    for (const [position, host] of sniHosts.entries()) {
      const inHosts = hosts.some((own) => own === host || covers(own, host)) || hosts.some((own) => !own.includes('.') && isHostname(own));
      if (!isWildcardHost(host)) report.error('INVALID_HOST', `${field}[${position}]`, `"${host}" is no name of a host`);
      else if (!inHosts) report.error('INVALID_HOST', `${field}[${position}]`, `"${host}" is not among spec.hosts`, 'add it to spec.hosts');
    }
  }
}

/** The first rule without conditions takes every request. */
function warnOfUnreachable(http: readonly HttpRoute[], report: Report): void {
  const all = http.findIndex((rule) => !rule.match?.length);
  if (all >= 0 && all < http.length - 1) {
    report.warning(
      'UNREACHABLE_RULE',
      `spec.http[${all + 1}]`,
      `never reached: spec.http[${all}] takes every request before it`,
      'put the rule without match last',
    );
  }
}
