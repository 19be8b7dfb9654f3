// Inbound listeners of a sidecar: `virtualInbound` for redirected traffic, or one listener per port of the workload.
import type { FilterChain } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { isHttp } from '#control/mesh/protocol';
import type { InboundPort } from '#control/view/inbound-port';
import { type MtlsMode, mtlsMode } from '#control/view/mtls-mode';
import type { ProxyView } from '#control/view/proxy-view';
import { blackHoleCluster, inboundClusterName, inboundPassthroughCluster } from './cluster-name.ts';
import { guardsOf } from './guards.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import { inspections, plainHttp } from './inspection.ts';
import { direction, filterChain, type ListenerInput, listenerOptions } from './listener.ts';
import { socketAddress } from './message.ts';
import { meshHttpProtocols, meshProtocols, meshServerSocket, meshTcpProtocols } from './mutual-tls.ts';
import { tcpFilters } from './tcp-proxy.ts';
import { serverTransportSocket } from './transport-socket.ts';
import { trustDomains } from './trust-domain.ts';
import { virtualHost } from './virtual-host.ts';

const virtualInboundPort = 15_006;

/** A port, and how its workload takes connections there. */
interface Inbound {
  port: InboundPort;
  /** `DISABLE` also where the proxy has no certificate of the mesh, or a Sidecar says what TLS there is. */
  mtls: MtlsMode;
  trustDomains: readonly string[];
}

export function inboundListeners(view: ProxyView): ListenerInput[] {
  const options = listenerOptions(view, 'server', guardsOf(view));
  const ports = view.inbound.map((port): Inbound => {
    return { port, mtls: port.listener?.tls ? 'DISABLE' : modeAt(view, port.number), trustDomains: trustDomains(view.snapshot.config) };
  });
  if (!view.proxy.captured) return ports.map((inbound) => boundInbound(inbound, options));
  const redirected = ports.filter(({ port }) => !port.listener?.bound);
  const bound = ports.filter(({ port }) => port.listener?.bound);
  const otherPorts = modeAt(view, otherPort) === 'STRICT' ? 'closed' : 'passed';
  return [virtualInbound(redirected, otherPorts, options), ...bound.map((inbound) => boundInbound(inbound, options))];
}

/** Stands for every port that nothing is said of. */
const otherPort = 0;

function modeAt({ proxy, policies, snapshot }: ProxyView, port: number): MtlsMode {
  return proxy.certified ? mtlsMode(policies.peerAuthentications, snapshot.config.rootNamespace, port) : 'DISABLE';
}

function virtualInbound(ports: readonly Inbound[], otherPorts: 'closed' | 'passed', options: ListenerOptions): ListenerInput {
  const toOthers = () =>
    filterChain('virtualInbound-catchall', [
      ...options.guards.network(),
      ...tcpFilters(inboundPassthroughCluster, [{ name: inboundPassthroughCluster, weight: 1 }], options),
    ]);
  return {
    name: 'virtualInbound',
    key: `${ports.map(inboundKey).join(',')} ${otherPorts} ${options.key}`,
    make: () => ({
      address: socketAddress('0.0.0.0', virtualInboundPort),
      trafficDirection: direction.inbound,
      ...inspectionsOf(
        'redirected',
        ports,
        ports.filter(({ port }) => port.protocol === 'auto').map(({ port }) => port.number),
        options,
      ),
      filterChains: [
        // Traffic for the port itself was never redirected: it would come back for ever.
        filterChain('virtualInbound-blackhole', tcpFilters(blackHoleCluster, [{ name: blackHoleCluster, weight: 1 }], options), {
          destinationPort: virtualInboundPort,
        }),
        ...ports.flatMap((inbound) => inboundChains(inbound, options, inbound.port.number)),
      ],
      ...(otherPorts === 'passed' && { defaultFilterChain: toOthers() }),
    }),
  };
}

