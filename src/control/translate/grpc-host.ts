// Virtual hosts in the words that gRPC clients have for them. A library of gRPC refuses a route configuration whole for one thing in it that it
// does not know, and older ones know less: so they get the oldest form of everything, and no more than they act on. See gRPC's proposals
// A28 (routing), A33 (faults) and A63 (string matchers).
import type { HeaderMatcher, Route, VirtualHost } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import type { StringMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/string';
import { FractionalPercent_DenominatorType as Denominator } from '#codec/protobuf/generated/envoy/type/v3/percent';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { faultFilterName } from './http-filter.ts';
import { pack } from './message.ts';
import { plainAction } from './route-action.ts';

/** `cluster`: of the service that the host is for. */
export function grpcHost(host: Partial<VirtualHost>, cluster: string): Partial<VirtualHost> {
  return { ...host, routes: (host.routes ?? []).map((route) => answered(known(route), cluster)) };
}

function known(route: Route): Route {
  const { match, typedPerFilterConfig } = route;
  const fault = typedPerFilterConfig[faultFilterName];
  return {
    ...route,
    match: match && { ...match, headers: match.headers.map(oldForm) },
    typedPerFilterConfig: fault ? { [faultFilterName]: fault } : {},
  };
}

/** A matcher that every version knows: clients from before A63 refuse `string_match`. */
function oldForm(matcher: HeaderMatcher): HeaderMatcher {
  const { headerMatchSpecifier: specifier } = matcher;
  const old = specifier?.$case === 'stringMatch' && !specifier.value.ignoreCase ? oldSpecifier(specifier.value) : undefined;
  return old ? { ...matcher, headerMatchSpecifier: old } : matcher;
}

function oldSpecifier({ matchPattern }: StringMatcher): HeaderMatcher['headerMatchSpecifier'] {
  switch (matchPattern?.$case) {
    case 'exact':
      return { $case: 'exactMatch', value: matchPattern.value };
    case 'prefix':
      return { $case: 'prefixMatch', value: matchPattern.value };
    case 'safeRegex':
      return { $case: 'safeRegexMatch', value: matchPattern.value };
    default:
      return undefined;
  }
}

/** A client cannot answer itself, it can fail: what a rule answers in place of a destination is a fault with that status. */
function answered(route: Route, cluster: string): Route {
  const { action } = route;
  if (action?.$case !== 'directResponse' && action?.$case !== 'redirect') return route;
  const status = action.$case === 'directResponse' ? action.value.status : redirected;
  return { ...route, action: plainAction(cluster, [], { attempts: 0 }), typedPerFilterConfig: { [faultFilterName]: abort(status) } };
}

const redirected = 302;

function abort(httpStatus: number): Any {
  return pack('envoy.extensions.filters.http.fault.v3.HTTPFault', HTTPFault, {
    abort: { errorType: { $case: 'httpStatus', value: httpStatus }, percentage: { numerator: 100, denominator: Denominator.HUNDRED } },
  });
}
