// EnvoyFilter's patches of route configurations: of the whole, of their virtual hosts, of the routes in them.

import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { Route, VirtualHost } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { type Context, inContext, type Match, type Patch } from './patch.ts';
import { Patchable, patchList } from './patch-list.ts';

type RouteMatch = NonNullable<Match['routeConfiguration']>;

/** The same object where nothing matched. */
export function patchRoutes(
  config: RouteConfiguration,
  patches: readonly Patch[],
  context: Context,
  json: CanonicalJson,
): RouteConfiguration {
  const mine = patches.filter((patch) => inContext(patch, context) && isMeant(config, patch.match.routeConfiguration));
  if (mine.length === 0) return config;
  const of = (applyTo: Patch['applyTo']) => mine.filter((patch) => patch.applyTo === applyTo);
  const whole = new Patchable(json, 'envoy.config.route.v3.RouteConfiguration', RouteConfiguration);
  const [merged = config] = patchList(
    [config],
    of('ROUTE_CONFIGURATION').filter(({ operation }) => operation.startsWith('MERGE')),
    {
      kind: whole,
      matcher: () => undefined,
    },
  );
  const hosts = patchList(merged.virtualHosts, of('VIRTUAL_HOST'), {
    kind: new Patchable(json, 'envoy.config.route.v3.VirtualHost', VirtualHost),
    matcher: ({ match }) => hostMatcher(match.routeConfiguration),
  });
  const routePatches = of('HTTP_ROUTE');
  const routed = routePatches.length === 0 ? hosts : hosts.map((host) => patchHost(host, routePatches, json));
  if (
    routed === merged.virtualHosts ||
    (merged === config && routed.every((host, i) => host === config.virtualHosts[i]) && routed.length === config.virtualHosts.length)
  ) {
    return merged;
  }
  return { ...merged, virtualHosts: [...routed] };
}

function patchHost(host: VirtualHost, patches: readonly Patch[], json: CanonicalJson): VirtualHost {
  const mine = patches.filter(({ match }) => hostMatcher(match.routeConfiguration)?.(host) ?? true);
  const routes = patchList(host.routes, mine, {
    kind: new Patchable(json, 'envoy.config.route.v3.Route', Route),
    matcher: ({ match }) => routeMatcher(match.routeConfiguration?.vhost?.route),
  });
  return routes === host.routes ? host : { ...host, routes: [...routes] };
}

/** By name, or by the port that is its name; a gateway's are `http.80`, `https.443.…`. */
function isMeant({ name }: RouteConfiguration, match: RouteMatch | undefined): boolean {
  if (match?.name && match.name !== name) return false;
  const port = /^(?:https?\.)?(\d{1,5})(?:$|\.)/.exec(name)?.[1] ?? /^inbound\|(\d+)\|/.exec(name)?.[1];
  return !match?.portNumber || String(match.portNumber) === port;
}

function hostMatcher(match: RouteMatch | undefined): ((host: VirtualHost) => boolean) | undefined {
  const { name, domainName } = match?.vhost ?? {};
  if (!name && !domainName) return undefined;
  return (host) => (!name || host.name === name) && (!domainName || host.domains.includes(domainName));
}

const actions: Readonly<Record<string, string>> = { ROUTE: 'route', REDIRECT: 'redirect', DIRECT_RESPONSE: 'directResponse' };

function routeMatcher(match: NonNullable<RouteMatch['vhost']>['route'] | undefined): ((route: Route) => boolean) | undefined {
  const action = actions[match?.action ?? ''];
  if (!match?.name && !action) return undefined;
  return (route) => (!match?.name || route.name === match.name) && (!action || route.action?.$case === action);
}
