// Chooses the filter chain of a connection as Envoy does: each criterion narrows what the one before left, the most specific wins.
// Pure. Called by listen/listener.ts, and by explain.
import { BlockList, isIPv6 } from 'node:net';
import type { FilterChain, FilterChainMatch, ListenerConfig } from '#proxy/config/listener';

export interface ConnectionTraits {
  destinationAddress: string;
  destinationPort: number;
  sourceAddress: string;
  /** What the TLS inspector read of the ClientHello; undefined: the connection is plain, or nobody looked. */
  tls?: { serverName: string; applicationProtocols: readonly string[] };
  /** What the HTTP inspector took a plain connection for: `http/1.1`, `h2c` or `other`; undefined: nobody looked. */
  plainProtocol?: string;
}

/** One of Envoy's criteria, in words for explanations. */
interface Criterion {
  name: string;
  /** How specific the match is: 0 when it does not ask, more when it asks for this; -1 when it asks for something else. */
  rank(match: FilterChainMatch, traits: ConnectionTraits): number;
  expects(match: FilterChainMatch): string;
  found(traits: ConnectionTraits): string | undefined;
}

/** In Envoy's order of precedence. */
const criteria: readonly Criterion[] = [
  {
    name: 'destination port',
    rank: ({ destinationPort: wanted }, { destinationPort }) => (wanted === undefined ? 0 : wanted === destinationPort ? 1 : -1),
    expects: ({ destinationPort }) => `${destinationPort}`,
    found: ({ destinationPort }) => `${destinationPort}`,
  },
  {
    name: 'destination address',
    rank: ({ prefixRanges }, { destinationAddress }) => prefixRank(prefixRanges, destinationAddress),
    expects: ({ prefixRanges }) => prefixRanges.join(' or '),
    found: ({ destinationAddress }) => destinationAddress,
  },
  {
    name: 'server name',
    rank: ({ serverNames }, { tls }) => serverNameRank(serverNames, tls?.serverName.toLowerCase() ?? ''),
    expects: ({ serverNames }) => serverNames.join(' or '),
    found: ({ tls }) => tls?.serverName,
  },
  {
    name: 'transport protocol',
    rank: ({ transportProtocol: wanted }, { tls }) => (wanted === '' ? 0 : wanted === (tls ? 'tls' : 'raw_buffer') ? 1 : -1),
    expects: ({ transportProtocol }) => transportProtocol,
    found: ({ tls }) => (tls ? 'tls' : 'raw_buffer'),
  },
  {
    name: 'application protocol',
    rank: ({ applicationProtocols }, traits) => applicationRank(applicationProtocols, applicationProtocolsOf(traits)),
    expects: ({ applicationProtocols }) => applicationProtocols.join(' or '),
    found: (traits) => applicationProtocolsOf(traits)?.join(','),
  },
  {
    name: 'source address',
    rank: ({ sourcePrefixRanges }, { sourceAddress }) => prefixRank(sourcePrefixRanges, sourceAddress),
    expects: ({ sourcePrefixRanges }) => sourcePrefixRanges.join(' or '),
    found: ({ sourceAddress }) => sourceAddress,
  },
];

/** The chain that takes a connection, or undefined: it is closed. */
export function matchFilterChain(listener: ListenerConfig, traits: ConnectionTraits): FilterChain | undefined {
  let left = listener.filterChains;
  for (const { rank } of criteria) left = mostSpecific(left, ({ match }) => rank(match, traits));
  return left[0] ?? listener.defaultFilterChain;
}

/** Why a chain does not take a connection. */
export interface ChainMismatch {
  /** `server name`, `destination address`, … */
  condition: string;
  expects: string;
  /** Undefined: nothing. */
  found: string | undefined;
}

/** The first criterion that a connection does not meet; undefined when it meets all, though a more specific chain may have it. */
export function findChainMismatch({ match }: FilterChain, traits: ConnectionTraits): ChainMismatch | undefined {
  const missed = criteria.find(({ rank }) => rank(match, traits) < 0);
  return missed && { condition: missed.name, expects: missed.expects(match), found: missed.found(traits) };
}

function mostSpecific(chains: readonly FilterChain[], rankOf: (chain: FilterChain) => number): readonly FilterChain[] {
  const ranks = chains.map(rankOf);
  const best = Math.max(-1, ...ranks);
  return best < 0 ? [] : chains.filter((_, i) => ranks[i] === best);
}

/** A whole name beats every wildcard, a longer wildcard a shorter one. */
function serverNameRank(names: readonly string[], asked: string): number {
  if (names.length === 0) return 0;
  const ranks = names.map((name) => {
    if (name === asked) return Number.MAX_SAFE_INTEGER;
    return name.startsWith('*.') && asked.endsWith(name.slice(1)) && asked.length > name.length - 1 ? name.length : -1;
  });
  return Math.max(...ranks);
}

function applicationProtocolsOf({ tls, plainProtocol }: ConnectionTraits): readonly string[] | undefined {
  return tls?.applicationProtocols ?? (plainProtocol === undefined ? undefined : [plainProtocol]);
}

/** What the client offers first counts most. `asked`: undefined for a plain connection that nobody has looked at. It may turn out to be HTTP/1. */
function applicationRank(protocols: readonly string[], asked: readonly string[] | undefined): number {
  if (protocols.length === 0) return 0;
  if (asked === undefined) return protocols.every((protocol) => protocol.startsWith('http/')) ? 0 : -1;
  const first = asked.findIndex((protocol) => protocols.includes(protocol));
  return first < 0 ? -1 : asked.length - first;
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
