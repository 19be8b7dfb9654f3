// Which DestinationRules and VirtualServices act on a service, and which of their routes lead to a pod. Pure.
import { destinationRules } from '#analysis/destination-rules';
import { gatewayNamed } from '#analysis/gateway-reference';
import { fullHost, hostWithin } from '#analysis/host';
import { podsOf, selectorText, selects } from '#analysis/labels';
import type { Resources } from '#analysis/resources';
import type { ApiObject } from '#api/kind';
import type { DestinationRule, TrafficPolicy } from '#api/kinds/destination-rule';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import type { Destination, HttpMatch, StringMatch, VirtualService } from '#api/kinds/virtual-service';
import { originOf } from '#api/origin';

/** The service that is looked at; with a pod, what leads to that pod. */
export interface Subject {
  service: Service;
  pod: Pod | undefined;
}

export const hostOf = ({ metadata }: Service): string => fullHost(metadata.name, metadata.namespace ?? '');

export function describeRouting(subject: Subject, resources: Resources): string[] {
  const rules = resources.derived(destinationRules).covering(hostOf(subject.service));
  const routes = virtualServicesTo(subject, resources);
  return [
    ...rules.flatMap((rule) => describeDestinationRule(rule, subject, resources)),
    ...routes.filter(isForMesh).flatMap((virtualService) => describeVirtualService(virtualService, subject, rules)),
    ...routes.flatMap((virtualService) => describeExposure(virtualService, subject, rules, resources)),
  ];
}

function describeDestinationRule(rule: DestinationRule, { service, pod }: Subject, resources: Resources): string[] {
  const { host, subsets = [], trafficPolicy } = rule.spec;
  const lines = [`DestinationRule: ${labelOf(rule, service)} for "${host}"`];
  const candidates = pod ? [pod] : podsOf(resources, service.spec.selector ?? {}, service.metadata.namespace);
  const [matching, others] = partition(subsets, (subset) =>
    candidates.some(({ metadata }) => selects(subset.labels ?? {}, metadata.labels)),
  );
  const names = (some: typeof subsets) => some.map(({ name }) => name).join(',');
  if (matching.length > 0) lines.push(`   Matching subsets: ${names(matching)}`);
  if (others.length > 0 && pod) lines.push(`   ${matching.length > 0 ? '   ' : 'WARNING: '}Non-matching subsets: ${names(others)}`);
  if (!pod) for (const { name, labels = {} } of others) lines.push(`   WARNING: subset ${name} (${selectorText(labels)}) has no pods`);
  lines.push(...describePolicy(trafficPolicy));
  return lines;
}

function describePolicy(policy: TrafficPolicy | undefined): string[] {
  if (!policy) return ['   No Traffic Policy'];
  const words = [
    ...(policy.tls?.mode ? [`TLS mode: ${policy.tls.mode}`] : []),
    ...(['loadBalancer', 'connectionPool', 'outlierDetection', 'tunnel'] as const).filter((part) => policy[part]).map(spaced),
    ...(policy.portLevelSettings?.length ? ['port level settings'] : []),
  ];
  return [`   Traffic Policy: ${words.join(', ') || 'empty'}`];
}

const spaced = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function virtualServicesTo({ service }: Subject, resources: Resources): VirtualService[] {
  const host = hostOf(service);
  return resources.all<VirtualService>('networking.istio.io/VirtualService').filter((virtualService) => {
    const { namespace = '' } = virtualService.metadata;
    const own = (virtualService.spec.hosts ?? []).some((each) => isForMesh(virtualService) && hostWithin(host, fullHost(each, namespace)));
    return own || waysOf(virtualService).some(({ destinations }) => destinations.some((each) => fullHost(each.host, namespace) === host));
  });
}

const isForMesh = ({ spec }: VirtualService) => !spec.gateways?.length || spec.gateways.includes('mesh');

interface Way {
  field: string;
  match: string;
  destinations: readonly (Destination & { weight?: number })[];
  /** What is answered without a destination. */
  instead?: string;
}

function waysOf({ spec }: VirtualService): Way[] {
  const http = (spec.http ?? []).map((rule, index): Way => {
    const instead = rule.redirect ? 'a redirect' : rule.directResponse ? 'a direct response' : rule.delegate ? 'a delegate' : undefined;
    return {
      field: `spec.http[${index}]`,
      match: rule.match?.length ? rule.match.map(describeHttpMatch).join(' or ') : '(everything)',
      destinations: (rule.route ?? []).map(({ destination, weight }) => ({ ...destination, ...(weight !== undefined && { weight }) })),
      ...(instead && { instead }),
    };
  });
  const tls = (spec.tls ?? []).map(
    (rule, index): Way => ({
      field: `spec.tls[${index}]`,
      match: `SNI ${rule.match.flatMap(({ sniHosts }) => sniHosts).join(',')}`,
      destinations: (rule.route ?? []).map(({ destination }) => destination),
    }),
  );
  const tcp = (spec.tcp ?? []).map(
    (rule, index): Way => ({
      field: `spec.tcp[${index}]`,
      match: rule.match?.map(({ port }) => (port === undefined ? 'TCP' : `port ${port}`)).join(' or ') || '(every connection)',
      destinations: (rule.route ?? []).map(({ destination }) => destination),
    }),
  );
  return [...http, ...tls, ...tcp];
}

