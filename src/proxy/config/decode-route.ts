// Envoy's RouteConfiguration -> RouteTable. Everything that would route otherwise than asked for is refused by name.
import type { HeaderValueOption, Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import type {
  Route as EnvoyRoute,
  VirtualHost as EnvoyVirtualHost,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { VirtualHost_TlsRequirementType as TlsRequirement } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { Route, RouteAction } from '#proxy/route/route';
import { noRouteFilters, type RouteFilters } from '#proxy/route/route-filter';
import { type MatchedRoute, RouteTable, type VirtualHost } from '#proxy/route/route-table';
import { anything, exactly } from '#proxy/route/string-matcher';
import { decodeHeaderMutations } from './decode-header-mutations.ts';
import { decodeRouteMatch } from './decode-matcher.ts';
import { originOf } from './decode-origin.ts';
import { decodeRouteAction } from './decode-route-action.ts';
import { decodeRouteFilters } from './decode-route-filters.ts';
import type { Findings } from './findings.ts';

/** Route, virtual host and table each may change headers; Envoy applies them in this order. */
export interface HeaderOptions {
  requestHeadersToAdd: HeaderValueOption[];
  requestHeadersToRemove: string[];
  responseHeadersToAdd: HeaderValueOption[];
  responseHeadersToRemove: string[];
}

/** `discovers`: its virtual hosts, or more of them, come by themselves. */
export function decodeRoutes(config: RouteConfiguration, version: string, findings: Findings): { table: RouteTable; discovers: boolean } {
  const discovers = config.vhds !== undefined;
  // A host is read without its table, which may be another one tomorrow.
  const levels: HeaderOptions = config;
  const changes = [levels.requestHeadersToAdd, levels.requestHeadersToRemove, levels.responseHeadersToAdd, levels.responseHeadersToRemove];
  if (discovers && (changes.some((list) => list.length > 0) || Object.keys(config.typedPerFilterConfig).length > 0)) {
    findings.report('vhds', 'is not supported beside headers and filters of the whole table');
  }
  return { table: decodeRouteTable(config, version, findings), discovers };
}

/** A virtual host that came by itself. */
export function decodeDiscoveredHost(host: EnvoyVirtualHost, findings: Findings): VirtualHost {
  return decodeVirtualHost(host, RouteConfiguration.fromPartial({}), 'virtual_host', findings);
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
  return new RouteTable(config.name, version, hosts, config.ignorePortInHostMatching);
}

/** `table`: that the host is of, which may change headers as well. */
export function decodeVirtualHost(host: EnvoyVirtualHost, table: RouteConfiguration, field: string, findings: Findings): VirtualHost {
  if (host.domains.length === 0) findings.report(`${field}.domains`, 'is empty');
  if (host.matcher !== undefined) findings.report(`${field}.matcher`, 'is not supported');
  const routes = host.routes.map((route, i): MatchedRoute => {
    const at = `${field}.routes[${i}]`;
    return {
      match: decodeRouteMatch(route.match, `${at}.match`, findings),
      route: decodeRoute(route, host, table, at, findings),
    };
  });
  if (host.requireTls !== TlsRequirement.NONE) routes.unshift(redirectToTls(host, field, findings));
  return { name: host.name, domains: host.domains.map((domain) => domain.toLowerCase()), routes };
}

/** Envoy's `require_tls` is as good as a first route that takes every plain request. */
function redirectToTls(host: EnvoyVirtualHost, field: string, findings: Findings): MatchedRoute {
  if (host.requireTls !== TlsRequirement.ALL) findings.report(`${field}.require_tls`, 'is supported as ALL and NONE');
  const plain = { name: ':scheme', test: exactly('https'), invert: true, missingAsEmpty: false };
  return {
    match: { path: anything, connect: false, headers: [plain], query: [], fraction: 1 },
    route: {
      name: 'https-redirect',
      virtualHost: host.name,
      action: { kind: 'redirect', status: 301, location: ({ authority, path }) => `https://${authority}${path}` },
      requestHeaders: noMutations,
      responseHeaders: noMutations,
      filters: noRouteFilters,
      disabledFilters: undefined,
      origin: undefined,
      filterMetadata: undefined,
      operation: '',
      statPrefix: '',
    },
  };
}

const noMutations = decodeHeaderMutations([], []);

function decodeRoute(route: EnvoyRoute, host: EnvoyVirtualHost, table: RouteConfiguration, field: string, findings: Findings): Route {
  const levels: HeaderOptions[] = [route, host, table];
  const perFilter = [table.typedPerFilterConfig, host.typedPerFilterConfig, route.typedPerFilterConfig];
  const filters = decodeRouteFilters(perFilter, field, findings);
  const action = decodeRouteAction(route, host, field, findings);
  return {
    name: route.name,
    virtualHost: host.name,
    action,
    requestHeaders: decodeHeaderMutations(
      levels.flatMap((l) => l.requestHeadersToAdd),
      levels.flatMap((l) => l.requestHeadersToRemove),
    ),
    responseHeaders: decodeHeaderMutations(
      levels.flatMap((l) => l.responseHeadersToAdd),
      levels.flatMap((l) => l.responseHeadersToRemove),
    ),
    filters,
    disabledFilters: disabledIn(filters, action),
    origin: originOf(route.metadata),
    filterMetadata: metadataForFilters(route.metadata),
    operation: route.decorator?.operation ?? '',
    statPrefix: route.statPrefix,
  };
}

/** What the mesh itself says of where it came from is not kept. */
function metadataForFilters(metadata: Metadata | undefined): Route['filterMetadata'] {
  const entries = Object.entries(metadata?.filterMetadata ?? {}).filter(([name]) => name !== 'istio' && name !== 'lateen');
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Whether one is left out is asked for each filter and stream: only where some are. */
function disabledIn(filters: RouteFilters, action: RouteAction): Route['disabledFilters'] {
  const all = [filters, ...(action.kind === 'forward' ? action.clusters.map((cluster) => cluster.filters) : [])];
  const names = all.flatMap((each) => [...each].flatMap(([name, { disabled }]) => (disabled ? [name] : [])));
  return names.length === 0 ? undefined : new Set(names);
}
