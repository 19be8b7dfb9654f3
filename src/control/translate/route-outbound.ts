// Route configurations of sidecars' outbound listeners, one per port, and the one of an explicit HTTP proxy, for all ports.
import { hostCovers } from '#control/mesh/hostname';
import { isHttp } from '#control/mesh/protocol';
import type { MeshPort, MeshService } from '#control/mesh/service';
import { type MeshVirtualService, meshGateway } from '#control/mesh/traffic-resource';
import type { ProxyView } from '#control/view/proxy-view';
import { outboundClusterName } from './cluster-name.ts';
import { type PortForms, portForms, serviceDomains } from './domain.ts';
import { unknownHostsCluster } from './egress-proxy.ts';
import { consistentHashes } from './hash-policy.ts';
import { type RuleContext, selectRules } from './selected-rule.ts';
import type { ClusterWeight } from './tcp-proxy.ts';
import { serviceCluster, tcpDestinations } from './tcp-route.ts';
import { tlsChains } from './tls-route.ts';
import type { VirtualHostInput } from './virtual-host.ts';

export const httpProxyRoutes = 'http_proxy';

/** Of the route configuration that is named for a port, as outbound listeners refer to it. */
export function outboundHosts(view: ProxyView, port: number): VirtualHostInput[] {
  const hosts = hostsOn(view, port);
  if (port === 80) hosts.push(...serviceLessHosts(view));
  return [...hosts, fallbackHost(view, false)];
}

/** Every port, told apart by the port in the authority; plain names mean port 80. By CONNECT every TCP port is reached, HTTP's among them. */
export function httpProxyHosts(view: ProxyView): VirtualHostInput[] {
  return [...explicitHosts(view, view.scope.services), ...serviceLessHosts(view), fallbackHost(view, true)];
}

function explicitHosts(view: ProxyView, services: readonly MeshService[]): VirtualHostInput[] {
  return [...hostsOn(view, 80, services, true), ...hostsOnOthers(view, services), ...tunnelHosts(view, services)];
}

/** The route configuration of one service's port whose connections are found by address, and to be HTTP by their first bytes. */
export function serviceRoutes(service: MeshService, port: number): string {
  return `${service.hostname}:${port}`;
}

/** Whatever host a request names, its connection was for this service. Undefined: the name is of no such route configuration. */
export function singleServiceHosts(view: ProxyView, name: string): VirtualHostInput[] | undefined {
  const [, hostname = '', number] = /^(.+):(\d{1,5})$/.exec(name) ?? [];
  const service = view.scope.serviceByHost.get(hostname);
  const port = service?.ports.find((each) => each.number === Number(number) && each.protocol === 'auto');
  return service && port && [{ ...serviceHost(view, service, port, 'with port'), domains: ['*'] }];
}

/** HTTP may come to it in the clear. */
const isPlain = ({ protocol }: MeshPort) => isHttp(protocol) || protocol === 'auto';

/** Of a route configuration, those of its hosts that are of these services. */
export function hostsOfServices(view: ProxyView, name: string, services: readonly MeshService[]): VirtualHostInput[] {
  if (name === httpProxyRoutes) return explicitHosts(view, services);
  if (isPort(name)) return hostsOn(view, Number(name), services);
  return services.some(({ hostname }) => name.startsWith(`${hostname}:`)) ? (singleServiceHosts(view, name) ?? []) : [];
}

/** Whether a route configuration is named for a port. */
export function isPort(name: string): boolean {
  return /^\d{1,5}$/.test(name);
}

function hostsOn(view: ProxyView, number: number, services = view.scope.services, tunnels = false): VirtualHostInput[] {
  const hosts = serviceHosts(view, services, (port) => port.number === number && isPlain(port), 'with and without port');
  return tunnels ? hosts.map(({ service, port, host }) => withTunnel(view, service, port, host)) : hosts.map(({ host }) => host);
}

function hostsOnOthers(view: ProxyView, services: readonly MeshService[]): VirtualHostInput[] {
  const hosts = serviceHosts(view, services, (port) => port.number !== 80 && isPlain(port), 'with port');
  return hosts.map(({ service, port, host }) => withTunnel(view, service, port, host));
}

/** What comes by CONNECT is TCP: its rules decide, not those of HTTP. */
function withTunnel(view: ProxyView, service: MeshService, port: MeshPort, host: VirtualHostInput): VirtualHostInput {
  return { ...host, tunnel: tcpDestinations(view, service, port) };
}

interface ServiceHost {
  readonly service: MeshService;
  readonly port: MeshPort;
  readonly host: VirtualHostInput;
}

function serviceHosts(
  view: ProxyView,
  services: readonly MeshService[],
  wanted: (port: MeshPort) => boolean,
  forms: PortForms,
): ServiceHost[] {
  const hosts: ServiceHost[] = [];
  for (const service of services) {
    for (const port of service.ports) if (wanted(port)) hosts.push({ service, port, host: serviceHost(view, service, port, forms) });
  }
  return hosts;
}

