// Listeners of a gateway: one per port of the Gateways that select it.
import type { ProxyView } from '#control/view/proxy-view';
import { type GatewayPort, type GatewayServer, gatewayPorts, serverHosts, serverKind } from './gateway-server.ts';
import { guardsOf } from './guards.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import { inspections } from './inspection.ts';
import { direction, filterChain, type ListenerInput, listenerOptions } from './listener.ts';
import { type ConnectionChain, connectionListener } from './listener-tcp.ts';
import { socketAddress } from './message.ts';
import { applicationProtocols, plainRouteName, secureRouteName } from './route-gateway.ts';
import { isAutoPassthrough, sniChains } from './sni-passthrough.ts';
import type { ClusterWeight } from './tcp-proxy.ts';
import { gatewayTcpDestinations } from './tcp-route.ts';
import { gatewayTlsChains } from './tls-route.ts';

export function gatewayListeners(view: ProxyView): ListenerInput[] {
  const options = listenerOptions(view, 'client', guardsOf(view));
  return gatewayPorts(view).flatMap((port) => {
    if (port.protocol === 'http') return [httpListener(port, options)];
    const chains = port.protocol === 'tls' ? tlsChains(view, port) : tcpChains(gatewayTcpDestinations(view, port));
    return chains.length > 0 ? [chainListener(port, chains, options)] : [];
  });
}

function tcpChains(clusters: readonly ClusterWeight[] | undefined): ConnectionChain[] {
  return clusters?.length ? [{ serverNames: [], prefixRanges: [], target: { kind: 'clusters', clusters }, metadata: undefined }] : [];
}

function tlsChains(view: ProxyView, port: GatewayPort): ConnectionChain[] {
  return port.servers.flatMap((bound) => {
    if (isAutoPassthrough(bound)) return sniChains(view, bound);
    const alone = { ...port, servers: [bound] };
    return serverKind(bound.server) === 'tls-passthrough' ? gatewayTlsChains(view, alone) : terminatedChains(view, alone, bound);
  });
}

/** TLS ends here; `*` is every name, which a filter chain says by naming none. */
function terminatedChains(view: ProxyView, port: GatewayPort, bound: GatewayServer): ConnectionChain[] {
  const { server } = bound;
  const hosts = serverHosts(server);
  const common = {
    serverNames: hosts.includes('*') ? [] : hosts,
    prefixRanges: [],
    tls: { server: server.tls ?? {}, applicationProtocols: applicationProtocols(server) },
    metadata: undefined,
  };
  if (serverKind(server) === 'https') return [{ ...common, target: { kind: 'http', place: 'gateway', routes: secureRouteName(bound) } }];
  const clusters = gatewayTcpDestinations(view, port);
  return clusters?.length ? [{ ...common, target: { kind: 'clusters', clusters } }] : [];
}

function httpListener(port: GatewayPort, options: ListenerOptions): ListenerInput {
  const { bind, number } = port;
  const name = `${bind}_${number}`;
  return {
    name,
    key: `gateway http ${options.key}`,
    make: () => ({
      address: socketAddress(bind, number),
      trafficDirection: direction.outbound,
      ...inspections({ proxyProtocol: options.settings.proxyProtocol, tls: false, httpPorts: [], timeoutMs: 0, serverFirst: false }),
      filterChains: [
        filterChain(name, [
          httpConnectionManager({ ...options, place: 'gateway', statPrefix: `outbound_${name}`, routes: plainRouteName(port) }),
        ]),
      ],
    }),
  };
}

function chainListener(
  { bind: address, number: port }: GatewayPort,
  chains: readonly ConnectionChain[],
  options: ListenerOptions,
): ListenerInput {
  return connectionListener(
    { address, port, chains, chainName: `${address}_${port}`, bindToPort: true, otherwise: undefined, edge: true },
    options,
  );
}
