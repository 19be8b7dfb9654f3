// What of the traffic tables a gRPC library cannot show: read off the calls, and off the resources that it is sent, by what gRPC's proposals say
// is left out of account. A28: routing, A31: timeouts, A32: circuit breaking, A33: faults, A42: hashing, A44: retries, A50: outliers.
import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import type { Route, RouteAction } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { HttpProtocolOptions } from '#codec/protobuf/generated/envoy/extensions/upstreams/http/v3/http_protocol_options';
import { faultFilterName } from '#control/translate/http-filter';
import { typeUrl } from '#xds/resource-type';
import type { Case, Expectation } from './case.ts';
import { nodeOf, targetOf } from './grpc-clients.ts';
import type { TrafficMesh } from './traffic-mesh.ts';

/** Undefined: a gRPC client sees to it as a proxy does. */
export function grpcExcuse(mesh: TrafficMesh, { fields, yaml }: Case, call: Expectation): string | undefined {
  if (yaml.includes('kind: AuthorizationPolicy')) return 'it has no certificate';
  return excuseOfCall(call) ?? excuseOfFields(fields) ?? excuseOfResources(mesh, call);
}

function excuseOfCall({ via, at, together, method, body, url, expect: outcome }: Expectation): string | undefined {
  if (via || at) return 'it is its own proxy';
  if (together) return 'A32: a call is counted once it has begun, and calls made at once may all begin';
  if ((method ?? 'POST') !== 'POST' || body !== undefined || outcome.method !== undefined) return 'a call is a POST with a message';
  if (url.includes('?')) return 'a path has no query';
  if (outcome.responseHeaders || outcome.responseCookie) return 'a failed call has no headers';
  if (outcome.headers?.['host'] !== undefined) return 'the authority is the whole name that it dials';
  if (outcome.counted) return 'it counts for itself';
  if (outcome.keptAlive !== undefined) return 'it keeps its connections as it likes';
  if (outcome.peer) return 'it has no certificate';
  if (outcome.connection) return 'its connections are its own: HTTP/2, as its bootstrap says';
  if (Object.keys(outcome.headers ?? {}).some((name) => name.startsWith('x-envoy-'))) return 'it says nothing of itself';
  return undefined;
}

function excuseOfFields(fields: readonly string[]): string | undefined {
  if (fields.some((field) => field.includes('outlierDetection.consecutive')))
    return 'A50 counts successes and failures, not how many in a row';
  if (fields.some((field) => field.includes('zoneAwareLbSetting'))) return 'it does not know its own workload';
  if (fields.some((field) => field.includes('backendUtilization'))) return 'it is told to take turns';
  if (fields.some((field) => /^Sidecar (ingress|inbound)/.test(field))) return 'it is its own server';
  return undefined;
}

function excuseOfResources(mesh: TrafficMesh, { from = 'client', url }: Expectation): string | undefined {
  const node = nodeOf(from);
  const target = targetOf(from, url);
  const sent = (type: (typeof typeUrl)[keyof typeof typeUrl], names: readonly string[]) => [
    ...mesh.resources(node, type, { wildcard: false, names: new Set(names) }).values(),
  ];
  if (sent(typeUrl.listener, [target]).length === 0) return 'it dials services, and this is none that it sees';
  const [host, port] = target.split(':');
  const routes = sent(typeUrl.route, [`outbound|${port}||${host}`])
    .map(({ body }) => RouteConfiguration.decode(body.value))
    .flatMap(({ virtualHosts }) => virtualHosts.flatMap(({ routes }) => routes));
  const wanted = new Set(routes.flatMap(clustersOf));
  const clusters = sent(typeUrl.cluster, [...wanted]).map(({ body }) => Cluster.decode(body.value));
  if (clusters.length < wanted.size) return 'what is not there is waited for, for longer than a call lasts';
  const endpointsOf = (some: readonly Cluster[]) =>
    sent(
      typeUrl.endpoint,
      some.flatMap(({ edsClusterConfig }) => edsClusterConfig?.serviceName ?? []),
    ).map(({ body }) => ClusterLoadAssignment.decode(body.value));
  const weighted = clusters.filter(({ lbPolicy }) => lbPolicy === Cluster_LbPolicy.ROUND_ROBIN);
  return (
    first(routes, excuseOfRoute) ??
    first(clusters, excuseOfCluster) ??
    first(endpointsOf(clusters), excuseOfAddresses) ??
    first(endpointsOf(weighted), excuseOfWeights)
  );
}