function describeVirtualService(virtualService: VirtualService, subject: Subject, rules: readonly DestinationRule[]): string[] {
  const ways = waysOf(virtualService);
  const reaching = ways.filter((way) => way.destinations.some((each) => leadsTo(each, virtualService, subject, rules) === 'yes'));
  const lines = [`VirtualService: ${labelOf(virtualService, subject.service)}`];
  for (const way of ways) lines.push(...describeWay(way, virtualService, subject, rules).map((line) => `   ${line}`));
  if (reaching.length === 0) lines.push(`   WARNING: none of ${ways.length} routes leads to this ${subject.pod ? 'pod' : 'service'}`);
  return lines;
}

function describeWay(way: Way, virtualService: VirtualService, subject: Subject, rules: readonly DestinationRule[]): string[] {
  const line = originOf(virtualService, way.field);
  const place = line ? ` (${line.file}:${line.line})` : '';
  if (way.destinations.length === 0) return [`${way.match}: ${way.instead ?? 'nothing'}${place}`];
  return way.destinations.map((destination) => {
    const { host, subset, weight } = destination;
    const named = `${host}${subset === undefined ? '' : ` subset ${subset}`}${weight === undefined || weight === 0 ? '' : `, weight ${weight}%`}`;
    const reach = { yes: 'Route to', subset: 'Route to non-matching', host: 'Route to another service,' }[
      leadsTo(destination, virtualService, subject, rules)
    ];
    return `${reach} ${named} for ${way.match}${place}`;
  });
}

/** `subset`: to the service, but to pods with other labels. */
function leadsTo(
  { host, subset }: Destination,
  { metadata }: VirtualService,
  { service, pod }: Subject,
  rules: readonly DestinationRule[],
): 'yes' | 'subset' | 'host' {
  if (fullHost(host, metadata.namespace ?? '') !== hostOf(service)) return 'host';
  if (subset === undefined || !pod) return 'yes';
  const defined = rules.flatMap(({ spec }) => spec.subsets ?? []).find(({ name }) => name === subset);
  return defined && selects(defined.labels ?? {}, pod.metadata.labels) ? 'yes' : 'subset';
}

/** Through which Gateways it can be reached from outside. */
function describeExposure(
  virtualService: VirtualService,
  subject: Subject,
  rules: readonly DestinationRule[],
  resources: Resources,
): string[] {
  const { spec, metadata } = virtualService;
  return (spec.gateways ?? []).flatMap((name) => {
    if (name === 'mesh') return [];
    const gateway = gatewayNamed(name, metadata.namespace ?? '', resources);
    if (!gateway)
      return [`WARNING: VirtualService ${labelOf(virtualService, subject.service)} names Gateway ${name}, which does not exist`];
    const ports = (gateway.spec.servers ?? []).map(({ port, hosts }) => `${port.number}/${port.protocol} for ${(hosts ?? []).join(',')}`);
    const ways = waysOf(virtualService).filter(({ destinations }) =>
      destinations.some((each) => leadsTo(each, virtualService, subject, rules) === 'yes'),
    );
    return [
      `Exposed on Gateway ${labelOf(gateway, subject.service)}: ${ports.join('; ') || 'no servers'}`,
      `   VirtualService: ${labelOf(virtualService, subject.service)} for ${(spec.hosts ?? []).join(',')}`,
      ...ways.map(({ match }) => `      Match: ${match}`),
      ...(ways.length === 0 ? ['      WARNING: no route of it leads here'] : []),
    ];
  });
}

function describeHttpMatch(match: HttpMatch): string {
  const strings = (what: string, all: Readonly<Record<string, Partial<StringMatch>>> = {}) =>
    Object.entries(all).map(([name, value]) => `${what}${name}${describeString(value)}`);
  const words = [
    ...(match.uri ? [describeString(match.uri).slice(1)] : []),
    ...(['scheme', 'method', 'authority'] as const).flatMap((part) => (match[part] ? [`${part}${describeString(match[part])}`] : [])),
    ...strings('', match.headers),
    ...strings('without ', match.withoutHeaders),
    ...strings('?', match.queryParams),
    ...(match.port === undefined ? [] : [`port ${match.port}`]),
    ...(match.sourceLabels ? [`from ${selectorText(match.sourceLabels)}`] : []),
    ...(match.sourceNamespace ? [`from namespace ${match.sourceNamespace}`] : []),
    ...(match.gateways?.length ? [`at ${match.gateways.join(',')}`] : []),
  ];
  return words.join(' ') || '(everything)';
}

function describeString(match: Partial<StringMatch>): string {
  const { exact, prefix, regex } = match as { exact?: string; prefix?: string; regex?: string };
  if (exact !== undefined) return `=${exact}`;
  if (prefix !== undefined) return `=${prefix}*`;
  return regex === undefined ? '' : `~${regex}`;
}

/** Without the namespace where it is that of the service. */
function labelOf({ metadata }: ApiObject, service: Service): string {
  return metadata.namespace === service.metadata.namespace ? metadata.name : `${metadata.name}.${metadata.namespace}`;
}

function partition<T>(all: readonly T[], test: (each: T) => boolean): [T[], T[]] {
  return [all.filter(test), all.filter((each) => !test(each))];
}
