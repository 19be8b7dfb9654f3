// Route configurations of gateways: `http.<port>`, with a virtual host for each host that a server and a VirtualService share.
import type { ProxyView } from '#control/view/proxy-view';
import type { Resource } from '#xds/resource';
import { portForms } from './domain.ts';
import { boundHosts, type GatewayPort } from './gateway-server.ts';
import type { ResourceCache } from './resource-cache.ts';
import { routeConfiguration } from './route-configuration.ts';
import { type SelectedRule, selectRules } from './selected-rule.ts';
import type { VirtualHostInput } from './virtual-host.ts';

export function gatewayRouteName(port: number): string {
  return `http.${port}`;
}

export function gatewayRoutes(cache: ResourceCache, view: ProxyView, port: GatewayPort): Resource {
  const byHost = new Map<string, SelectedRule[]>();
  for (const bound of port.servers) {
    for (const service of view.scope.virtualServices) {
      const hosts = boundHosts(bound, service);
      if (hosts.length === 0) continue;
      const rules = selectRules(service, {
        services: view.snapshot.services,
        domainSuffix: view.snapshot.config.domainSuffix,
        listenerPort: bound.server.port.number,
        matchPort: bound.server.port.number,
        gateway: bound.gateway,
        namespace: view.proxy.namespace,
        labels: view.labels,
      });
      // Rules for TCP alone claim no host of HTTP requests.
      if (rules.length > 0) for (const host of hosts) addRules(byHost, host, rules);
    }
  }
  const hosts = [...byHost].map(([host, rules]) => gatewayHost(host, port.number, rules));
  // Nothing is bound yet: every request finds no route.
  if (hosts.length === 0) hosts.push({ name: `blackhole:${port.number}`, domains: ['*'], rules: [], fallback: { kind: 'none' } });
  return routeConfiguration(cache, gatewayRouteName(port.number), hosts);
}

/** Several VirtualServices may share a host: their rules follow one another, the oldest first; the same rule comes once. */
function addRules(byHost: Map<string, SelectedRule[]>, host: string, rules: readonly SelectedRule[]): void {
  const known = byHost.get(host);
  if (!known) {
    byHost.set(host, [...rules]);
    return;
  }
  for (const rule of rules) {
    if (!known.some((other) => other.service.stamp === rule.service.stamp && other.index === rule.index)) known.push(rule);
  }
}

function gatewayHost(host: string, port: number, rules: readonly SelectedRule[]): VirtualHostInput {
  // Behind a published port, clients name a port that the gateway does not know.
  const domains = host === '*' || host.startsWith('*') ? portForms(host, port, 'with and without port') : [host, `${host}:*`];
  return { name: `${host}:${port}`, domains, rules, fallback: { kind: 'none' } };
}
