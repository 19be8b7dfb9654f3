// Which listener and filter chain of a proxy take the connection of a call: by the proxy's own matcher. Pure.
import { isIP } from 'node:net';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import type { FilterChain, ListenerConfig } from '#proxy/config/listener';
import { type ConnectionTraits, findChainMismatch, matchFilterChain } from '#proxy/listen/filter-chain-matcher';
import type { ParsedCall } from './call.ts';
import type { Candidate } from './explanation.ts';

const anyAddress = '0.0.0.0';

export interface Connection {
  listener: ListenerConfig;
  /** Undefined: no chain takes it, and it is closed. */
  chain: FilterChain | undefined;
  /** The chains that were looked at, where there is a choice. */
  candidates: readonly Candidate[];
}

/**
 * Of a workload's own traffic. Redirected, it goes to the listener of its address and port, else to the one of its port on any
 * address, else to `virtualOutbound`; a proxy from which nothing is redirected is asked as an HTTP proxy.
 */
export function outboundConnection(listeners: readonly ListenerConfig[], call: ParsedCall, address: string): Connection | undefined {
  const at = (wanted: string) =>
    listeners.find(
      ({ direction, useOriginalDst, addresses }) =>
        direction === 'outbound' && !useOriginalDst && addresses[0]?.address === wanted && addresses[0].port === call.port,
    );
  const listener =
    at(address) ?? at(anyAddress) ?? listeners.find(({ name }) => name === 'virtualOutbound') ?? httpProxyListener(listeners);
  return listener && connect(listener, call, address);
}

/** The explicit HTTP proxy of pods from which nothing is redirected: bound to the pod's own loopback. */
export function httpProxyListener(listeners: readonly ListenerConfig[]): ListenerConfig | undefined {
  return listeners.find(({ direction, addresses }) => direction === 'outbound' && addresses[0]?.address === '127.0.0.1');
}

/** Of traffic from outside. `ports`: where the gateway may listen for the port that the caller knows, the likeliest first. */
export function gatewayConnection(
  listeners: readonly ListenerConfig[],
  call: ParsedCall,
  ports: readonly (number | string | undefined)[],
): Connection | undefined {
  const listener = ports.map((port) => listeners.find(({ addresses }) => addresses[0]?.port === port)).find(Boolean);
  return listener && connect(listener, call, anyAddress);
}

function connect(listener: ListenerConfig, { host, port, protocol }: ParsedCall, destinationAddress: string): Connection {
  const traits: ConnectionTraits = {
    destinationAddress,
    destinationPort: port,
    sourceAddress: '127.0.0.1',
    // An address is no server name: RFC 6066 section 3.
    ...(protocol === 'tls' && { tls: { serverName: isIP(host) ? '' : host, applicationProtocols: [] } }),
  };
  const chain = matchFilterChain(listener, traits);
  return { listener, chain, candidates: listener.filterChains.length > 1 || protocol === 'tls' ? tried(listener, chain, traits) : [] };
}

/** Chains have no order: the one that was chosen comes last, as with routes. */
function tried(listener: ListenerConfig, chosen: FilterChain | undefined, traits: ConnectionTraits): Candidate[] {
  const losers = listener.filterChains
    .filter((chain) => chain !== chosen)
    .map((chain) => ({
      origin: originOf(chain, listener),
      name: chain.name,
      matched: false,
      mismatch: findChainMismatch(chain, traits) ?? {
        condition: 'precedence',
        expects: 'no chain that is more specific',
        found: chosen?.name,
      },
    }));
  if (chosen === undefined) return losers;
  return [...losers, { origin: originOf(chosen, listener), name: chosen.name, matched: true, mismatch: undefined }];
}

function originOf({ origin, match, name }: FilterChain, listener: ListenerConfig): string {
  if (origin !== undefined) return origin;
  return `${listener.name} filter chain ${match.serverNames.join(' or ') || name || 'for everything'}`;
}

/** The address that a caller connects to when it resolves `host`; `0.0.0.0` where only DNS would know. */
export function addressOf(host: string, clientNamespace: string, { services, config }: MeshSnapshot): string {
  if (isIP(host)) return host;
  const suffix = config.domainSuffix;
  const names = [host, `${host}.${clientNamespace}.svc.${suffix}`, `${host}.svc.${suffix}`, `${host}.${suffix}`];
  const service = names.map((name) => services.get(name)).find(Boolean);
  return service?.addresses.find((address) => !address.includes('/')) ?? anyAddress;
}
