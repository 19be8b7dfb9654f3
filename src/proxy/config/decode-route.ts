// Envoy's RouteConfiguration -> RouteTable. Everything that would route otherwise than asked for is refused by name.
import type { HeaderValueOption } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import type {
  Route as EnvoyRoute,
  VirtualHost as EnvoyVirtualHost,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import type { Route } from '#proxy/route/route';
import { RouteTable, type VirtualHost } from '#proxy/route/route-table';
import { decodeFault } from './decode-fault.ts';
import { decodeHeaderMutations } from './decode-header-mutations.ts';
import { decodeRouteMatch } from './decode-matcher.ts';
import { originOf } from './decode-origin.ts';
import { decodeRouteAction } from './decode-route-action.ts';
import { type Findings, messageName } from './findings.ts';

/** Route, virtual host and table each may change headers; Envoy applies them in this order. */
export interface HeaderOptions {
  requestHeadersToAdd: HeaderValueOption[];
  requestHeadersToRemove: string[];
  responseHeadersToAdd: HeaderValueOption[];
  responseHeadersToRemove: string[];
}

export function decodeRouteTable(config: RouteConfiguration, version: string, findings: Findings): RouteTable {
  const seen = new Set<string>();
  const hosts = config.virtualHosts.map((host, i) => {
    const field = `virtual_hosts[${i}]`;
    for (const domain of host.domains) {
      const key = domain.toLowerCase();
      if (seen.has(key)) findings.report(`${field}.domains`, `${domain} is in another virtual host already`);
      seen.add(key);
    }
    return decodeVirtualHost(host, config, field, findings);
  });
  return new RouteTable(config.name, version, hosts);
}

function decodeVirtualHost(host: EnvoyVirtualHost, table: RouteConfiguration, field: string, findings: Findings): VirtualHost {
  if (host.domains.length === 0) findings.report(`${field}.domains`, 'is empty');
  if (host.matcher !== undefined) findings.report(`${field}.matcher`, 'is not supported');
  return {
    name: host.name,
    domains: host.domains.map((domain) => domain.toLowerCase()),
    routes: host.routes.map((route, i) => {
      const at = `${field}.routes[${i}]`;
      return {
        match: decodeRouteMatch(route.match, `${at}.match`, findings),
        route: decodeRoute(route, host, table, at, findings),
      };
    }),
  };
}

function decodeRoute(route: EnvoyRoute, host: EnvoyVirtualHost, table: RouteConfiguration, field: string, findings: Findings): Route {
  const levels: HeaderOptions[] = [route, host, table];
  return {
    name: route.name,
    virtualHost: host.name,
    action: decodeRouteAction(route, host, field, findings),
    requestHeaders: decodeHeaderMutations(
      levels.flatMap((l) => l.requestHeadersToAdd),
      levels.flatMap((l) => l.requestHeadersToRemove),
    ),
    responseHeaders: decodeHeaderMutations(
      levels.flatMap((l) => l.responseHeadersToAdd),
      levels.flatMap((l) => l.responseHeadersToRemove),
    ),
    fault: decodeRouteFault(route, host, field, findings),
    origin: originOf(route.metadata),
  };
}

const faultFilter = 'envoy.filters.http.fault';

function decodeRouteFault(route: EnvoyRoute, host: EnvoyVirtualHost, field: string, findings: Findings): Route['fault'] {
  const any = route.typedPerFilterConfig[faultFilter] ?? host.typedPerFilterConfig[faultFilter];
  for (const name of Object.keys(route.typedPerFilterConfig)) {
    if (name !== faultFilter) findings.report(`${field}.typed_per_filter_config`, `filter ${name} is not known`);
  }
  if (any === undefined) return undefined;
  const at = `${field}.typed_per_filter_config[${faultFilter}]`;
  if (messageName(any) !== 'envoy.extensions.filters.http.fault.v3.HTTPFault') {
    findings.report(at, `${any.typeUrl} is not an HTTPFault`);
    return undefined;
  }
  return findings.attempt(at, () => decodeFault(HTTPFault.decode(any.value), at, findings));
}
