// Route configurations of gateways, with a virtual host for each host that a server and a VirtualService share: `http.<port>` for all
// plain servers of a port, and one for each server that ends TLS.
import type { Server } from '#api/kinds/gateway';
import type { ProxyView } from '#control/view/proxy-view';
import { portForms } from './domain.ts';
import { anyAddress, boundHosts, type GatewayPort, type GatewayServer, gatewayPorts, serverHosts, serverKind } from './gateway-server.ts';
import { type SelectedRule, selectRules } from './selected-rule.ts';
import type { VirtualHostInput } from './virtual-host.ts';

export function plainRouteName({ bind, number }: Pick<GatewayPort, 'bind' | 'number'>): string {
  return bind === anyAddress ? `http.${number}` : `http.${number}.${bind}`;
}

/** Istio's name: `https.443.https.bookinfo.default`. */
export function secureRouteName({ gateway, server }: GatewayServer): string {
  const [namespace, name] = gateway.split('/');
  return `https.${server.port.number}.${server.port.name}.${name}.${namespace}`;
}

/** Undefined when the gateway has no configuration of that name. */
export function gatewayHosts(view: ProxyView, name: string): VirtualHostInput[] | undefined {
  for (const port of gatewayPorts(view)) {
    if (port.protocol === 'http' && plainRouteName(port) === name) return hostsOf(view, port, port.servers);
    const own = port.protocol === 'tls' ? port.servers.find((bound) => isHttps(bound) && secureRouteName(bound) === name) : undefined;
    if (own) return hostsOf(view, port, [own]);
  }
  return undefined;
}

const isHttps = ({ server }: GatewayServer) => serverKind(server) === 'https';

interface GatewayHost {
  rules: SelectedRule[];
  redirectsToHttps: boolean;
}

function hostsOf(view: ProxyView, port: GatewayPort, servers: readonly GatewayServer[]): VirtualHostInput[] {
  const byHost = new Map<string, GatewayHost>();
  for (const bound of servers) {
    const redirectsToHttps = bound.server.tls?.httpsRedirect ?? false;
    for (const [host, rules] of boundRules(view, bound)) add(byHost, host, rules, redirectsToHttps);
    // A redirect needs no route behind it.
    if (redirectsToHttps) for (const host of serverHosts(bound.server)) add(byHost, host, [], true);
  }
  const hosts = [...byHost].map(
    ([host, { rules, redirectsToHttps }]): VirtualHostInput => ({
      name: `${host}:${port.number}`,
      domains: domainsOf(host, port.number),
      rules,
      redirectsToHttps,
      retries: view.snapshot.config.defaultHttpRetryPolicy,
      fallback: { kind: 'none' },
    }),
  );
  hosts.push(...misdirected(port, servers, byHost));
  // Nothing is bound yet: every request finds no route.
  if (hosts.length === 0) hosts.push({ name: `blackhole:${port.number}`, domains: ['*'], rules: [], fallback: { kind: 'none' } });
  return hosts;
}

function* boundRules(view: ProxyView, bound: GatewayServer): Iterable<[host: string, rules: SelectedRule[]]> {
  for (const service of view.scope.virtualServices) {
    const hosts = boundHosts(bound, service);
    if (hosts.length === 0) continue;
    const rules = selectRules(service, {
      services: view.snapshot.services,
      domainSuffix: view.snapshot.config.domainSuffix,
      listenerPort: bound.server.port.number,
      matchPort: bound.server.port.number,
      secure: isHttps(bound),
      gateway: bound.gateway,
      scope: view.scope,
      namespace: view.proxy.namespace,
      labels: view.labels,
    });
    // Rules for TCP alone claim no host of HTTP requests.
    if (rules.length > 0) for (const host of hosts) yield [host, rules];
  }
}

/** Several VirtualServices may share a host: their rules follow one another, the oldest first; the same rule comes once. */
function add(byHost: Map<string, GatewayHost>, host: string, rules: readonly SelectedRule[], redirectsToHttps: boolean): void {
  let known = byHost.get(host);
  if (!known) byHost.set(host, (known = { rules: [], redirectsToHttps }));
  known.redirectsToHttps ||= redirectsToHttps;
  for (const rule of rules) {
    if (!known.rules.some((other) => other.service.stamp === rule.service.stamp && other.index === rule.index)) known.rules.push(rule);
  }
}

/**
 * A client that keeps a connection may ask over it for a host of another server, whose certificate this connection does not have: it is to
 * connect anew (421, RFC 9110 section 15.5.20).
 */
function misdirected(port: GatewayPort, servers: readonly GatewayServer[], own: ReadonlyMap<string, GatewayHost>): VirtualHostInput[] {
  if (port.protocol !== 'tls') return [];
  const others = port.servers.filter((bound) => !servers.includes(bound) && isHttps(bound)).flatMap(({ server }) => serverHosts(server));
  const mine = new Set(servers.flatMap(({ server }) => serverHosts(server)));
  const foreign = [...new Set(others)].filter((host) => host !== '*' && !own.has(host) && !mine.has(host));
  return foreign.map((host) => ({
    name: `misdirected:${host}`,
    domains: domainsOf(host, port.number),
    rules: [],
    fallback: { kind: 'status', name: 'misdirected', status: 421 },
  }));
}

/** Behind a published port, clients name a port that the gateway does not know. */
function domainsOf(host: string, port: number): string[] {
  return host.startsWith('*') ? portForms(host, port, 'with and without port') : [host, `${host}:*`];
}

/** What a server that ends TLS offers by ALPN. */
export function applicationProtocols(server: Server): string[] {
  return serverKind(server) === 'https' ? ['h2', 'http/1.1'] : [];
}
