// The servers of the Gateways that select a router, put together by the port at which the router listens.
import type { Server } from '#api/kinds/gateway';
import { intersectHosts } from '#control/mesh/hostname';
import { declaredProtocol, isHttp } from '#control/mesh/protocol';
import type { MeshVirtualService } from '#control/mesh/traffic-resource';
import { targetNumber } from '#control/view/inbound-port';
import type { ProxyView } from '#control/view/proxy-view';

export interface GatewayServer {
  /** `namespace/name` of the Gateway. */
  gateway: string;
  server: Server;
}

export const anyAddress = '0.0.0.0';

/** `tls`: told apart by server name, whether TLS ends here or passes through. */
type GatewayProtocol = 'http' | 'tcp' | 'tls';

export interface GatewayPort {
  /** Where the router listens: an address, 0.0.0.0 unless its servers say another. */
  bind: string;
  number: number;
  protocol: GatewayProtocol;
  /** The oldest Gateway's first. */
  servers: readonly GatewayServer[];
}

/**
 * A server's port is one of the gateway's Service, whose target port is listened at, or else that port itself. Where protocols clash,
 * the older Gateway has the port. Servers that bind different addresses do not meet.
 */
export function gatewayPorts(view: ProxyView): GatewayPort[] {
  const ports = new Map<string, Omit<GatewayPort, 'servers'> & { servers: GatewayServer[] }>();
  for (const gateway of view.gateways) {
    for (const server of gateway.object.spec.servers ?? []) {
      const protocol = serverProtocol(server);
      const number = listenPort(view, server.port.number);
      const bind = server.bind || anyAddress;
      const key = `${bind}_${number}`;
      let port = ports.get(key);
      if (!port) ports.set(key, (port = { bind, number, protocol, servers: [] }));
      if (port.protocol === protocol) port.servers.push({ gateway: `${gateway.namespace}/${gateway.name}`, server });
    }
  }
  return [...ports.values()].sort((a, b) => a.number - b.number);
}

/** What a server does with the connections that are for it. */
export function serverKind({ port, tls }: Server): 'http' | 'tcp' | 'https' | 'tls-terminated' | 'tls-passthrough' {
  const declared = declaredProtocol(port.protocol, port.name);
  if (declared !== 'https' && declared !== 'tls') return isHttp(declared) ? 'http' : 'tcp';
  // Istio takes TLS without a mode for one that is passed through.
  const mode = tls?.mode ?? 'PASSTHROUGH';
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') return 'tls-passthrough';
  return declared === 'https' ? 'https' : 'tls-terminated';
}

function serverProtocol(server: Server): GatewayProtocol {
  const kind = serverKind(server);
  return kind === 'http' || kind === 'tcp' ? kind : 'tls';
}

function listenPort(view: ProxyView, number: number): number {
  for (const service of view.instances) {
    const port = service.ports.find((candidate) => candidate.number === number);
    const target = port && targetNumber(port, view.workload);
    if (target !== undefined) return target;
  }
  return number;
}

/** The hosts of a server without the namespaces that may stand before them; lower case. */
export function serverHosts({ hosts }: Server): string[] {
  return (hosts ?? []).map((text) => text.slice(text.indexOf('/') + 1).toLowerCase());
}

/** Hosts at which `service` is reached through `server`; `namespace/host` in the server admits VirtualServices of that namespace alone. */
export function boundHosts({ gateway, server }: GatewayServer, service: MeshVirtualService): string[] {
  if (!service.gateways.includes(gateway)) return [];
  const bound = new Set<string>();
  for (const text of server.hosts ?? []) {
    const slash = text.indexOf('/');
    const owner = slash < 0 ? '*' : text.slice(0, slash);
    if (owner !== '*' && owner !== service.namespace && !(owner === '.' && gateway.startsWith(`${service.namespace}/`))) continue;
    for (const host of service.hosts) {
      const common = intersectHosts(text.slice(slash + 1).toLowerCase(), host);
      if (common !== undefined) bound.add(common);
    }
  }
  return [...bound];
}
