// What clients hash their requests by, so that like requests meet the same endpoint: a DestinationRule's `consistentHash`, which becomes
// hash policies of the routes that lead to its host. Istio puts it there because an Envoy cluster does not see requests.

import type { TrafficPolicy } from '#api/kinds/destination-rule';
import { RouteAction_HashPolicy as HashPolicy } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { SidecarScope } from '#control/view/sidecar-scope';
import { durationMs } from '#foundation/duration';
import { clusterPolicy } from './cluster-policy.ts';
import { durationOf } from './message.ts';

export type ConsistentHash = NonNullable<NonNullable<TrafficPolicy['loadBalancer']>['consistentHash']>;

/** Of several clusters, in their order; the same hash comes once. */
export function consistentHashes(scope: SidecarScope, clusters: readonly string[]): ConsistentHash[] {
  const hashes = clusters.flatMap((cluster) => clusterPolicy(scope, cluster).loadBalancer?.consistentHash ?? []);
  return [...new Map(hashes.map((hash) => [JSON.stringify(hash), hash])).values()];
}

export function hashPolicies(hashes: readonly ConsistentHash[]): HashPolicy[] {
  return hashes.flatMap((hash) => {
    const policySpecifier = specifier(hash);
    return policySpecifier ? [HashPolicy.fromPartial({ policySpecifier })] : [];
  });
}

type Specifier = NonNullable<Parameters<typeof HashPolicy.fromPartial>[0]['policySpecifier']>;

function specifier({ httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName }: ConsistentHash): Specifier | undefined {
  if (httpHeaderName) return { $case: 'header', value: { headerName: httpHeaderName } };
  if (httpCookie) {
    const { name, path, ttl, attributes } = httpCookie;
    const ms = ttl === undefined ? undefined : durationMs(ttl);
    return {
      $case: 'cookie',
      value: { name, path: path ?? '', attributes: attributes ?? [], ...(ms !== undefined && { ttl: durationOf(ms) }) },
    };
  }
  if (useSourceIp) return { $case: 'connectionProperties', value: { sourceIp: true } };
  if (httpQueryParameterName) return { $case: 'queryParameter', value: { name: httpQueryParameterName } };
  return undefined;
}
