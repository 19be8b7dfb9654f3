// Outbound listeners of a sidecar: what redirected traffic ends up at, and the explicit HTTP proxy.
import { isHttp } from '#control/mesh/protocol';
import type { MeshService } from '#control/mesh/service';
import type { ProxyView } from '#control/view/proxy-view';
import { blackHoleCluster, passthroughCluster } from './cluster-name.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import { direction, filterChain, type ListenerInput, listenerOptions, optionsKey } from './listener.ts';
import { socketAddress } from './message.ts';
import { httpProxyRoutes } from './route-outbound.ts';
import { type ClusterWeight, tcpProxy } from './tcp-proxy.ts';
import { tcpDestinations } from './tcp-route.ts';

const virtualOutboundPort = 15_001;

export function outboundListeners(view: ProxyView): ListenerInput[] {
  const options = listenerOptions(view);
  const { httpProxyPort, captured } = view.proxy;
  return [
    ...(captured ? [virtualOutbound(view, options), ...serviceListeners(view, options)] : []),
    ...(httpProxyPort === undefined ? [] : [httpProxy(httpProxyPort, options)]),
  ];
}

function virtualOutbound({ scope }: ProxyView, options: ListenerOptions): ListenerInput {
  const cluster = scope.allowAny ? passthroughCluster : blackHoleCluster;
  return {
    name: 'virtualOutbound',
    key: `${cluster} ${optionsKey(options)}`,
    make: () => ({
      address: socketAddress('0.0.0.0', virtualOutboundPort),
      trafficDirection: direction.outbound,
      useOriginalDst: true,
      filterChains: [
        // Traffic for the port itself was never redirected: it would come back for ever.
        filterChain(
          'virtualOutbound-trafficloop',
          [tcpProxy(blackHoleCluster, [{ name: blackHoleCluster, weight: 1 }], options)],
          virtualOutboundPort,
        ),
      ],
      defaultFilterChain: filterChain('virtualOutbound-catchall-tcp', [tcpProxy(cluster, [{ name: cluster, weight: 1 }], options)]),
    }),
  };
}

/** One listener per HTTP port, for all services; one per address and port for TCP services. */
function serviceListeners(view: ProxyView, options: ListenerOptions): ListenerInput[] {
  const listeners = new Map<string, ListenerInput>();
  for (const service of view.scope.services) {
    for (const port of service.ports) {
      if (!isHttp(port.protocol)) continue;
      const name = `0.0.0.0_${port.number}`;
      if (!listeners.has(name)) listeners.set(name, httpListener(name, port.number, options));
    }
  }
  for (const service of view.scope.services) {
    for (const port of service.ports) {
      if (isHttp(port.protocol) || port.protocol === 'udp') continue;
      for (const address of listenAddresses(service)) {
        const name = `${address}_${port.number}`;
        // Without an address of its own a TCP service cannot be told from what else is at the port: the first one has it.
        if (!listeners.has(name))
          listeners.set(name, tcpListener(name, address, port.number, tcpDestinations(view, service, port), options));
      }
    }
  }
  return [...listeners.values()];
}

/** Address ranges cannot be listened at; a service without addresses is expected anywhere. */
function listenAddresses({ addresses }: MeshService): readonly string[] {
  const single = addresses.filter((address) => !address.includes('/'));
  return single.length > 0 ? single : ['0.0.0.0'];
}

function httpListener(name: string, port: number, options: ListenerOptions): ListenerInput {
  return {
    name,
    key: `http ${optionsKey(options)}`,
    make: () => ({
      address: socketAddress('0.0.0.0', port),
      bindToPort: false,
      trafficDirection: direction.outbound,
      filterChains: [
        filterChain('', [
          httpConnectionManager({ ...options, place: 'sidecar-outbound', statPrefix: `outbound_${name}`, routes: String(port) }),
        ]),
      ],
    }),
  };
}

function tcpListener(
  name: string,
  address: string,
  port: number,
  clusters: readonly ClusterWeight[],
  options: ListenerOptions,
): ListenerInput {
  const statPrefix = clusters.length === 1 && clusters[0] ? clusters[0].name : `outbound_${name}`;
  return {
    name,
    key: `tcp ${clusters.map((cluster) => `${cluster.name}=${cluster.weight}`).join(',')} ${optionsKey(options)}`,
    make: () => ({
      address: socketAddress(address, port),
      bindToPort: false,
      trafficDirection: direction.outbound,
      filterChains: [filterChain('', [tcpProxy(statPrefix, clusters, options)])],
    }),
  };
}

/** For pods from which nothing is redirected: programs are told of it by the proxy variables. */
function httpProxy(port: number, options: ListenerOptions): ListenerInput {
  return {
    name: `127.0.0.1_${port}`,
    key: `http_proxy ${optionsKey(options)}`,
    make: () => ({
      address: socketAddress('127.0.0.1', port),
      trafficDirection: direction.outbound,
      filterChains: [
        filterChain('', [
          httpConnectionManager({
            ...options,
            place: 'sidecar-outbound',
            statPrefix: `outbound_127.0.0.1_${port}`,
            routes: httpProxyRoutes,
            connect: true,
          }),
        ]),
      ],
    }),
  };
}
