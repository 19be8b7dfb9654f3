// What a route does with its requests: forward, redirect or answer.
import type {
  DirectResponseAction,
  RetryPolicy as EnvoyRetryPolicy,
  Route as EnvoyRoute,
  RouteAction as EnvoyRouteAction,
  VirtualHost as EnvoyVirtualHost,
  RedirectAction,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { PreviousPrioritiesConfig } from '#codec/protobuf/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config';
import type { RegexMatchAndSubstitute } from '#codec/protobuf/generated/envoy/type/matcher/v3/regex';
import { Regex } from '#codec/regex';
import type { ForwardAction, Mirror, RetryPolicy, RouteAction, RoutedRequest, WeightedCluster } from '#proxy/route/route';
import { noRouteFilters } from '#proxy/route/route-filter';
import { decodeHashPolicies } from './decode-hash-policy.ts';
import { decodeHeaderMutations } from './decode-header-mutations.ts';
import { decodeHeaderMatcher, fractionOf } from './decode-matcher.ts';
import { decodeRateLimits } from './decode-rate-limits.ts';
import { decodeRouteFilters } from './decode-route-filters.ts';
import { type Findings, messageName, milliseconds } from './findings.ts';

const refused: RouteAction = { kind: 'direct', status: 500, body: '' };
const noMutations = decodeHeaderMutations([], []);

/** Envoy's default of a route's timeout when the field is absent. */
const routeTimeoutMsDefault = 15_000;

export function decodeRouteAction(route: EnvoyRoute, host: EnvoyVirtualHost, field: string, findings: Findings): RouteAction {
  switch (route.action?.$case) {
    case 'route':
      return decodeForward(route, route.action.value, host, `${field}.route`, findings);
    case 'redirect':
      return decodeRedirect(route, route.action.value, `${field}.redirect`, findings);
    case 'directResponse':
      return decodeDirect(route.action.value, `${field}.direct_response`, findings);
    default:
      findings.report(field, `action ${route.action?.$case ?? 'is missing'}${route.action ? ' is not supported' : ''}`);
      return refused;
  }
}

function decodeForward(
  route: EnvoyRoute,
  action: EnvoyRouteAction,
  host: EnvoyVirtualHost,
  field: string,
  findings: Findings,
): ForwardAction {
  const clusters = decodeClusters(action, field, findings);
  const retry = action.retryPolicy ?? host.retryPolicy;
  let authority: string | undefined;
  if (action.hostRewriteSpecifier?.$case === 'hostRewriteLiteral') authority = action.hostRewriteSpecifier.value;
  else if (action.hostRewriteSpecifier !== undefined && action.hostRewriteSpecifier.value !== false)
    findings.report(field, `${action.hostRewriteSpecifier.$case} is not supported`);
  return {
    kind: 'forward',
    clusters,
    weightTotal: clusters.reduce((sum, { weight }) => sum + weight, 0),
    countsAttempts: host.includeRequestAttemptCount,
    clusterFilters: clusters.some(({ filters }) => filters.size > 0),
    timeoutMs: milliseconds(action.timeout, routeTimeoutMsDefault),
    idleTimeoutMs: milliseconds(action.idleTimeout, 0),
    retry: retry === undefined ? undefined : decodeRetry(retry, `${field}.retry_policy`, findings),
    duration: decodeDuration(action.maxStreamDuration),
    authority,
    path: decodePathRewrite(route, action.prefixRewrite, action.regexRewrite, field, findings),
    upgradeTypes: new Set(action.upgradeConfigs.filter((u) => u.enabled ?? true).map((u) => u.upgradeType.toLowerCase())),
    hashPolicies: decodeHashPolicies(action.hashPolicy, field, findings),
    mirrors: decodeMirrors(action, field, findings),
    rateLimits: {
      own: decodeRateLimits(action.rateLimits, field, findings),
      host: decodeRateLimits(host.rateLimits, 'virtual host', findings),
    },
  };
}

function decodeMirrors({ requestMirrorPolicies }: EnvoyRouteAction, field: string, findings: Findings): Mirror[] {
  return requestMirrorPolicies.map(({ cluster, clusterHeader, runtimeFraction, disableShadowHostSuffixAppend }, i) => {
    const at = `${field}.request_mirror_policies[${i}]`;
    if (clusterHeader !== '') findings.report(`${at}.cluster_header`, 'is not supported');
    else if (cluster === '') findings.report(`${at}.cluster`, 'is empty');
    return { cluster, fraction: fractionOf(runtimeFraction?.defaultValue, 1), shadowHost: !disableShadowHostSuffixAppend };
  });
}

function decodeClusters(action: EnvoyRouteAction, field: string, findings: Findings): WeightedCluster[] {
  const specifier = action.clusterSpecifier;
  if (specifier?.$case === 'cluster') {
    return [{ name: specifier.value, weight: 1, requestHeaders: noMutations, responseHeaders: noMutations, filters: noRouteFilters }];
  }
  if (specifier?.$case !== 'weightedClusters') {
    findings.report(field, `cluster specifier ${specifier?.$case ?? 'is missing'}${specifier ? ' is not supported' : ''}`);
    return [];
  }
  const clusters = specifier.value.clusters.map((cluster, i) => ({
    name: cluster.name,
    weight: cluster.weight ?? 0,
    requestHeaders: decodeHeaderMutations(cluster.requestHeadersToAdd, cluster.requestHeadersToRemove),
    responseHeaders: decodeHeaderMutations(cluster.responseHeadersToAdd, cluster.responseHeadersToRemove),
    filters: decodeRouteFilters([cluster.typedPerFilterConfig], `${field}.weighted_clusters.clusters[${i}]`, findings),
  }));
  if (!clusters.some(({ weight }) => weight > 0)) findings.report(`${field}.weighted_clusters`, 'the weights add up to 0');
  return clusters;
}

const previousHosts = 'envoy.retry_host_predicates.previous_hosts';

function decodeDuration(duration: EnvoyRouteAction['maxStreamDuration']): ForwardAction['duration'] {
  if (duration === undefined) return undefined;
  const { maxStreamDuration, grpcTimeoutHeaderMax, grpcTimeoutHeaderOffset } = duration;
  const maxMs = milliseconds(maxStreamDuration, 0);
  const grpcTimeoutMaxMs = grpcTimeoutHeaderMax && milliseconds(grpcTimeoutHeaderMax, 0);
  return maxMs === 0 && grpcTimeoutMaxMs === undefined
    ? undefined
    : { maxMs, grpcTimeoutMaxMs, grpcTimeoutOffsetMs: milliseconds(grpcTimeoutHeaderOffset, 0) };
}

/** Envoy's defaults: one retry, 25 ms doubling up to ten times that. */
function decodeRetry(policy: EnvoyRetryPolicy, field: string, findings: Findings): RetryPolicy {
  for (const { name } of policy.retryHostPredicate) {
    if (name !== previousHosts) findings.report(`${field}.retry_host_predicate`, `${name} is not supported`);
  }
  const backoffMsMin = milliseconds(policy.retryBackOff?.baseInterval, 25);
  return {
    retriesMax: policy.numRetries ?? 1,
    on: new Set(
      policy.retryOn
        .split(',')
        .map((word) => word.trim())
        .filter(Boolean),
    ),
    statuses: new Set(policy.retriableStatusCodes),
    responseHeaders: policy.retriableHeaders.map((h, i) => decodeHeaderMatcher(h, `${field}.retriable_headers[${i}]`, findings)),
    requestHeaders: policy.retriableRequestHeaders.map((h, i) =>
      decodeHeaderMatcher(h, `${field}.retriable_request_headers[${i}]`, findings),
    ),
    perTryTimeoutMs: milliseconds(policy.perTryTimeout, 0),
    backoffMsMin,
    backoffMsMax: milliseconds(policy.retryBackOff?.maxInterval, backoffMsMin * 10),
    hostSelectionRetriesMax: policy.hostSelectionRetryMaxAttempts || 1,
    triesPerPriority: decodeRetryPriority(policy, `${field}.retry_priority`, findings),
    avoidPreviousHosts: policy.retryHostPredicate.some(({ name }) => name === previousHosts),
  };
}

function decodeRetryPriority({ retryPriority }: EnvoyRetryPolicy, field: string, findings: Findings): number {
  if (retryPriority === undefined) return 0;
  const any = retryPriority.configType?.value;
  if (any === undefined || messageName(any) !== 'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig') {
    findings.report(field, `${retryPriority.name} is not supported`);
    return 0;
  }
  const { updateFrequency } = PreviousPrioritiesConfig.decode(any.value);
  if (updateFrequency <= 0) findings.report(`${field}.update_frequency`, 'must be above 0');
  return updateFrequency;
}

type PathRewrite = (path: string) => string;

function decodePathRewrite(
  route: EnvoyRoute,
  prefixRewrite: string,
  regexRewrite: RegexMatchAndSubstitute | undefined,
  field: string,
  findings: Findings,
): PathRewrite | undefined {
  if (prefixRewrite !== '') {
    const matched = matchedPrefixLength(route);
    if (matched !== undefined) return (path) => prefixRewrite + path.slice(matched);
    // A regular expression matched the whole path: the whole path is replaced.
    return (path) => prefixRewrite + path.slice(queryStart(path));
  }
  if (regexRewrite?.pattern === undefined) return undefined;
  const { pattern, substitution } = regexRewrite;
  const rewrite = findings.attempt(`${field}.regex_rewrite`, () => new Regex(pattern.regex).rewriter(substitution));
  return (
    rewrite &&
    ((path) => {
      const start = queryStart(path);
      return rewrite(path.slice(0, start)) + path.slice(start);
    })
  );
}

function matchedPrefixLength(route: EnvoyRoute): number | undefined {
  const path = route.match?.pathSpecifier;
  switch (path?.$case) {
    case 'prefix':
    case 'path':
    case 'pathSeparatedPrefix':
      return path.value.length;
    default:
      return undefined;
  }
}

function queryStart(path: string): number {
  const start = path.indexOf('?');
  return start < 0 ? path.length : start;
}

const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];

