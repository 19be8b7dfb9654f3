// Outbound listeners of a sidecar: what redirected traffic ends up at, and the explicit HTTP proxy.
import { unixSocketPath } from '#control/mesh/endpoint';
import { isHttp } from '#control/mesh/protocol';
import type { MeshPort, MeshService } from '#control/mesh/service';
import { type EgressListener, reachable } from '#control/view/egress-listener';
import { addressesFor } from '#control/view/proxy';
import type { ProxyView } from '#control/view/proxy-view';
import { blackHoleCluster } from './cluster-name.ts';
import { unknownHostsCluster } from './egress-proxy.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import { direction, filterChain, type ListenerInput, listenerOptions } from './listener.ts';
import { type ConnectionChain, type ConnectionListener, connectionListener } from './listener-tcp.ts';
import { servingAddress, socketAddress } from './message.ts';
import { httpProxyRoutes, serviceRoutes } from './route-outbound.ts';
import { tcpFilters } from './tcp-proxy.ts';
import { tcpDestinations } from './tcp-route.ts';
import { tlsChains } from './tls-route.ts';

const virtualOutboundPort = 15_001;
const anyAddress = '0.0.0.0';

export function outboundListeners(view: ProxyView): ListenerInput[] {
  const options = listenerOptions(view, 'client');
  const { httpProxyPort, captured } = view.proxy;
  return [
    ...(captured ? [virtualOutbound(view, options), ...serviceListeners(view, options)] : []),
    ...(httpProxyPort === undefined ? [] : [httpProxy(httpProxyPort, options)]),
    ...view.scope.boundListeners.flatMap((listener) => boundListener(view, listener, options)),
  ];
}

function virtualOutbound(view: ProxyView, options: ListenerOptions): ListenerInput {
  const cluster = unknownHostsCluster(view);
  return {
    name: 'virtualOutbound',
    key: `${cluster} ${options.key}`,
    make: () => ({
      address: socketAddress('0.0.0.0', virtualOutboundPort),
      trafficDirection: direction.outbound,
      useOriginalDst: true,
      filterChains: [
        // Traffic for the port itself was never redirected: it would come back for ever.
        filterChain('virtualOutbound-trafficloop', tcpFilters(blackHoleCluster, [{ name: blackHoleCluster, weight: 1 }], options), {
          destinationPort: virtualOutboundPort,
        }),
      ],
      defaultFilterChain: filterChain('virtualOutbound-catchall-tcp', tcpFilters(cluster, [{ name: cluster, weight: 1 }], options)),
    }),
  };
}

/** One listener per HTTP port, for all services; one per address and port for the others. */
function serviceListeners(view: ProxyView, options: ListenerOptions): ListenerInput[] {
  const listeners = new Map<string, ListenerInput>();
  for (const port of servicePorts(view.scope.services).http) {
    const name = `0.0.0.0_${port}`;
    listeners.set(name, httpListener(name, port, options));
  }
  for (const listener of connectionListeners(view)) {
    const input = connectionListener(listener, options);
    if (!listeners.has(input.name)) listeners.set(input.name, input);
  }
  return [...listeners.values()];
}

interface ServicePorts {
  readonly http: ReadonlySet<number>;
  readonly others: readonly { service: MeshService; port: MeshPort }[];
}

const portsOf = new WeakMap<readonly MeshService[], ServicePorts>();

/** Of one list of services: looked at once, for all proxies that share it and as long as it stands. */
function servicePorts(services: readonly MeshService[]): ServicePorts {
  let known = portsOf.get(services);
  if (!known) {
    const all = services.flatMap((service) => service.ports.map((port) => ({ service, port })));
    known = {
      http: new Set(all.filter(({ port }) => isHttp(port.protocol)).map(({ port }) => port.number)),
      others: all.filter(({ port }) => !isHttp(port.protocol) && port.protocol !== 'udp'),
    };
    portsOf.set(services, known);
  }
  return known;
}

