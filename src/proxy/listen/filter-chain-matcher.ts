// Chooses the filter chain of a connection as Envoy does: each criterion narrows what the one before left, the most specific wins.
// Pure. TLS is not served yet: a chain that wants it never matches.
import { BlockList, isIPv6 } from 'node:net';
import type { FilterChain, FilterChainMatch, ListenerConfig } from '#proxy/config/listener';

export interface ConnectionTraits {
  destinationAddress: string;
  destinationPort: number;
  sourceAddress: string;
}

/** The chain that takes a plain connection, or undefined: it is closed. */
export function matchFilterChain(listener: ListenerConfig, traits: ConnectionTraits): FilterChain | undefined {
  let best: FilterChain | undefined;
  let bestRank: readonly number[] = [];
  for (const chain of listener.filterChains) {
    const rank = rankOf(chain.match, traits);
    if (rank === undefined || (best !== undefined && compare(rank, bestRank) <= 0)) continue;
    best = chain;
    bestRank = rank;
  }
  return best ?? listener.defaultFilterChain;
}

/** How specific a match is, criterion by criterion in Envoy's order; undefined: it does not match. */
function rankOf(match: FilterChainMatch, traits: ConnectionTraits): readonly number[] | undefined {
  if (match.destinationPort !== undefined && match.destinationPort !== traits.destinationPort) return undefined;
  if (match.serverNames.length > 0 || match.applicationProtocols.some((protocol) => !protocol.startsWith('http/'))) return undefined;
  if (match.transportProtocol !== '' && match.transportProtocol !== 'raw_buffer') return undefined;
  const destination = prefixRank(match.prefixRanges, traits.destinationAddress);
  const source = prefixRank(match.sourcePrefixRanges, traits.sourceAddress);
  if (destination < 0 || source < 0) return undefined;
  return [match.destinationPort === undefined ? 0 : 1, destination, match.transportProtocol === '' ? 0 : 1, source];
}

/** Length of the longest range with the address, plus one; 0 when there are no ranges; -1 when none has it. */
function prefixRank(ranges: readonly string[], address: string): number {
  if (ranges.length === 0) return 0;
  let longest = -1;
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    const length = bits === '' ? (family === 'ipv6' ? 128 : 32) : Number(bits);
    const list = new BlockList();
    list.addSubnet(network, length, family);
    if (length + 1 > longest && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) longest = length + 1;
  }
  return longest;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) if (value !== b[i]) return value - b[i]!;
  return 0;
}
