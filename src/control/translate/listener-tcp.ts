// Listeners whose connections are told apart before they are served: TCP, plain HTTP where the protocol is not known beforehand, and TLS by
// server name, which passes through or ends here.
import type { Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import {
  type Filter,
  type FilterChain,
  FilterChain as FilterChainMessage,
} from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { dynamicServerNameFilter } from './dynamic-forward-proxy.ts';
import { httpConnectionManager, type ListenerOptions } from './http-connection-manager.ts';
import type { ListenerClass } from './http-filter.ts';
import { inspections, plainHttp } from './inspection.ts';
import { direction, filterChain, type ListenerInput } from './listener.ts';
import { servingAddress } from './message.ts';
import { meshProtocols } from './mutual-tls.ts';
import { type ClusterWeight, tcpFilters } from './tcp-proxy.ts';
import { type ServerTls, serverTransportSocket } from './transport-socket.ts';

/** Where the connections go that meet its conditions. */
export interface ConnectionChain {
  /** SNI: whole names and `*.suffix`; none: any, and connections without TLS. */
  serverNames: readonly string[];
  /** Of the destination address; none: any. */
  prefixRanges: readonly string[];
  /** It is plain HTTP, by its first bytes. */
  plainHttp?: boolean;
  /** It is TLS of the mesh, by its ALPN. */
  meshTls?: boolean;
  target: ChainTarget;
  /** TLS that ends here; otherwise what comes is passed on as it is. */
  tls?: { server: ServerTls; applicationProtocols: readonly string[] };
  /** Of the rule that it was made from. */
  metadata: Metadata | undefined;
}

/** `routes`: the name of a route configuration. */
type ChainTarget = { kind: 'clusters'; clusters: readonly ClusterWeight[] } | { kind: 'http'; place: ListenerClass; routes: string };

export interface ConnectionListener {
  address: string;
  port: number;
  /** At least one. Of chains with the same conditions the first one counts. */
  chains: readonly ConnectionChain[];
  /** Of each chain. */
  chainName: string;
  bindToPort: boolean;
  /** Of a gateway. */
  edge?: boolean;
  /** For connections that no chain takes; undefined: they are closed. */
  otherwise: string | undefined;
}

export function connectionListener(listener: ConnectionListener, options: ListenerOptions): ListenerInput {
  const { address, port, bindToPort, otherwise } = listener;
  const name = `${address}_${port}`;
  const chains = withoutTwins(listener.chains);
  const bySni = chains.some(({ serverNames, tls }) => serverNames.length > 0 || tls);
  const takesAll = chains.some((chain) => conditionsKey(chain) === anything);
  return {
    name,
    key: JSON.stringify(['connections', listener, options.key]),
    make: () => ({
      address: servingAddress(address, port),
      ...(!bindToPort && { bindToPort }),
      trafficDirection: direction.outbound,
      ...inspections({
        proxyProtocol: listener.edge === true && options.settings.proxyProtocol,
        tls: bySni,
        serverFirst: false,
        httpPorts: chains.some((chain) => chain.plainHttp) ? 'any' : [],
        timeoutMs: options.detectionTimeoutMs,
      }),
      filterChains: chains.map((chain) => chainMessage(chain, listener, options)),
      ...(otherwise !== undefined &&
        !takesAll && {
          defaultFilterChain: filterChain('PassthroughFilterChain', tcpFilters(otherwise, [{ name: otherwise, weight: 1 }], options)),
        }),
    }),
  };
}

function chainMessage(chain: ConnectionChain, { address, port, chainName }: ConnectionListener, options: ListenerOptions): FilterChain {
  const { serverNames, prefixRanges, target, tls, metadata } = chain;
  const applicationProtocols = [...(chain.plainHttp ? plainHttp : chain.meshTls ? meshProtocols : [])];
  const match = { serverNames: [...serverNames], prefixRanges: prefixRanges.map(range), applicationProtocols };
  return FilterChainMessage.fromPartial({
    name: chainName,
    filters: [
      ...(target.kind === 'clusters' ? [...options.guards.network(), ...namedHosts(target.clusters)] : []),
      ...targetFilters(target, `outbound_${address}_${port}`, options),
    ],
    ...(tls && { transportSocket: serverTransportSocket(tls.server, tls.applicationProtocols) }),
    ...(conditionsKey(chain) !== anything && { filterChainMatch: match }),
    ...(metadata && { metadata }),
  });
}

function namedHosts(clusters: readonly ClusterWeight[]): Filter[] {
  const port = clusters.find(({ connections }) => connections?.namedHostPort !== undefined)?.connections?.namedHostPort;
  return port === undefined ? [] : [dynamicServerNameFilter(port)];
}

function targetFilters(target: ChainTarget, statPrefix: string, options: ListenerOptions): Filter[] {
  if (target.kind === 'http') return [httpConnectionManager({ ...options, place: target.place, statPrefix, routes: target.routes })];
  const [only, second] = target.clusters;
  return tcpFilters(only && !second ? only.name : statPrefix, target.clusters, options);
}

/** `10.0.0.0/8`, or one address. */
function range(text: string): { addressPrefix: string; prefixLen: number } {
  const [addressPrefix = '', bits] = text.split('/', 2);
  return { addressPrefix, prefixLen: bits === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(bits) };
}

const anything = '|';

function conditionsKey({ serverNames, prefixRanges, plainHttp, meshTls }: ConnectionChain): string {
  const protocol = plainHttp ? '|http' : meshTls ? '|mesh' : '';
  return `${[...serverNames].sort().join(',')}|${[...prefixRanges].sort().join(',')}${protocol}`;
}

/** Envoy refuses a listener in which a server name stands twice under the same addresses: the first chain keeps it. */
function withoutTwins(chains: readonly ConnectionChain[]): ConnectionChain[] {
  const seen = new Set<string>();
  const unseen = (key: string) => !seen.has(key) && Boolean(seen.add(key));
  return chains.flatMap((chain) => {
    const { serverNames, prefixRanges } = chain;
    const ranges = [...prefixRanges].sort().join(',');
    if (serverNames.length === 0) return unseen(conditionsKey(chain)) ? [chain] : [];
    const own = serverNames.filter((name) => unseen(`${name}|${ranges}`));
    return own.length > 0 ? [{ ...chain, serverNames: own }] : [];
  });
}
