// A rule's corsPolicy, as the per-route configuration of Envoy's cors filter.

import type { HttpRoute } from '#api/kinds/virtual-service';
import { CorsPolicy } from '#codec/protobuf/generated/envoy/extensions/filters/http/cors/v3/cors';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { durationMs } from '#foundation/duration';
import { corsFilterName } from './http-filter.ts';
import { pack } from './message.ts';
import { stringMatcher } from './route-match.ts';

export function routeCors(policy: HttpRoute['corsPolicy']): Record<string, Any> {
  if (policy === undefined) return {};
  const exact = (policy.allowOrigin ?? []).map((origin) => ({ exact: origin }));
  const config = pack('envoy.extensions.filters.http.cors.v3.CorsPolicy', CorsPolicy, {
    allowOriginStringMatch: (policy.allowOrigins ?? exact).flatMap((match) => stringMatcher(match) ?? []),
    filterEnabled: { defaultValue: { numerator: 100 } },
    ...(policy.allowMethods?.length && { allowMethods: policy.allowMethods.join(',') }),
    ...(policy.allowHeaders?.length && { allowHeaders: policy.allowHeaders.join(',') }),
    ...(policy.exposeHeaders?.length && { exposeHeaders: policy.exposeHeaders.join(',') }),
    ...(policy.maxAge && { maxAge: String(Math.trunc((durationMs(policy.maxAge) ?? 0) / 1000)) }),
    ...(policy.allowCredentials !== undefined && { allowCredentials: policy.allowCredentials }),
    forwardNotMatchingPreflights: policy.unmatchedPreflights !== 'IGNORE',
  });
  return { [corsFilterName]: config };
}
