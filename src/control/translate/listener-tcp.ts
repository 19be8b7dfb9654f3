// Listeners that pass connections on as they are: TCP, and TLS told apart by server name.
import type { Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import {
  type FilterChain,
  FilterChain as FilterChainMessage,
  type ListenerFilter,
} from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { TlsInspector } from '#codec/protobuf/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector';
import type { ListenerOptions } from './http-connection-manager.ts';
import { direction, filterChain, type ListenerInput, optionsKey } from './listener.ts';
import { pack, socketAddress } from './message.ts';
import { type ClusterWeight, tcpProxy } from './tcp-proxy.ts';

/** Where the connections go that meet its conditions. */
export interface ConnectionChain {
  /** SNI: whole names and `*.suffix`; none: any, and connections without TLS. */
  serverNames: readonly string[];
  /** Of the destination address; none: any. */
  prefixRanges: readonly string[];
  clusters: readonly ClusterWeight[];
  /** Of the rule that it was made from. */
  metadata: Metadata | undefined;
}

export interface ConnectionListener {
  address: string;
  port: number;
  /** At least one. Of chains with the same conditions the first one counts. */
  chains: readonly ConnectionChain[];
  /** Of each chain. */
  chainName: string;
  bindToPort: boolean;
  /** For connections that no chain takes; undefined: they are closed. */
  otherwise: string | undefined;
}

export function connectionListener(listener: ConnectionListener, options: ListenerOptions): ListenerInput {
  const { address, port, bindToPort, otherwise } = listener;
  const name = `${address}_${port}`;
  const chains = withoutTwins(listener.chains);
  const bySni = chains.some(({ serverNames }) => serverNames.length > 0);
  const takesAll = chains.some((chain) => conditionsKey(chain) === anything);
  return {
    name,
    key: JSON.stringify(['connections', listener, optionsKey(options)]),
    make: () => ({
      address: socketAddress(address, port),
      ...(!bindToPort && { bindToPort }),
      trafficDirection: direction.outbound,
      ...(bySni && { listenerFilters: [tlsInspector()] }),
      filterChains: chains.map((chain) => chainMessage(chain, listener, options)),
      ...(otherwise !== undefined &&
        !takesAll && {
          defaultFilterChain: filterChain('PassthroughFilterChain', [tcpProxy(otherwise, [{ name: otherwise, weight: 1 }], options)]),
        }),
    }),
  };
}

function chainMessage(chain: ConnectionChain, { address, port, chainName }: ConnectionListener, options: ListenerOptions): FilterChain {
  const { serverNames, prefixRanges, clusters, metadata } = chain;
  const statPrefix = clusters.length === 1 && clusters[0] ? clusters[0].name : `outbound_${address}_${port}`;
  const match = { serverNames: [...serverNames], prefixRanges: prefixRanges.map(range) };
  return FilterChainMessage.fromPartial({
    name: chainName,
    filters: [tcpProxy(statPrefix, clusters, options)],
    ...(conditionsKey(chain) !== anything && { filterChainMatch: match }),
    ...(metadata && { metadata }),
  });
}

/** `10.0.0.0/8`, or one address. */
function range(text: string): { addressPrefix: string; prefixLen: number } {
  const [addressPrefix = '', bits] = text.split('/', 2);
  return { addressPrefix, prefixLen: bits === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(bits) };
}

function tlsInspector(): Partial<ListenerFilter> {
  const value = pack('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', TlsInspector, {});
  return { name: 'envoy.filters.listener.tls_inspector', configType: { $case: 'typedConfig', value } };
}

const anything = '|';

function conditionsKey({ serverNames, prefixRanges }: ConnectionChain): string {
  return `${[...serverNames].sort().join(',')}|${[...prefixRanges].sort().join(',')}`;
}

/** Envoy refuses a listener in which a server name stands twice under the same addresses: the first chain keeps it. */
function withoutTwins(chains: readonly ConnectionChain[]): ConnectionChain[] {
  const seen = new Set<string>();
  const unseen = (key: string) => !seen.has(key) && Boolean(seen.add(key));
  return chains.flatMap((chain) => {
    const { serverNames, prefixRanges } = chain;
    const ranges = [...prefixRanges].sort().join(',');
    if (serverNames.length === 0) return unseen(`|${ranges}`) ? [chain] : [];
    const own = serverNames.filter((name) => unseen(`${name}|${ranges}`));
    return own.length > 0 ? [{ ...chain, serverNames: own }] : [];
  });
}
