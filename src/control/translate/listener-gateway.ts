// Listeners of a gateway: one per port of the Gateways that select it.
import type { ProxyView } from '#control/view/proxy-view';
import { gatewayPorts } from './gateway-server.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import { direction, filterChain, type ListenerInput, listenerOptions, optionsKey } from './listener.ts';
import { type ConnectionChain, connectionListener } from './listener-tcp.ts';
import { socketAddress } from './message.ts';
import { gatewayRouteName } from './route-gateway.ts';
import type { ClusterWeight } from './tcp-proxy.ts';
import { gatewayTcpDestinations } from './tcp-route.ts';
import { gatewayTlsChains } from './tls-route.ts';

export function gatewayListeners(view: ProxyView): ListenerInput[] {
  const options = listenerOptions(view);
  return gatewayPorts(view).flatMap((port) => {
    if (port.protocol === 'http') return [httpListener(port.number, options)];
    const chains = port.protocol === 'tls' ? gatewayTlsChains(view, port) : tcpChains(gatewayTcpDestinations(view, port));
    return chains.length > 0 ? [passingListener(port.number, chains, options)] : [];
  });
}

function tcpChains(clusters: readonly ClusterWeight[] | undefined): ConnectionChain[] {
  return clusters?.length ? [{ serverNames: [], prefixRanges: [], clusters, metadata: undefined }] : [];
}

function httpListener(port: number, options: ListenerOptions): ListenerInput {
  const name = `0.0.0.0_${port}`;
  return {
    name,
    key: `gateway http ${optionsKey(options)}`,
    make: () => ({
      address: socketAddress('0.0.0.0', port),
      trafficDirection: direction.outbound,
      filterChains: [
        filterChain(name, [
          httpConnectionManager({ ...options, place: 'gateway', statPrefix: `outbound_${name}`, routes: gatewayRouteName(port) }),
        ]),
      ],
    }),
  };
}

function passingListener(port: number, chains: readonly ConnectionChain[], options: ListenerOptions): ListenerInput {
  const address = '0.0.0.0';
  return connectionListener({ address, port, chains, chainName: `${address}_${port}`, bindToPort: true, otherwise: undefined }, options);
}
