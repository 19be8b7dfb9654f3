// What a rule of a VirtualService does with a request, as Envoy's route actions.

import type { HttpRoute } from '#api/kinds/virtual-service';
import {
  DirectResponseAction,
  RedirectAction,
  RedirectAction_RedirectResponseCode as RedirectCode,
  type Route,
  RouteAction,
  type WeightedCluster_ClusterWeight,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { durationMs } from '#foundation/duration';
import { type ConsistentHash, hashPolicies } from './hash-policy.ts';
import { headerLists, hostHeader } from './header-operations.ts';
import { durationOf } from './message.ts';
import { retryPolicy, workloadRetryPolicy } from './retry-policy.ts';
import { regexMatcher } from './route-match.ts';
import { mirrorPolicies } from './route-mirror.ts';
import { ruleOf, type SelectedRule } from './selected-rule.ts';
import type { ClusterWeight } from './tcp-proxy.ts';

type Action = NonNullable<Route['action']>;
type ActionPartial = Parameters<typeof RouteAction.fromPartial>[0];

/** `retries`: of rules that say nothing. */
export function ruleAction(selected: SelectedRule, retries: HttpRoute['retries']): Action {
  const rule = ruleOf(selected);
  if (rule.redirect) return { $case: 'redirect', value: redirect(rule.redirect, selected) };
  if (rule.directResponse) return { $case: 'directResponse', value: directResponse(rule.directResponse) };
  return { $case: 'route', value: { ...forward(rule, selected, retries), hashPolicy: hashPolicies(selected.hashes) } };
}

/** To a service for which no rule is written: no timeout, the mesh's default retries. */
export function plainAction(cluster: string, hashes: readonly ConsistentHash[], retries: HttpRoute['retries']): Action {
  return {
    $case: 'route',
    value: RouteAction.fromPartial({
      clusterSpecifier: { $case: 'cluster', value: cluster },
      ...limits(undefined),
      retryPolicy: retryPolicy(undefined, retries, false),
      hashPolicy: hashPolicies(hashes),
    }),
  };
}

/** Past the mesh, or to the workload itself: neither timeout nor retries. */
export function untouchedAction(cluster: string): Action {
  return {
    $case: 'route',
    value: RouteAction.fromPartial({ clusterSpecifier: { $case: 'cluster', value: cluster }, ...limits(undefined) }),
  };
}

/** To the proxy's own workload: a program that is being started again is waited for, as nothing reached the old one. */
export function workloadAction(cluster: string): Action {
  const value = RouteAction.fromPartial({ clusterSpecifier: { $case: 'cluster', value: cluster }, ...limits(undefined) });
  return { $case: 'route', value: { ...value, retryPolicy: workloadRetryPolicy() } };
}

/** A CONNECT ends here: the tunnel's bytes go to one of the clusters. At least one. */
export function tunnelAction(clusters: readonly ClusterWeight[]): Action {
  const [only] = clusters;
  return {
    $case: 'route',
    value: RouteAction.fromPartial({
      clusterSpecifier:
        clusters.length === 1 && only
          ? { $case: 'cluster', value: only.name }
          : { $case: 'weightedClusters', value: { clusters: clusters.map(({ name, weight }) => ({ name, weight })) } },
      ...limits(undefined),
      upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
    }),
  };
}

export function statusAction(status: number): Action {
  return { $case: 'directResponse', value: DirectResponseAction.fromPartial({ status }) };
}

function forward(rule: HttpRoute, { clusters, mirrorClusters, hashes }: SelectedRule, retries: HttpRoute['retries']): RouteAction {
  const { rewrite } = rule;
  const [only] = clusters.length === 1 ? (rule.route ?? []) : [];
  const host = rewrite?.authority || hostHeader(rule.headers) || hostHeader(only?.headers);
  return RouteAction.fromPartial({
    clusterSpecifier: clusterSpecifier(rule, clusters),
    ...limits(rule.timeout),
    retryPolicy: retryPolicy(rule.retries, retries, clusters.length === 1 && hashes.length > 0),
    requestMirrorPolicies: mirrorPolicies(rule, mirrorClusters),
    ...(host && { hostRewriteSpecifier: { $case: 'hostRewriteLiteral', value: host } }),
    // Envoy swaps what was matched: a prefix, or a path as a whole.
    ...(rewrite?.uri && { prefixRewrite: rewrite.uri }),
    ...(rewrite?.uriRegexRewrite && {
      regexRewrite: { pattern: regexMatcher(rewrite.uriRegexRewrite.match ?? ''), substitution: rewrite.uriRegexRewrite.rewrite ?? '' },
    }),
  });
}

/** Istio switches Envoy's 15 seconds off unless a rule says otherwise. */
function limits(timeout: string | undefined): ActionPartial {
  const ms = (timeout && durationMs(timeout)) || 0;
  return { timeout: durationOf(ms), maxStreamDuration: { grpcTimeoutHeaderMax: durationOf(ms) } };
}

function clusterSpecifier(rule: HttpRoute, clusters: readonly string[]): NonNullable<RouteAction['clusterSpecifier']> {
  const destinations = (rule.route ?? []).map((entry, i) => ({ entry, name: clusters[i] ?? '' }));
  const [only] = destinations;
  // A single destination takes everything, and its header operations are put on the route.
  if (destinations.length === 1 && only) return { $case: 'cluster', value: only.name };
  const weighted = destinations
    .filter(({ entry }) => (entry.weight ?? 0) > 0)
    .map(({ entry, name }): Partial<WeightedCluster_ClusterWeight> => {
      const host = hostHeader(entry.headers);
      return {
        name,
        weight: entry.weight,
        ...headerLists(entry.headers),
        ...(host && { hostRewriteSpecifier: { $case: 'hostRewriteLiteral' as const, value: host } }),
      };
    });
  return {
    $case: 'weightedClusters',
    value: {
      clusters: weighted as WeightedCluster_ClusterWeight[],
      totalWeight: undefined,
      runtimeKeyPrefix: '',
      randomValueSpecifier: undefined,
    },
  };
}

const redirectCodes: Readonly<Record<number, RedirectCode>> = {
  301: RedirectCode.MOVED_PERMANENTLY,
  302: RedirectCode.FOUND,
  303: RedirectCode.SEE_OTHER,
  307: RedirectCode.TEMPORARY_REDIRECT,
  308: RedirectCode.PERMANENT_REDIRECT,
};

/** "The port of the request" is the listener's. A port that the scheme implies is left out, as Istio does. */
function redirect(rule: NonNullable<HttpRoute['redirect']>, { port: listenerPort, secure }: SelectedRule): RedirectAction {
  const { uri, prefixRewrite, authority, scheme, redirectCode, derivePort } = rule;
  const implied = (scheme || (secure ? 'https' : 'http')) === 'https' ? 443 : 80;
  const said = derivePort === 'FROM_REQUEST_PORT' ? listenerPort : rule.port;
  const port = said === implied ? undefined : said;
  return RedirectAction.fromPartial({
    responseCode: redirectCodes[redirectCode ?? 301] ?? RedirectCode.MOVED_PERMANENTLY,
    ...(authority && { hostRedirect: authority }),
    ...(port && { portRedirect: port }),
    ...(scheme && { schemeRewriteSpecifier: { $case: 'schemeRedirect', value: scheme } }),
    ...(uri && { pathRewriteSpecifier: { $case: 'pathRedirect', value: uri } }),
    ...(!uri && prefixRewrite && { pathRewriteSpecifier: { $case: 'prefixRewrite', value: prefixRewrite } }),
  });
}

function directResponse({ status, body }: NonNullable<HttpRoute['directResponse']>): DirectResponseAction {
  const bytes = body?.bytes === undefined ? undefined : Buffer.from(body.bytes, 'base64');
  return DirectResponseAction.fromPartial({
    status,
    ...(body?.string !== undefined && { body: { specifier: { $case: 'inlineString', value: body.string } } }),
    ...(bytes && { body: { specifier: { $case: 'inlineBytes', value: bytes } } }),
  });
}
