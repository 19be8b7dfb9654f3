// One virtual host: its domains, and its routes from the rules of VirtualServices or straight to a service.
import type { HttpRoute } from '#api/kinds/virtual-service';
import { Route, VirtualHost, VirtualHost_TlsRequirementType } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { typeUrl } from '#xds/resource-type';
import { grpcHost } from './grpc-host.ts';
import type { ConsistentHash } from './hash-policy.ts';
import { headerLists } from './header-operations.ts';
import { bytesOf } from './message.ts';
import type { Recipe } from './resource-cache.ts';
import { plainAction, ruleAction, statusAction, tunnelAction, untouchedAction, workloadAction } from './route-action.ts';
import { routeCors } from './route-cors.ts';
import { routeFault } from './route-fault.ts';
import { routeMatch } from './route-match.ts';
import { ruleMetadata } from './rule-metadata.ts';
import { ruleKey, ruleOf, type SelectedRule } from './selected-rule.ts';
import type { ClusterWeight } from './tcp-proxy.ts';

/** Where requests go that no rule takes. */
type Fallback =
  | { kind: 'service'; cluster: string; hashes: readonly ConsistentHash[] }
  /** To where the application was going, past the mesh. */
  | { kind: 'untouched'; name: string; cluster: string }
  /** To the proxy's own workload. */
  | { kind: 'workload'; cluster: string }
  | { kind: 'status'; name: string; status: number }
  | { kind: 'none' };

export interface VirtualHostInput {
  name: string;
  domains: readonly string[];
  rules: readonly SelectedRule[];
  /** Plain requests are sent to https. */
  redirectsToHttps?: boolean;
  /** Where a rule says nothing of retries; undefined: Istio's. */
  retries?: HttpRoute['retries'];
  fallback: Fallback;
  /** Where a CONNECT leads; without, nowhere. */
  tunnel?: readonly ClusterWeight[];
  /** Upstreams are not told how many tries there were. */
  hidesAttempts?: boolean;
  /** For a gRPC client: the cluster of the service that it dials. */
  grpcCluster?: string;
}

/** Not a resource of its own: its bytes go into route configurations. */
export const virtualHostRecipe: Recipe<VirtualHostInput> = {
  type: typeUrl.route,
  name: ({ name }) => name,
  key: ({ name, domains, rules, redirectsToHttps, retries, fallback, tunnel, hidesAttempts, grpcCluster }) =>
    JSON.stringify([name, domains, rules.map(ruleKey), redirectsToHttps, retries, fallback, tunnel, hidesAttempts, grpcCluster]),
  build: (input) => {
    const host = virtualHost(input);
    return bytesOf(VirtualHost, input.grpcCluster === undefined ? host : grpcHost(host, input.grpcCluster));
  },
};

export function virtualHost(input: VirtualHostInput): Partial<VirtualHost> {
  const { name, domains, rules, redirectsToHttps, retries, fallback, tunnel, hidesAttempts = false } = input;
  const routes = rules.flatMap((rule) => ruleRoutes(rule, retries));
  return {
    name,
    domains: [...domains],
    // No other route takes a CONNECT, and this one takes nothing else.
    routes: [...routes, ...fallbackRoutes(fallback, retries), ...(tunnel?.length ? [tunnelRoute(tunnel)] : [])],
    ...(redirectsToHttps && { requireTls: VirtualHost_TlsRequirementType.ALL }),
    includeRequestAttemptCount: !hidesAttempts,
  };
}

function fallbackRoutes(fallback: Fallback, retries: HttpRoute['retries']): Route[] {
  const always = { match: routeMatch(undefined) };
  switch (fallback.kind) {
    case 'service':
      return [Route.fromPartial({ ...always, name: 'default', action: plainAction(fallback.cluster, fallback.hashes, retries) })];
    case 'untouched':
      return [Route.fromPartial({ ...always, name: fallback.name, action: untouchedAction(fallback.cluster) })];
    case 'workload':
      return [Route.fromPartial({ ...always, name: 'default', action: workloadAction(fallback.cluster) })];
    case 'status':
      return [Route.fromPartial({ ...always, name: fallback.name, action: statusAction(fallback.status) })];
    case 'none':
      return [];
  }
}

function tunnelRoute(clusters: readonly ClusterWeight[]): Route {
  return Route.fromPartial({
    name: 'connect',
    match: { pathSpecifier: { $case: 'connectMatcher', value: {} } },
    action: tunnelAction(clusters),
  });
}

/** One route for each of the rule's matches; they differ in nothing else. */
function ruleRoutes(selected: SelectedRule, retries: HttpRoute['retries']): Route[] {
  const rule = ruleOf(selected);
  const [only] = rule.route ?? [];
  const extra = rule.route?.length === 1 ? headerLists(only?.headers) : headerLists(undefined);
  const own = headerLists(rule.headers);
  const shared = {
    metadata: ruleMetadata(selected.service, `spec.http[${selected.index}]`),
    typedPerFilterConfig: { ...routeFault(rule.fault), ...routeCors(rule.corsPolicy) },
    requestHeadersToAdd: [...own.requestHeadersToAdd, ...extra.requestHeadersToAdd],
    requestHeadersToRemove: [...own.requestHeadersToRemove, ...extra.requestHeadersToRemove],
    responseHeadersToAdd: [...own.responseHeadersToAdd, ...extra.responseHeadersToAdd],
    responseHeadersToRemove: [...own.responseHeadersToRemove, ...extra.responseHeadersToRemove],
  };
  const matches = selected.matches.length > 0 ? selected.matches.map((i) => rule.match?.[i]) : [undefined];
  return matches.map((match) => {
    return Route.fromPartial({
      ...shared,
      name: [rule.name, match?.name].filter(Boolean).join('.'),
      ...(match?.statPrefix && { statPrefix: match.statPrefix }),
      match: routeMatch(match),
      action: ruleAction(selected, retries),
    });
  });
}
