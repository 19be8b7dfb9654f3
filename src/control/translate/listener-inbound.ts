// Inbound listeners of a sidecar: `virtualInbound` for redirected traffic, or one listener per port of the workload.
import type { FilterChain } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { isHttp } from '#control/mesh/protocol';
import type { InboundPort } from '#control/view/inbound-port';
import type { ProxyView } from '#control/view/proxy-view';
import { blackHoleCluster, inboundClusterName, inboundPassthroughCluster } from './cluster-name.ts';
import { guardsOf } from './guards.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import { inspections, plainHttp } from './inspection.ts';
import { direction, filterChain, type ListenerInput, listenerOptions } from './listener.ts';
import { socketAddress } from './message.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { serverTransportSocket } from './transport-socket.ts';
import { virtualHost } from './virtual-host.ts';

const virtualInboundPort = 15_006;

export function inboundListeners(view: ProxyView): ListenerInput[] {
  const options = listenerOptions(view, guardsOf(view));
  if (!view.proxy.captured) return view.inbound.map((port) => boundInbound(port, options));
  const [bound, redirected] = [
    view.inbound.filter(({ listener }) => listener?.bound),
    view.inbound.filter(({ listener }) => !listener?.bound),
  ];
  return [virtualInbound(redirected, options), ...bound.map((port) => boundInbound(port, options))];
}

function virtualInbound(ports: readonly InboundPort[], options: ListenerOptions): ListenerInput {
  return {
    name: 'virtualInbound',
    key: `${ports.map(portKey).join(',')} ${options.key}`,
    make: () => ({
      address: socketAddress('0.0.0.0', virtualInboundPort),
      trafficDirection: direction.inbound,
      useOriginalDst: true,
      ...inspections({
        sni: false,
        httpPorts: ports.filter(({ protocol }) => protocol === 'auto').map(({ number }) => number),
        timeoutMs: options.detectionTimeoutMs,
      }),
      filterChains: [
        // Traffic for the port itself was never redirected: it would come back for ever.
        filterChain('virtualInbound-blackhole', [tcpProxy(blackHoleCluster, [{ name: blackHoleCluster, weight: 1 }], options)], {
          destinationPort: virtualInboundPort,
        }),
        ...ports.flatMap((port) => inboundChains(port, options, port.number)),
      ],
      defaultFilterChain: filterChain('virtualInbound-catchall', [
        ...options.guards.network(),
        tcpProxy(inboundPassthroughCluster, [{ name: inboundPassthroughCluster, weight: 1 }], options),
      ]),
    }),
  };
}

/** The name says `inbound`: an outbound listener for the same port may be there as well. */
function boundInbound(port: InboundPort, options: ListenerOptions): ListenerInput {
  return {
    name: `inbound_0.0.0.0_${port.number}`,
    key: `${portKey(port)} ${options.key}`,
    make: () => ({
      address: socketAddress(port.listener?.bind ?? '0.0.0.0', port.number),
      trafficDirection: direction.inbound,
      ...inspections({ sni: false, httpPorts: port.protocol === 'auto' ? 'any' : [], timeoutMs: options.detectionTimeoutMs }),
      filterChains: inboundChains(port, options, undefined),
    }),
  };
}

/** Of what a port's filter chains are made from. */
function portKey({ number, protocol, listener }: InboundPort): string {
  return `${number}/${protocol}${listener ? JSON.stringify([listener.bind, listener.tls]) : ''}`;
}

/** Where the protocol is not known, a connection's first bytes tell it. TLS ends here where a Sidecar says so. */
function inboundChains(
  { number, protocol, listener }: InboundPort,
  options: ListenerOptions,
  destinationPort: number | undefined,
): FilterChain[] {
  const cluster = inboundClusterName(number);
  const name = `0.0.0.0_${number}`;
  const statPrefix = `inbound_${name}`;
  const http = () => httpConnectionManager({ ...options, place: 'sidecar-inbound', statPrefix, routes: inboundRoutes(number) });
  const https = protocol === 'https' && listener?.tls;
  const transportSocket = listener?.tls && serverTransportSocket(listener.tls, https ? ['h2', 'http/1.1'] : []);
  if (isHttp(protocol) || https) return [{ ...filterChain(name, [http()], { destinationPort }), transportSocket }];
  const tcp = {
    ...filterChain(name, [...options.guards.network(), tcpProxy(cluster, [{ name: cluster, weight: 1 }], options)], { destinationPort }),
    transportSocket,
  };
  return protocol === 'auto' ? [filterChain(name, [http()], { destinationPort, applicationProtocols: plainHttp }), tcp] : [tcp];
}

function inboundRoutes(port: number): RouteConfiguration {
  const cluster = inboundClusterName(port);
  const host = virtualHost({
    name: `inbound|http|${port}`,
    domains: ['*'],
    rules: [],
    fallback: { kind: 'workload', cluster },
  });
  return RouteConfiguration.fromPartial({ name: cluster, validateClusters: false, virtualHosts: [host] });
}
