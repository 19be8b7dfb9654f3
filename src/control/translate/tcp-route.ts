// TCP rules of VirtualServices: which clusters a connection may go to.

import type { TcpRoute } from '#api/kinds/virtual-service';
import { type MeshPort, type MeshService, selects } from '#control/mesh/service';
import { type MeshVirtualService, meshGateway, resolveGateway } from '#control/mesh/traffic-resource';
import type { ProxyView } from '#control/view/proxy-view';
import type { SidecarScope } from '#control/view/sidecar-scope';
import { durationMs } from '#foundation/duration';
import { outboundClusterName, parseOutboundClusterName } from './cluster-name.ts';
import { clusterPolicy } from './cluster-policy.ts';
import { destinationCluster } from './destination.ts';
import { boundHosts, type GatewayPort } from './gateway-server.ts';
import type { ClusterWeight, ConnectionSettings } from './tcp-proxy.ts';

/** Of a service that a sidecar's client connects to. */
export function tcpDestinations(view: ProxyView, service: MeshService, port: MeshPort): ClusterWeight[] {
  const decides = view.meshRules.for(service.hostname);
  const routed = decides && ruleClusters(view, decides, meshGateway, port.number);
  return routed ?? [serviceCluster(view, service, port)];
}

/** Straight to a service. */
export function serviceCluster({ scope }: ProxyView, service: MeshService, port: MeshPort): ClusterWeight {
  return clusterWeight(scope, outboundClusterName(port.number, '', service.hostname), 1);
}

function clusterWeight(scope: SidecarScope, name: string, weight: number): ClusterWeight {
  const connections = connectionSettings(scope, name);
  return { name, weight, ...(Object.keys(connections).length > 0 && { connections }) };
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function connectionSettings(scope: SidecarScope, cluster: string): ConnectionSettings {
  const { loadBalancer, connectionPool, tunnel } = clusterPolicy(scope, cluster);
  const { idleTimeout, maxConnectionDuration } = connectionPool?.tcp ?? {};
  const idleMs = idleTimeout === undefined ? undefined : durationMs(idleTimeout);
  const namedHostPort = dynamicPort(scope, cluster);
  const durationMsMax = maxConnectionDuration === undefined ? undefined : durationMs(maxConnectionDuration);
  return {
    ...(loadBalancer?.consistentHash?.useSourceIp && { hashesSourceIp: true }),
    ...(tunnel && { tunnel: { target: hostPort(tunnel.targetHost, tunnel.targetPort), post: tunnel.protocol === 'POST' } }),
    ...(namedHostPort !== undefined && { namedHostPort }),
    ...(idleMs !== undefined && { idleMs }),
    ...(durationMsMax !== undefined && { durationMsMax }),
  };
}

/** Where the hosts of the cluster are resolved by the names that clients ask for; undefined: they are not. */
function dynamicPort({ serviceByHost }: SidecarScope, cluster: string): number | undefined {
  const parsed = parseOutboundClusterName(cluster);
  return parsed && serviceByHost.get(parsed.host)?.resolution === 'dynamic-dns' ? parsed.port : undefined;
}

/** Of a TCP port of a gateway; undefined when nothing is bound to it. */
export function gatewayTcpDestinations(view: ProxyView, port: GatewayPort): ClusterWeight[] | undefined {
  for (const bound of port.servers) {
    for (const service of view.scope.virtualServices) {
      const clusters = boundHosts(bound, service).length > 0 && ruleClusters(view, service, bound.gateway, bound.server.port.number);
      if (clusters) return clusters;
    }
  }
  return undefined;
}

function ruleClusters(view: ProxyView, service: MeshVirtualService, gateway: string, port: number): ClusterWeight[] | undefined {
  const rule = (service.object.spec.tcp ?? []).find(({ match }) =>
    match?.length ? match.some((condition) => holds(condition, service, gateway, port, view)) : service.gateways.includes(gateway),
  );
  return rule && routeClusters(rule.route, service, port, view);
}

/** Undefined for a rule that leads nowhere. */
export function routeClusters(
  route: TcpRoute['route'],
  service: MeshVirtualService,
  port: number,
  { snapshot, scope }: ProxyView,
): ClusterWeight[] | undefined {
  if (!route || route.length === 0) return undefined;
  const context = { services: snapshot.services, domainSuffix: snapshot.config.domainSuffix, listenerPort: port };
  const clusters = route.map(({ destination, weight }) =>
    clusterWeight(scope, destinationCluster(destination, service.namespace, context), weight ?? 0),
  );
  return clusters.length === 1 ? clusters.map((only) => ({ ...only, weight: 1 })) : clusters.filter(({ weight }) => weight > 0);
}

/** What TCP and TLS matches have in common, apart from destination addresses. */
type ConnectionMatch = Pick<NonNullable<TcpRoute['match']>[number], 'gateways' | 'port' | 'sourceNamespace' | 'sourceLabels'>;

/** Whether a match is for this proxy at this port of this gateway (`mesh` for a sidecar). */
export function holds(condition: ConnectionMatch, service: MeshVirtualService, gateway: string, port: number, view: ProxyView): boolean {
  const gateways = condition.gateways?.map((name) => resolveGateway(name, service.namespace)) ?? service.gateways;
  if (!gateways.includes(gateway)) return false;
  if (condition.port !== undefined && condition.port !== port) return false;
  if (condition.sourceNamespace && condition.sourceNamespace !== view.proxy.namespace) return false;
  return !condition.sourceLabels || selects(condition.sourceLabels, view.labels);
}
