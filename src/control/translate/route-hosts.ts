// Which virtual hosts a route configuration has, by its name.
import { settingsOver } from '#control/mesh/proxy-settings';
import type { ProxyView } from '#control/view/proxy-view';
import { distinctHosts } from './route-configuration.ts';
import { gatewayHosts } from './route-gateway.ts';
import { httpProxyHosts, httpProxyRoutes, isPort, outboundHosts, singleServiceHosts } from './route-outbound.ts';
import type { VirtualHostInput } from './virtual-host.ts';

/** Undefined where the proxy has no such route configuration. */
export function routeHosts(view: ProxyView, name: string): VirtualHostInput[] | undefined {
  return asSettingsSay(view, hostsOf(view, name));
}

/** What the proxy's own settings say of every host. */
export function asSettingsSay<T extends readonly VirtualHostInput[] | undefined>(view: ProxyView, hosts: T): T | VirtualHostInput[] {
  return hosts === undefined || countsAttempts(view) ? hosts : hosts.map((host) => ({ ...host, hidesAttempts: true }));
}

export function countsAttempts({ snapshot, proxy }: ProxyView): boolean {
  return settingsOver(snapshot.config.defaultConfig, proxy.config).countsAttempts;
}

function hostsOf(view: ProxyView, name: string): VirtualHostInput[] | undefined {
  if (view.proxy.type === 'router') {
    const hosts = gatewayHosts(view, name);
    return hosts && distinctHosts(hosts);
  }
  if (name === httpProxyRoutes) return distinctHosts(httpProxyHosts(view));
  return isPort(name) ? distinctHosts(outboundHosts(view, Number(name))) : singleServiceHosts(view, name);
}