function first<T>(all: readonly T[], excuse: (each: T) => string | undefined): string | undefined {
  return all.map(excuse).find((each) => each !== undefined);
}

function clustersOf({ action }: Route): string[] {
  const specifier = action?.$case === 'route' ? action.value.clusterSpecifier : undefined;
  if (specifier?.$case === 'cluster') return [specifier.value];
  return specifier?.$case === 'weightedClusters' ? specifier.value.clusters.map(({ name }) => name) : [];
}

function excuseOfRoute(route: Route): string | undefined {
  const { match, action } = route;
  if (match?.pathSpecifier?.$case === 'path' && !/^\/[^/]+\/[^/]+$/.test(match.pathSpecifier.value))
    return 'A28: a path is /service/method';
  if (match?.queryParameters.length) return 'A28: no query parameters';
  if (match?.headers.some(({ name }) => name.startsWith(':'))) return 'A28: metadata are compared, and no pseudo-headers';
  if (match?.headers.some((each) => each.treatMissingHeaderAsEmpty))
    return 'A28: what is missing fulfils no condition but of being missing';
  if (route.typedPerFilterConfig[faultFilterName] && hasTimeout(action)) return 'A33: a delay is part of the time that a call may take';
  if (changesHeaders(route)) return 'headers stay as they are';
  return action?.$case === 'route' ? excuseOfAction(action.value) : undefined;
}

function changesHeaders(route: Pick<Route, 'requestHeadersToAdd' | 'requestHeadersToRemove' | 'responseHeadersToAdd'>): boolean {
  return route.requestHeadersToAdd.length + route.requestHeadersToRemove.length + route.responseHeadersToAdd.length > 0;
}

function hasTimeout(action: Route['action']): boolean {
  const limit = action?.$case === 'route' ? action.value.timeout : undefined;
  return limit !== undefined && (limit.seconds > 0 || limit.nanos > 0);
}

const retriable = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'];

function excuseOfAction(action: RouteAction): string | undefined {
  if (action.prefixRewrite || action.regexRewrite || action.hostRewriteSpecifier)
    return 'a call goes where it was dialled, under its own name';
  if (action.requestMirrorPolicies.length > 0) return 'there is no mirroring';
  if (action.hashPolicy.some(({ policySpecifier }) => policySpecifier?.$case !== 'header')) return 'A42: calls are hashed by headers';
  const words = action.retryPolicy?.retryOn.split(',') ?? retriable;
  if (!words.some((word) => retriable.includes(word))) return 'A44: retries by statuses of gRPC';
  if (action.retryPolicy?.perTryTimeout) return 'A44: no timeout of a try';
  return undefined;
}

const everything = 4_294_967_295;

function excuseOfCluster({
  clusterDiscoveryType: type,
  circuitBreakers,
  typedExtensionProtocolOptions,
  transportSocket,
}: Cluster): string | undefined {
  if (transportSocket) return 'A29: connections are secured by what its bootstrap names';
  if (type?.$case === 'type' && type.value !== Cluster_DiscoveryType.EDS) return 'A27: names are not resolved by the cluster';
  for (const { maxConnections = everything, maxPendingRequests = everything } of circuitBreakers?.thresholds ?? []) {
    if (maxConnections < everything || maxPendingRequests < everything) return 'A32: calls are counted, not connections';
  }
  const [options] = Object.values(typedExtensionProtocolOptions).map(({ value }) => HttpProtocolOptions.decode(value));
  return options?.commonHttpProtocolOptions?.maxRequestsPerConnection ? 'connections are kept' : undefined;
}

function excuseOfAddresses({ endpoints }: ClusterLoadAssignment): string | undefined {
  const addresses = endpoints.flatMap(({ lbEndpoints }) => lbEndpoints.map(({ hostIdentifier }) => hostIdentifier));
  const isPipe = addresses.some((each) => each?.$case === 'endpoint' && each.value.address?.address?.$case === 'pipe');
  return isPipe ? 'A27: an address is an IP address and a port' : undefined;
}

function excuseOfWeights({ endpoints }: ClusterLoadAssignment): string | undefined {
  const uneven = endpoints.some(({ lbEndpoints }) => new Set(lbEndpoints.map(({ loadBalancingWeight }) => loadBalancingWeight)).size > 1);
  return uneven ? 'endpoints are taken in turn, whatever they weigh' : undefined;
}
