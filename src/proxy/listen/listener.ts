// One listener at run time: its bound sockets, its filter chains, the connections they serve. A changed configuration takes effect for
// new connections; those of filter chains that are gone drain. Made by listener-manager.ts.
import type { Server, Socket } from 'node:net';
import type { FilterChain, ListenerConfig } from '#proxy/config/listener';
import type { SocketAddress } from '#proxy/config/socket-address';
import { httpConnectionManager } from '#proxy/filters/network/http-connection-manager';
import type { NetworkFilter, ServedConnection } from '#proxy/filters/network/network-filter';
import { tcpProxy } from '#proxy/filters/network/tcp-proxy';
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { DownstreamStatsTable } from '#proxy/http/downstream-stats';
import type { ProxyRuntime } from '#proxy/runtime';
import { matchFilterChain } from './filter-chain-matcher.ts';

/** Envoy's stat prefix tables: `http.<prefix>.` and `tcp.<prefix>.`. */
export interface StatsTables {
  http: DownstreamStatsTable;
  tcp: DownstreamStatsTable;
}

export class Listener {
  /** By bound address. */
  readonly servers = new Map<string, Server>();
  private filters = new Map<FilterChain, NetworkFilter>();
  private readonly connections = new Map<ServedConnection, FilterChain>();

  constructor(
    public config: ListenerConfig,
    private readonly runtime: ProxyRuntime,
    private readonly stats: StatsTables,
  ) {
    this.build();
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** New connections get the new filter chains; those of chains that are not in `config` any more drain. */
  update(config: ListenerConfig): void {
    if (config === this.config) return;
    this.config = config;
    this.build();
    for (const [connection, chain] of this.connections) if (!this.filters.has(chain)) connection.drain(drainTimeoutMs(chain));
  }

  /** Serves an accepted socket; closes it when no filter chain takes it. `counted` is called when it is over. */
  accept(socket: Socket, originalDestination: SocketAddress | undefined, counted: () => void): void {
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    if (remoteAddress === undefined || localAddress === undefined) {
      socket.destroy();
      counted();
      return;
    }
    const destination = originalDestination ?? { address: plain(localAddress), port: localPort! };
    const chain = matchFilterChain(this.config, {
      destinationAddress: destination.address,
      destinationPort: destination.port,
      sourceAddress: plain(remoteAddress),
    });
    const filter = chain && this.filters.get(chain);
    if (filter === undefined) {
      socket.destroy();
      counted();
      return;
    }
    const connection: DownstreamConnection = {
      remoteAddress: plain(remoteAddress),
      remotePort: remotePort!,
      localAddress: plain(localAddress),
      localPort: localPort!,
      originalDestination,
    };
    let open = true;
    const served = filter.accept(socket, connection, (ended) => {
      open = false;
      this.connections.delete(ended);
      counted();
    });
    if (open) this.connections.set(served, chain!);
  }

  /** No more connections; those that are there finish what they have, within `timeoutMs` or their own drain timeout. */
  drain(timeoutMs?: number): void {
    for (const server of this.servers.values()) server.close();
    this.servers.clear();
    for (const [connection, chain] of this.connections) connection.drain(timeoutMs ?? drainTimeoutMs(chain));
  }

  /** Everything ends now. */
  close(): void {
    this.drain(0);
    for (const connection of [...this.connections.keys()]) connection.close();
  }

  private build(): void {
    const { filterChains, defaultFilterChain } = this.config;
    const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
    this.filters = new Map(chains.map((chain) => [chain, this.filters.get(chain) ?? this.networkFilter(chain)]));
  }

  private networkFilter(chain: FilterChain): NetworkFilter {
    const { runtime, stats } = this;
    const { direction } = this.config;
    const terminal = chain.filters[chain.filters.length - 1]!;
    return terminal.kind === 'http_connection_manager'
      ? httpConnectionManager(terminal.http, direction, stats.http.get(terminal.http.statPrefix), runtime)
      : tcpProxy(terminal.tcp, direction, stats.tcp.get(terminal.tcp.statPrefix), runtime);
  }
}

/** Istio's default, for chains that have none of their own. */
const defaultDrainTimeoutMs = 5000;

function drainTimeoutMs(chain: FilterChain): number {
  const terminal = chain.filters[chain.filters.length - 1];
  return terminal?.kind === 'http_connection_manager' ? terminal.http.drainTimeoutMs : defaultDrainTimeoutMs;
}

/** Without the prefix that IPv4 addresses have on IPv6 sockets. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