function decodeRedirect(route: EnvoyRoute, redirect: RedirectAction, field: string, findings: Findings): RouteAction {
  const status = redirectStatuses[redirect.responseCode];
  if (status === undefined) findings.report(`${field}.response_code`, 'is not known');
  const scheme = redirect.schemeRewriteSpecifier;
  const rewrite = redirect.pathRewriteSpecifier;
  let path: PathRewrite | undefined;
  if (rewrite?.$case === 'pathRedirect') {
    const target = rewrite.value;
    path = (from) => (target.includes('?') || redirect.stripQuery ? target : target + from.slice(queryStart(from)));
  } else if (rewrite?.$case === 'prefixRewrite') path = decodePathRewrite(route, rewrite.value, undefined, field, findings);
  else if (rewrite?.$case === 'regexRewrite') path = decodePathRewrite(route, '', rewrite.value, field, findings);
  const location = (request: RoutedRequest): string => {
    const newScheme = scheme?.$case === 'schemeRedirect' ? scheme.value : scheme?.value ? 'https' : request.scheme;
    let newPath = path === undefined ? request.path : path(request.path);
    if (redirect.stripQuery) newPath = newPath.slice(0, queryStart(newPath));
    return `${newScheme}://${redirectAuthority(redirect, request, newScheme)}${newPath}`;
  };
  return { kind: 'redirect', status: status ?? 301, location };
}

/** A port of its own wins; a change of scheme drops the other scheme's default port (Envoy's rule). */
function redirectAuthority(redirect: RedirectAction, request: RoutedRequest, scheme: string): string {
  const authority = redirect.hostRedirect || request.authority;
  const colon = authority.lastIndexOf(':');
  const hasPort = colon > authority.lastIndexOf(']') && colon > 0;
  const host = hasPort ? authority.slice(0, colon) : authority;
  if (redirect.portRedirect > 0) return `${host}:${redirect.portRedirect}`;
  if (hasPort && scheme !== request.scheme && ['80', '443'].includes(authority.slice(colon + 1))) return host;
  return authority;
}

function decodeDirect({ status, body }: DirectResponseAction, field: string, findings: Findings): RouteAction {
  if (status < 200 || status > 599) findings.report(`${field}.status`, `${status} is not within 200-599`);
  const source = body?.specifier;
  switch (source?.$case) {
    case undefined:
      return { kind: 'direct', status, body: '' };
    case 'inlineString':
      return { kind: 'direct', status, body: source.value };
    case 'inlineBytes':
      return { kind: 'direct', status, body: source.value.toString('utf8') };
    default:
      findings.report(`${field}.body`, `${source?.$case} is not supported`);
      return refused;
  }
}