/** One per address and port. TLS services that share one are told apart by name; of others the first one has it. */
function connectionListeners(view: ProxyView): ConnectionListener[] {
  const otherwise = unknownHostsCluster(view);
  const chains = new Map<string, { address: string; port: number; chains: ConnectionChain[] }>();
  for (const { service, port } of servicePorts(view.scope.services).others) {
    for (const address of listenAddresses(view, service)) {
      const key = `${address}_${port.number}`;
      const known = chains.get(key);
      const made = connectionChains(view, service, port, address);
      if (known) known.chains.push(...made);
      else chains.set(key, { address, port: port.number, chains: made });
    }
  }
  return [...chains.values()].map((listener) => ({
    ...listener,
    chainName: '',
    bindToPort: false,
    otherwise: listener.address === anyAddress ? otherwise : undefined,
  }));
}

function connectionChains(view: ProxyView, service: MeshService, port: MeshPort, address: string): ConnectionChain[] {
  if (port.protocol === 'tls' || port.protocol === 'https') return tlsChains(view, service, port, address !== anyAddress);
  const any = { serverNames: [], prefixRanges: [], metadata: undefined };
  const tcp: ConnectionChain = { ...any, target: { kind: 'clusters', clusters: tcpDestinations(view, service, port) } };
  if (port.protocol !== 'auto') return [tcp];
  const routes = address === anyAddress ? String(port.number) : serviceRoutes(service, port.number);
  return [{ ...any, plainHttp: true, target: { kind: 'http', place: 'sidecar-outbound', routes } }, tcp];
}

/** Address ranges cannot be listened at; a service without addresses is expected anywhere. */
function listenAddresses({ proxy }: ProxyView, service: MeshService): readonly string[] {
  const single = addressesFor(proxy, service).filter((address) => !address.includes('/'));
  return single.length > 0 ? single : [anyAddress];
}

/** Of a Sidecar: programs are told of it, and connect to it by themselves. Undefined where there is no service that it could lead to. */
function boundListener(view: ProxyView, listener: EgressListener, options: ListenerOptions): ListenerInput[] {
  const { port, protocol, boundAt } = listener;
  if (boundAt === undefined) return [];
  if (!port) return unixSocketPath(boundAt) === undefined ? [] : socketListener(view, boundAt, listener, options);
  const name = `${boundAt}_${port.number}`;
  if (isHttp(protocol)) return [httpListener(name, port.number, options, boundAt)];
  const service = view.scope.services.find(({ ports }) =>
    ports.some(({ number, protocol }) => number === port.number && !isHttp(protocol)),
  );
  const served = service?.ports.find(({ number }) => number === port.number);
  if (!service || !served) return [];
  const chains = connectionChains(view, service, served, boundAt);
  return [
    connectionListener({ address: boundAt, port: port.number, chains, chainName: '', bindToPort: true, otherwise: undefined }, options),
  ];
}

/** At a Unix socket: HTTP to whatever host a request names, as to an explicit proxy; else to the first service that the Sidecar names. */
function socketListener(view: ProxyView, path: string, listener: EgressListener, options: ListenerOptions): ListenerInput[] {
  if (isHttp(listener.protocol)) return [httpListener(path, 0, options, path, httpProxyRoutes)];
  const first = servicePorts(view.scope.services).others.find(({ service }) => reachable(service, [listener]) !== undefined);
  if (!first) return [];
  const chains = connectionChains(view, first.service, first.port, path);
  return [connectionListener({ address: path, port: 0, chains, chainName: '', bindToPort: true, otherwise: undefined }, options)];
}

/** `boundAt`: nothing is redirected to it. */
function httpListener(name: string, port: number, options: ListenerOptions, boundAt?: string, routes = String(port)): ListenerInput {
  return {
    name,
    key: `http ${boundAt} ${options.key}`,
    make: () => ({
      address: servingAddress(boundAt ?? anyAddress, port),
      ...(boundAt === undefined && { bindToPort: false }),
      trafficDirection: direction.outbound,
      filterChains: [
        filterChain('', [httpConnectionManager({ ...options, place: 'sidecar-outbound', statPrefix: `outbound_${name}`, routes })]),
      ],
    }),
  };
}

/** For pods from which nothing is redirected: programs are told of it by the proxy variables. */
function httpProxy(port: number, options: ListenerOptions): ListenerInput {
  return {
    name: `127.0.0.1_${port}`,
    key: `http_proxy ${options.key}`,
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