/** The name says `inbound`: an outbound listener for the same port may be there as well. */
function boundInbound(inbound: Inbound, options: ListenerOptions): ListenerInput {
  const { port } = inbound;
  return {
    name: `inbound_0.0.0.0_${port.number}`,
    key: `${inboundKey(inbound)} ${options.key}`,
    make: () => ({
      address: socketAddress(port.listener?.bind ?? '0.0.0.0', port.number),
      trafficDirection: direction.inbound,
      ...inspectionsOf('bound', [inbound], port.protocol === 'auto' ? 'any' : [], options),
      filterChains: inboundChains(inbound, options, undefined),
    }),
  };
}

function inspectionsOf(
  listener: 'redirected' | 'bound',
  ports: readonly Inbound[],
  httpPorts: readonly number[] | 'any',
  { detectionTimeoutMs }: ListenerOptions,
) {
  return inspections({
    redirected: listener === 'redirected',
    tls: ports.some(({ mtls }) => mtls !== 'DISABLE'),
    httpPorts,
    timeoutMs: detectionTimeoutMs,
    serverFirst: ports.some(({ port, mtls }) => mtls === 'PERMISSIVE' && !isHttp(port.protocol)),
  });
}

/** Of what a port's filter chains are made from. */
function inboundKey({ port: { number, protocol, listener }, mtls, trustDomains }: Inbound): string {
  return `${number}/${protocol}/${mtls}/${trustDomains}${listener ? JSON.stringify([listener.bind, listener.tls]) : ''}`;
}

/** Mutual TLS of the mesh ends here; so does TLS where a Sidecar says so. Where the protocol is not known, a connection's first bytes tell it. */
function inboundChains(
  { port, mtls, trustDomains }: Inbound,
  options: ListenerOptions,
  destinationPort: number | undefined,
): FilterChain[] {
  const { number, protocol, listener } = port;
  const cluster = inboundClusterName(number);
  const name = `0.0.0.0_${number}`;
  const statPrefix = `inbound_${name}`;
  const http = () => [httpConnectionManager({ ...options, place: 'sidecar-inbound', statPrefix, routes: inboundRoutes(number, options) })];
  const tcp = () => [...options.guards.network(), ...tcpFilters(cluster, [{ name: cluster, weight: 1 }], options)];
  const secured = (inner: 'http' | 'tcp', applicationProtocols: readonly string[]): FilterChain => ({
    ...filterChain(name, inner === 'http' ? http() : tcp(), { destinationPort, transportProtocol: 'tls', applicationProtocols }),
    transportSocket: meshServerSocket(inner, trustDomains),
  });
  const ownTls = protocol === 'https' && listener?.tls;
  const isHttpPort = isHttp(protocol) || Boolean(ownTls);
  const transportSocket = listener?.tls && serverTransportSocket(listener.tls, ownTls ? ['h2', 'http/1.1'] : []);
  const chains: FilterChain[] = [];
  if (mtls !== 'DISABLE') {
    if (protocol === 'auto') chains.push(secured('http', meshHttpProtocols), secured('tcp', mtls === 'STRICT' ? [] : meshTcpProtocols));
    else chains.push(secured(isHttpPort ? 'http' : 'tcp', mtls === 'STRICT' ? [] : meshProtocols));
  }
  if (mtls === 'STRICT') return chains;
  if (protocol === 'auto') chains.push(filterChain(name, http(), { destinationPort, applicationProtocols: plainHttp }));
  chains.push({ ...filterChain(name, isHttpPort ? http() : tcp(), { destinationPort }), transportSocket });
  return chains;
}

function inboundRoutes(port: number, { settings }: ListenerOptions): RouteConfiguration {
  const cluster = inboundClusterName(port);
  const host = virtualHost({
    name: `inbound|http|${port}`,
    domains: ['*'],
    rules: [],
    fallback: { kind: 'workload', cluster },
    hidesAttempts: !settings.countsAttempts,
  });
  return RouteConfiguration.fromPartial({ name: cluster, validateClusters: false, virtualHosts: [host] });
}
