// What a gRPC client library gets (`xds:///reviews.default.svc.cluster.local:9080`): a listener that is only an API, and its routes.
import type { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import type { MeshPort, MeshService } from '#control/mesh/service';
import type { ProxyView } from '#control/view/proxy-view';
import type { Resource } from '#xds/resource';
import { outboundClusterName, parseOutboundClusterName } from './cluster-name.ts';
import { grpcClientManager } from './http-connection-manager.ts';
import type { ListenerInput } from './listener.ts';
import type { ResourceCache } from './resource-cache.ts';
import { routeConfiguration } from './route-configuration.ts';
import { serviceHost } from './route-outbound.ts';

/** `target`: `host:port`, as the client dials it. Undefined when there is no such service. */
export function apiListener(view: ProxyView, target: string): ListenerInput | undefined {
  const colon = target.lastIndexOf(':');
  if (colon < 0) return undefined;
  const found = findPort(view, target.slice(0, colon), Number(target.slice(colon + 1)));
  if (!found) return undefined;
  const routes = outboundClusterName(found.port.number, '', found.service.hostname);
  return {
    name: target,
    key: `api ${routes}`,
    make: () => ({ apiListener: { apiListener: grpcClientManager(target, routes) } }) satisfies Parameters<typeof Listener.fromPartial>[0],
  };
}

/** `name`: the default cluster of the service. */
export function apiRoutes(cache: ResourceCache, view: ProxyView, name: string): Resource | undefined {
  const parsed = parseOutboundClusterName(name);
  const found = parsed && findPort(view, parsed.host, parsed.port);
  if (!found) return undefined;
  const host = serviceHost(view, found.service, found.port, 'with and without port');
  return routeConfiguration(cache, name, [{ ...host, grpcCluster: name }]);
}

function findPort({ scope }: ProxyView, host: string, number: number): { service: MeshService; port: MeshPort } | undefined {
  const service = scope.serviceByHost.get(host);
  const port = service?.ports.find((candidate) => candidate.number === number);
  return service && port && { service, port };
}
