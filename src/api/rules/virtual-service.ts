// What Istio asks of a VirtualService beyond its structure.
import type { TcpRoute, TlsRoute, VirtualService } from '../kinds/virtual-service.ts';
import { checkExportTo } from './export-to.ts';
import { checkGatewayNames } from './gateway-name.ts';
import { checkHttpRoute, checkWeights } from './http-route.ts';
import { checkLabels } from './metadata.ts';
import { isAddress, isAddressRange, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';
import { warnOfUnusedRules } from './unused-rules.ts';

export function checkVirtualService({ spec = {}, metadata }: VirtualService, report: Report): void {
  const { hosts = [], gateways = [], http = [], tcp = [], tls = [] } = spec;
  const delegated = hosts.length === 0;
  if (http.length + tcp.length + tls.length === 0)
    report.error('MISSING_FIELD', 'spec', 'it has no rule: one of http, tls, tcp is required');
  if (delegated && (tcp.length > 0 || tls.length > 0 || gateways.length > 0)) {
    const hint = 'only a delegate may have no hosts, and it has http rules alone, no gateways';
    report.error('MISSING_FIELD', 'spec.hosts', 'at least one host is required', hint);
  }
  const forGateways = gateways.length > 0 && !gateways.includes('mesh');
  const bySni = tls.some(({ match }) => match.some(({ sniHosts }) => sniHosts.length > 0));
  checkHosts(hosts, gateways, forGateways && bySni, report);
  checkGatewayNames(gateways, 'spec.gateways', report);
  for (const [index, rule] of http.entries()) checkHttpRoute(rule, `spec.http[${index}]`, { delegated, forGateways }, report);
  for (const [index, rule] of tcp.entries()) checkTcpRoute(rule, `spec.tcp[${index}]`, report);
  for (const [index, rule] of tls.entries()) checkTlsRoute(rule, `spec.tls[${index}]`, hosts, forGateways, report);
  checkExportTo(spec.exportTo, metadata.namespace ?? '', {}, report);
  warnOfUnusedRules(spec, report);
}

/** A gateway that routes by SNI also takes Istio's own names of clusters: `outbound_.80_.v1_.reviews.default.svc…`. */
function isRoutedHost(host: string, bySni: boolean): boolean {
  return isWildcardHost(host) || (bySni && host.startsWith('outbound_.'));
}

function checkHosts(hosts: readonly string[], gateways: readonly string[], bySni: boolean, report: Report): void {
  const onMesh = gateways.length === 0 || gateways.includes('mesh');
  for (const [index, host] of hosts.entries()) {
    const field = `spec.hosts[${index}]`;
    if (!isRoutedHost(host, bySni) && !isAddress(host)) report.error('INVALID_HOST', field, `"${host}" is no name of a host`);
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

function checkTcpRoute(rule: TcpRoute, at: string, report: Report): void {
  checkDestinations(rule, at, report);
  for (const [index, match] of (rule.match ?? []).entries()) checkL4Match(match, `${at}.match[${index}]`, report);
}

function checkDestinations(rule: TcpRoute | TlsRoute, at: string, report: Report): void {
  if (!rule.route?.length) report.error('MISSING_FIELD', `${at}.route`, 'at least one destination is required');
  checkWeights(rule.route ?? [], `${at}.route`, report);
}

type L4Match = NonNullable<TcpRoute['match']>[number] | TlsRoute['match'][number];

function checkL4Match({ destinationSubnets = [], sourceLabels = {}, gateways = [] }: L4Match, at: string, report: Report): void {
  for (const [index, subnet] of destinationSubnets.entries()) {
    const field = `${at}.destinationSubnets[${index}]`;
    if (!isAddressRange(subnet)) report.error('INVALID_ADDRESS', field, `"${subnet}" is neither an IP address nor a CIDR range`);
  }
  checkLabels(`${at}.sourceLabels`, sourceLabels, report);
  checkGatewayNames(gateways, `${at}.gateways`, report);
}

function checkTlsRoute(rule: TlsRoute, at: string, hosts: readonly string[], forGateways: boolean, report: Report): void {
  checkDestinations(rule, at, report);
  if (rule.match.length === 0) report.error('MISSING_FIELD', `${at}.match`, 'at least one match with sniHosts is required');
  for (const [index, match] of rule.match.entries()) {
    checkL4Match(match, `${at}.match[${index}]`, report);
    const field = `${at}.match[${index}].sniHosts`;
    if (match.sniHosts.length === 0) report.error('MISSING_FIELD', field, 'at least one host is required');
    for (const [position, host] of match.sniHosts.entries()) checkSniHost(host, `${field}[${position}]`, hosts, forGateways, report);
  }
}

function checkSniHost(host: string, field: string, hosts: readonly string[], forGateways: boolean, report: Report): void {
  if (isAddress(host)) report.warning('INVALID_HOST', field, `"${host}" is an address: clients send names only (RFC 6066)`);
  else if (!isRoutedHost(host, forGateways)) report.error('INVALID_HOST', field, `"${host}" is no name of a host`);
  else if (!hosts.some((own) => own === host || covers(own, host))) {
    report.error('INVALID_HOST', field, `"${host}" is not among spec.hosts`, 'add it to spec.hosts');
  }
}
