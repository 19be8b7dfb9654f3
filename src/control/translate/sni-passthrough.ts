// Gateways that pass TLS of the mesh on by itself (AUTO_PASSTHROUGH): a client's sidecar names service, port and subset in its SNI, and the gateway
// leads the connection to a cluster of the same name, without looking into it; TLS that does not offer the mesh's ALPN is not led. As Istio makes it: a filter chain and a cluster for each.
import type { Subset } from '#api/kinds/destination-rule';
import { hostCovers } from '#control/mesh/hostname';
import type { MeshPort, MeshService } from '#control/mesh/service';
import type { ProxyView } from '#control/view/proxy-view';
import { type GatewayServer, gatewayPorts } from './gateway-server.ts';
import type { ConnectionChain } from './listener-tcp.ts';
import { meshServerName } from './mutual-tls.ts';

export interface PassedOn {
  service: MeshService;
  port: MeshPort;
  subset: Subset | undefined;
}

export function isAutoPassthrough({ server }: GatewayServer): boolean {
  return server.tls?.mode === 'AUTO_PASSTHROUGH';
}

/** Of one server, whose hosts are those of services. */
export function sniChains(view: ProxyView, bound: GatewayServer): ConnectionChain[] {
  return passedOn(view, bound).map(({ service, port, subset }): ConnectionChain => {
    const name = meshServerName(port.number, subset?.name ?? '', service.hostname);
    const clusters = [{ name, weight: 1 }];
    return {
      serverNames: [name.toLowerCase()],
      prefixRanges: [],
      meshTls: true,
      target: { kind: 'clusters', clusters },
      metadata: undefined,
    };
  });
}

/** Of all servers of a gateway; each once. */
export function sniDestinations(view: ProxyView): PassedOn[] {
  if (view.proxy.type !== 'router') return [];
  const servers = gatewayPorts(view).flatMap((port) => port.servers.filter(isAutoPassthrough));
  const byName = new Map(
    servers
      .flatMap((bound) => passedOn(view, bound))
      .map((each) => [meshServerName(each.port.number, each.subset?.name ?? '', each.service.hostname), each]),
  );
  return [...byName.values()];
}

function passedOn({ scope }: ProxyView, { gateway, server }: GatewayServer): PassedOn[] {
  const [own] = gateway.split('/');
  const hosts = (server.hosts ?? []).map((text) => {
    const [owner, host] = text.includes('/') ? (text.split('/', 2) as [string, string]) : ['*', text];
    return { owner: owner === '.' ? own : owner, host: host.toLowerCase() };
  });
  const admits = ({ namespace, hostname }: MeshService) =>
    hosts.some(({ owner, host }) => (owner === '*' || owner === namespace) && hostCovers(host, hostname));
  return scope.services
    .filter((service) => !service.external && admits(service))
    .flatMap((service) => {
      const subsets = scope.destinationRules.for(service)?.subsets ?? [];
      return service.ports
        .filter(({ protocol }) => protocol !== 'udp')
        .flatMap((port) => [undefined, ...subsets].map((subset) => ({ service, port, subset })));
    });
}
