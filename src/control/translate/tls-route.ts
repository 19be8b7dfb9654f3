// TLS rules of VirtualServices: connections are told apart by the server name that the client asks for (SNI), and passed on
// as they are. Each match becomes a filter chain, as Istio makes them.
import type { TlsRoute } from '#api/kinds/virtual-service';
import type { MeshPort, MeshService } from '#control/mesh/service';
import { type MeshVirtualService, meshGateway } from '#control/mesh/traffic-resource';
import type { ProxyView } from '#control/view/proxy-view';
import { boundHosts, type GatewayPort } from './gateway-server.ts';
import type { ConnectionChain } from './listener-tcp.ts';
import { ruleMetadata } from './rule-metadata.ts';
import { holds, routeClusters, serviceCluster } from './tcp-route.ts';

/**
 * Of a service's TLS port, for a sidecar. Without a rule, the service itself: under its own name where it has no address by which the
 * listener is found (`addressed`), and where the name is all that says where to go.
 */
export function tlsChains(view: ProxyView, service: MeshService, port: MeshPort, addressed: boolean): ConnectionChain[] {
  const decides = view.meshRules.for(service.hostname);
  const routed = decides ? ruleChains(decides, meshGateway, port.number, view) : [];
  if (routed.length > 0) return routed;
  const clusters = [serviceCluster(view, service, port)];
  const serverNames = addressed && service.resolution !== 'dynamic-dns' ? [] : [service.hostname];
  return [{ serverNames, prefixRanges: [], target: { kind: 'clusters', clusters }, metadata: undefined }];
}

/** Of a gateway's port that passes TLS through. */
export function gatewayTlsChains(view: ProxyView, port: GatewayPort): ConnectionChain[] {
  return port.servers.flatMap((bound) =>
    view.scope.virtualServices
      .filter((service) => boundHosts(bound, service).length > 0)
      .flatMap((service) => ruleChains(service, bound.gateway, bound.server.port.number, view)),
  );
}

function ruleChains(service: MeshVirtualService, gateway: string, port: number, view: ProxyView): ConnectionChain[] {
  return (service.object.spec.tls ?? []).flatMap(({ match, route }, i) => {
    const clusters = routeClusters(route, service, port, view);
    if (!clusters) return [];
    return match
      .filter((condition) => holds(condition, service, gateway, port, view))

      .map((condition) => ({
        ...conditionsOf(condition),
        target: { kind: 'clusters', clusters },
        metadata: ruleMetadata(service, `spec.tls[${i}]`),
      }));
  });
}

/** `*` is every name, which a filter chain says by naming none. */
function conditionsOf({ sniHosts, destinationSubnets }: TlsRoute['match'][number]) {
  const names = (sniHosts ?? []).map((host) => host.toLowerCase());
  return { serverNames: names.includes('*') ? [] : names, prefixRanges: destinationSubnets ?? [] };
}
