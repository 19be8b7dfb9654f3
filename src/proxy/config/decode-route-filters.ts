// Envoy's typed_per_filter_config -> RouteFilters. A kind of filter that is not known is refused by name, unless it is said to be optional.
import { FilterConfig } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { httpFilterTypes } from '#proxy/filters/http/registry';
import { noRouteFilters, type RouteFilter, type RouteFilters } from '#proxy/route/route-filter';
import { type Findings, messageName } from './findings.ts';

type PerFilterConfig = Readonly<Record<string, Any>>;

const wrapper = 'envoy.config.route.v3.FilterConfig';

/** `levels`: from the general to the specific; the latter wins as a whole. */
export function decodeRouteFilters(levels: readonly PerFilterConfig[], field: string, findings: Findings): RouteFilters {
  const all: PerFilterConfig = Object.assign({}, ...levels);
  const filters = Object.entries(all).flatMap(([name, any]): [string, RouteFilter][] => {
    const at = `${field}.typed_per_filter_config[${name}]`;
    const decoded = findings.attempt(at, () => decodeRouteFilter(name, any, at, findings));
    return decoded === undefined ? [] : [[name, decoded]];
  });
  return filters.length === 0 ? noRouteFilters : new Map(filters);
}

function decodeRouteFilter(name: string, any: Any, field: string, findings: Findings): RouteFilter | undefined {
  if (messageName(any) !== wrapper) return decodeConfig(name, any, false, field, findings);
  const { config, isOptional, disabled } = FilterConfig.decode(any.value);
  if (disabled) return { type: {}, config: undefined, disabled: true };
  if (config === undefined) return { type: {}, config: undefined, disabled: false };
  return decodeConfig(name, config, isOptional, field, findings);
}

function decodeConfig(name: string, any: Any, optional: boolean, field: string, findings: Findings): RouteFilter | undefined {
  const message = messageName(any);
  const type = httpFilterTypes.find(({ perRoute, message: own }) => perRoute !== undefined && (perRoute.message ?? own) === message);
  if (type?.perRoute === undefined) {
    if (!optional) findings.report(field, `filter ${name} is not known by ${any.typeUrl} for a route`);
    return undefined;
  }
  return { type, config: type.perRoute.decode(any.value, field, findings), disabled: false };
}
