// Listeners of a gateway: one per port of the Gateways that select it.
import type { ProxyView } from '#control/view/proxy-view';
import { gatewayPorts } from './gateway-server.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import { direction, filterChain, type ListenerInput, listenerOptions, optionsKey } from './listener.ts';
import { socketAddress } from './message.ts';
import { gatewayRouteName } from './route-gateway.ts';
import { type ClusterWeight, tcpProxy } from './tcp-proxy.ts';
import { gatewayTcpDestinations } from './tcp-route.ts';

export function gatewayListeners(view: ProxyView): ListenerInput[] {
  const options = listenerOptions(view);
  return gatewayPorts(view).flatMap((port) => {
    if (port.protocol === 'http') return [httpListener(port.number, options)];
    const clusters = gatewayTcpDestinations(view, port);
    return clusters && clusters.length > 0 ? [tcpListener(port.number, clusters, options)] : [];
  });
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

function tcpListener(port: number, clusters: readonly ClusterWeight[], options: ListenerOptions): ListenerInput {
  const name = `0.0.0.0_${port}`;
  return {
    name,
    key: `gateway tcp ${clusters.map((cluster) => `${cluster.name}=${cluster.weight}`).join(',')} ${optionsKey(options)}`,
    make: () => ({
      address: socketAddress('0.0.0.0', port),
      trafficDirection: direction.outbound,
      filterChains: [filterChain(name, [tcpProxy(`outbound_${name}`, clusters, options)])],
    }),
  };
}
