// Virtual hosts that travel one by one (Envoy's VHDS), as sets that follow one another: where rules alone have changed, and only for hosts that
// are services, the next set is the last one with those hosts made anew. So an edit costs the same among ten services and among thousands.
import { VirtualHost } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { isWildcard } from '#control/mesh/hostname';
import type { MeshService } from '#control/mesh/service';
import type { ProxyView } from '#control/view/proxy-view';
import { hostsBetween, type SidecarScope } from '#control/view/sidecar-scope';
import type { Resource, ResourceSet } from '#xds/resource';
import { successor } from '#xds/resource-set';
import type { ResourceCache } from './resource-cache.ts';
import { discoveredHostRecipe } from './route-configuration.ts';
import { asSettingsSay, routeHosts } from './route-hosts.ts';
import { hostsOfServices } from './route-outbound.ts';
import type { Made } from './scope-memo.ts';

/** Of the route configurations `names`. */
export function discoveredHosts(cache: ResourceCache, view: ProxyView, names: readonly string[]): ResourceSet {
  const hosts = names.flatMap((routes) =>
    (routeHosts(view, routes) ?? []).map((host) => cache.make(discoveredHostRecipe, { routes, host })),
  );
  return new Map(hosts.map((host) => [host.name, host]));
}

/** Undefined where more has changed than rules for services that are seen by their whole names: all is to be made anew. */
export function nextDiscoveredHosts(
  cache: ResourceCache,
  view: ProxyView,
  names: readonly string[],
  { scope, value }: Made<ResourceSet>,
): ResourceSet | undefined {
  const services = changedServices(scope, view.scope);
  if (!services) return undefined;
  const changed: Resource[] = [];
  for (const routes of names) {
    for (const host of asSettingsSay(view, hostsOfServices(view, routes, services))) {
      const resource = cache.make(discoveredHostRecipe, { routes, host });
      const before = value.get(resource.name);
      // Where another host has a domain of its, which of them keeps it is seen by looking at all.
      if (before === undefined || VirtualHost.decode(before.body.value).domains.length < host.domains.length) return undefined;
      if (before !== resource) changed.push(resource);
    }
  }
  return changed.length === 0 ? value : successor(value, changed);
}

function changedServices(before: SidecarScope, after: SidecarScope): MeshService[] | undefined {
  const services: MeshService[] = [];
  for (const host of hostsBetween(before, after) ?? ['*']) {
    const service = isWildcard(host) ? undefined : after.serviceByHost.get(host);
    if (!service) return undefined;
    services.push(service);
  }
  return services;
}
