// Which HTTP rules of a VirtualService hold for one proxy at one port: those with a match whose source conditions the
// proxy fulfils. What a proxy can know beforehand is decided here; the rest becomes route matches.
import type { Destination, HttpMatch, HttpRoute } from '#api/kinds/virtual-service';
import { selects } from '#control/mesh/service';
import { type MeshVirtualService, resolveGateway } from '#control/mesh/traffic-resource';
import type { SidecarScope } from '#control/view/sidecar-scope';
import { type DestinationContext, destinationCluster } from './destination.ts';
import { type ConsistentHash, consistentHashes } from './hash-policy.ts';
import { mirrorsOf } from './route-mirror.ts';

export interface RuleContext extends DestinationContext {
  /** `mesh`, or `namespace/name` of the Gateway. */
  gateway: string;
  namespace: string;
  labels: Readonly<Record<string, string>>;
  scope: SidecarScope;
  /** What `match.port` is compared with. */
  matchPort: number;
  /** Requests come by TLS that ends there. */
  secure: boolean;
}

export interface SelectedRule {
  service: MeshVirtualService;
  /** Of `spec.http`. */
  index: number;
  /** Of the rule's `match`; empty: every request. */
  matches: readonly number[];
  /** Of each entry of `route`. */
  clusters: readonly string[];
  /** Of each mirror. */
  mirrorClusters: readonly string[];
  /** Where requests come in. */
  port: number;
  /** By TLS. */
  secure: boolean;
  /** What requests are hashed by, where `clusters` ask for it. */
  hashes: readonly ConsistentHash[];
}

export function selectRules(service: MeshVirtualService, context: RuleContext): SelectedRule[] {
  const selected: SelectedRule[] = [];
  for (const [index, rule] of (service.object.spec.http ?? []).entries()) {
    if (!rule.route?.length && !rule.redirect && !rule.directResponse) continue; // a delegate that is not there
    const all = rule.match ?? [];
    const matches = all.flatMap((match, i) => (holds(match, service, context) ? [i] : []));
    if (all.length > 0 && matches.length === 0) continue;
    const clusterOf = ({ destination }: { destination: Destination }) => destinationCluster(destination, service.namespace, context);
    const clusters = (rule.route ?? []).map(clusterOf);
    selected.push({
      service,
      index,
      matches,
      clusters,
      hashes: consistentHashes(context.scope, clusters),
      mirrorClusters: mirrorsOf(rule).map(clusterOf),
      port: context.listenerPort,
      secure: context.secure,
    });
    // What comes after a rule for every request is never reached.
    if (all.length === 0 || matches.some((i) => isCatchAll(all[i]))) break;
  }
  return selected;
}

export function ruleOf({ service, index }: SelectedRule): HttpRoute {
  return service.object.spec.http?.[index] ?? {};
}

/** Of everything that a rule's routes are made from. */
export function ruleKey({ service, index, matches, clusters, mirrorClusters, hashes, port, secure }: SelectedRule): string {
  const hashed = hashes.length > 0 ? JSON.stringify(hashes) : '';
  return `${service.stamp}:${index}:${matches.join(',')}:${clusters.join(',')}:${mirrorClusters.join(',')}:${port}${secure ? 's' : ''}:${hashed}`;
}

function holds(match: HttpMatch, service: MeshVirtualService, context: RuleContext): boolean {
  if (match.gateways && match.gateways.length > 0) {
    if (!match.gateways.some((name) => resolveGateway(name, service.namespace) === context.gateway)) return false;
  } else if (!service.gateways.includes(context.gateway)) {
    return false;
  }
  if (match.port !== undefined && match.port !== context.matchPort) return false;
  if (match.sourceNamespace && match.sourceNamespace !== context.namespace) return false;
  return !match.sourceLabels || selects(match.sourceLabels, context.labels);
}

const requestConditions = ['uri', 'scheme', 'method', 'authority', 'headers', 'withoutHeaders', 'queryParams'] as const;

function isCatchAll(match: HttpMatch | undefined): boolean {
  if (!match) return false;
  return requestConditions.every((name) => match[name] === undefined || (name === 'uri' && match.uri?.prefix === '/'));
}