/** A service at one port, with the rules of the VirtualService that decides for its host. */
export function serviceHost(view: ProxyView, service: MeshService, port: MeshPort, forms: PortForms): VirtualHostInput {
  const decides = view.meshRules.for(service.hostname);
  const rules = decides ? selectRules(decides, meshContext(view, port.number)) : [];
  const cluster = outboundClusterName(port.number, '', service.hostname);
  return {
    name: `${service.hostname}:${port.number}`,
    domains: serviceDomains(service, port.number, view.proxy, view.snapshot.config.domainSuffix, forms),
    rules,
    retries: view.snapshot.config.defaultHttpRetryPolicy,
    // Once rules are written for a host, a request that none of them takes finds nothing: 404.
    fallback: rules.length > 0 ? { kind: 'none' } : { kind: 'service', cluster, hashes: consistentHashes(view.scope, [cluster]) },
  };
}

/** Hosts that VirtualServices name and no service has: they stand at port 80. */
function serviceLessHosts(view: ProxyView): VirtualHostInput[] {
  const { meshVirtualServices, serviceByHost, services } = view.scope;
  const retries = view.snapshot.config.defaultHttpRetryPolicy;
  const known = (host: string) => serviceByHost.has(host) || services.some((service) => hostCovers(host, service.hostname));
  return meshVirtualServices.flatMap((service: MeshVirtualService) =>
    service.hosts
      .filter((host) => !known(host))
      .map((host): VirtualHostInput => {
        const rules = selectRules(service, meshContext(view, 80));
        return { name: `${host}:80`, domains: portForms(host, 80, 'with and without port'), rules, retries, fallback: { kind: 'none' } };
      })
      .filter(({ rules }) => rules.length > 0),
  );
}

/** Of services that do not speak HTTP in the clear. */
function tunnelHosts(view: ProxyView, services: readonly MeshService[]): VirtualHostInput[] {
  return services.flatMap((service) =>
    service.ports.flatMap((port): VirtualHostInput[] => {
      const { protocol } = port;
      if (protocol === 'tcp') return [tunnelHost(view, service, port, tcpDestinations(view, service, port))];
      return protocol === 'tls' || protocol === 'https' ? secureHosts(view, service, port) : [];
    }),
  );
}

/**
 * Rules that go by the server name of TLS go here by the name that the client wants a tunnel to: it is the one that it asks for in the
 * tunnel. Where no rule has the service's own name, the service has it.
 */
function secureHosts(view: ProxyView, service: MeshService, port: MeshPort): VirtualHostInput[] {
  const chains = tlsChains(view, service, port, false).filter(({ prefixRanges }) => prefixRanges.length === 0);
  const clustersOf = (name: string) => {
    const chain = chains.find(({ serverNames }) => serverNames.length === 0 || serverNames.some((wide) => hostCovers(wide, name)));
    return chain?.target.kind === 'clusters' ? chain.target.clusters : undefined;
  };
  const names = new Set(chains.flatMap(({ serverNames }) => serverNames.filter((name) => !view.scope.serviceByHost.has(name))));
  return [
    tunnelHost(view, service, port, clustersOf(service.hostname) ?? [serviceCluster(view, service, port)]),
    ...[...names].map(
      (name): VirtualHostInput => ({
        name: `${name}:${port.number}`,
        domains: portForms(name, port.number, 'with port'),
        rules: [],
        fallback: { kind: 'none' },
        tunnel: clustersOf(name) ?? [],
      }),
    ),
  ];
}

function tunnelHost(view: ProxyView, service: MeshService, port: MeshPort, tunnel: readonly ClusterWeight[]): VirtualHostInput {
  const domains = serviceDomains(service, port.number, view.proxy, view.snapshot.config.domainSuffix, 'with port');
  return { name: `${service.hostname}:${port.number}`, domains, rules: [], fallback: { kind: 'none' }, tunnel };
}

/** `tunnel`: clients ask by CONNECT as well. */
function fallbackHost(view: ProxyView, tunnel: boolean): VirtualHostInput {
  if (!view.scope.allowAny) {
    return { name: 'block_all', domains: ['*'], rules: [], fallback: { kind: 'status', name: 'block_all', status: 502 } };
  }
  const cluster = unknownHostsCluster(view);
  const host: VirtualHostInput = {
    name: 'allow_any',
    domains: ['*'],
    rules: [],
    fallback: { kind: 'untouched', name: 'allow_any', cluster },
  };
  return tunnel ? { ...host, tunnel: [{ name: cluster, weight: 1 }] } : host;
}

function meshContext(view: ProxyView, port: number): RuleContext {
  return {
    services: view.snapshot.services,
    domainSuffix: view.snapshot.config.domainSuffix,
    listenerPort: port,
    matchPort: port,
    secure: false,
    gateway: meshGateway,
    scope: view.scope,
    namespace: view.proxy.namespace,
    labels: view.labels,
  };
}
