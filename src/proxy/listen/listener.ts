// One listener at run time: its bound sockets, its filter chains, the connections they serve. A changed configuration takes effect for
// new connections, and for the next request on kept ones where the filter chain that would take them is alike; others whose filter
// chains are gone drain. Made by listener-manager.ts.
import type { Server, Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { ProxiedConnection } from '#codec/proxy-protocol/header';
import type { ConnectionGate, FilterChain, InspectionConfig, ListenerConfig, ProxyProtocolConfig } from '#proxy/config/listener';
import { isSocketPath, type SocketAddress } from '#proxy/config/socket-address';
import { httpConnectionManager } from '#proxy/filters/network/http-connection-manager';
import type { NetworkFilter, ServedConnection } from '#proxy/filters/network/network-filter';
import { tcpProxy } from '#proxy/filters/network/tcp-proxy';
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { DownstreamStatsTable } from '#proxy/http/downstream-stats';
import type { ProxyRuntime } from '#proxy/runtime';
import { Timeout } from '#proxy/timer-wheel';
import { describeTls } from '#proxy/tls/peer-certificate';
import { TlsContext } from '#proxy/tls/tls-context';
import { TlsStats } from '#proxy/tls/tls-stats';
import { passesAtOnce, passGates } from './connection-gates.ts';
import { type ConnectionTraits, matchFilterChain } from './filter-chain-matcher.ts';
import { type Inspection, inspect } from './inspector.ts';
import { readProxyHeader } from './proxy-header.ts';
import { TlsTerminator } from './tls-terminator.ts';

/** Envoy's stat prefix tables: `http.<prefix>.` and `tcp.<prefix>.`. */
export interface StatsTables {
  http: DownstreamStatsTable;
  tcp: DownstreamStatsTable;
}

/** A connection on its way to a filter chain. */
interface Arrival {
  socket: Socket;
  /** Where the client wanted to go. */
  destination: SocketAddress;
  connection: DownstreamConnection;
  counted: () => void;
}

interface ChainService {
  /** What a connection must pass before it is served. */
  gates: readonly ConnectionGate[];
  filter: NetworkFilter;
  /** Undefined: plain. */
  terminator: TlsTerminator | undefined;
}

/** For an arrival. */
interface Choice {
  readonly chain: FilterChain;
  readonly inspection: Inspection;
  readonly service: ChainService;
}

/** A connection and what serves it. */
interface Served {
  readonly connection: DownstreamConnection;
  readonly inspection: Inspection;
  chain: FilterChain;
}

export class Listener {
  /** By bound address. */
  readonly servers = new Map<string, Server>();
  readonly tlsStats = new TlsStats();
  private discouragedUntilMs: number | undefined;
  /** It drains: `timeoutMs`, where that is not each connection's own. */
  private drained: { timeoutMs: number | undefined } | undefined;
  private services = new Map<FilterChain, ChainService>();
  private readonly connections = new Map<ServedConnection, Served>();
  /** Inspected, or in their handshakes. */
  private readonly waiting = new Set<Socket>();

  constructor(
    public config: ListenerConfig,
    private readonly runtime: ProxyRuntime,
    private readonly stats: StatsTables,
  ) {
    this.build();
  }

  /** Its clients are of this machine, and have no address. */
  private get isSocketFile(): boolean {
    const [first] = this.config.addresses;
    return first !== undefined && isSocketPath(first.address);
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** New connections get the new filter chains; those of chains that are not in `config` any more drain. */
  update(config: ListenerConfig): void {
    if (config === this.config) return;
    this.config = config;
    this.build();
    for (const [connection, served] of this.connections) {
      if (!this.services.has(served.chain) && !this.move(connection, served)) connection.drain(drainTimeoutMs(served.chain));
    }
  }

  /** To the filter chain that would take it now. False: it cannot go on there. */
  private move(kept: ServedConnection, served: Served): boolean {
    const chain = matchFilterChain(this.config, traitsOf(served.connection, served.inspection));
    const service = chain && this.services.get(chain);
    if (chain === undefined || service === undefined || !isDeepStrictEqual(served.chain.tls, chain.tls)) return false;
    const connection = { ...served.connection, filterChain: chain.name };
    if (!passesAtOnce(service.gates, connection) || !service.filter.adopt(kept, connection)) return false;
    served.chain = chain;
    return true;
  }

  /** Serves an accepted socket; closes it when no filter chain takes it. `counted` is called when it is over. */
  accept(socket: Socket, originalDestination: SocketAddress | undefined, counted: () => void): void {
    const { remoteAddress, remotePort, localAddress, localPort } = this.isSocketFile ? withinMachine : socket;
    if (remoteAddress === undefined || localAddress === undefined) {
      socket.destroy();
      counted();
      return;
    }
    const destination = originalDestination ?? { address: plain(localAddress), port: localPort! };
    const arrival: Arrival = {
      socket,
      counted,
      destination,
      connection: {
        id: this.runtime.connectionIds.next(),
        filterChain: '',
        remoteAddress: plain(remoteAddress),
        remotePort: remotePort!,
        localAddress: destination.address,
        localPort: destination.port,
        originalDestination,
        serverName: '',
        tls: undefined,
      },
    };
    if (this.config.proxyProtocol !== undefined) this.readHeader(arrival, this.config.proxyProtocol);
    else this.lookAt(arrival);
  }

  /** A proxy before this one says whom the connection is of: from here on, it is that client's. */
  private readHeader(arrival: Arrival, config: ProxyProtocolConfig): void {
    const { timers } = this.runtime;
    const { socket, connection } = arrival;
    const timeout = new Timeout(() => socket.destroy());
    const onClose = () => {
      timers.cancel(timeout);
      this.waiting.delete(socket);
      arrival.counted();
    };
    this.waiting.add(socket);
    socket.on('close', onClose);
    socket.on('error', ignore);
    if (this.config.inspectionTimeoutMs > 0) timers.set(timeout, this.config.inspectionTimeoutMs);
    readProxyHeader(socket, config, (header) => {
      if (header.kind === 'refused') {
        socket.destroy();
        return;
      }
      socket.off('close', onClose);
      socket.off('error', ignore);
      timers.cancel(timeout);
      this.waiting.delete(socket);
      this.lookAt(header.kind === 'seen' ? arrival : { ...arrival, ...proxiedAs(header.connection, connection) });
    });
  }

  private lookAt(arrival: Arrival): void {
    const inspection = this.config.inspection(arrival.destination.port);
    if (inspection.tls || inspection.http) this.inspect(arrival, inspection);
    else this.choose(arrival, {});
  }

  private inspect(arrival: Arrival, inspection: InspectionConfig): void {
    const { inspectionTimeoutMs, continueAfterInspectionTimeout } = this.config;
    const { timers } = this.runtime;
    const { socket } = arrival;
    this.waiting.add(socket);
    const giveUp = inspect(socket, inspection, (found) => {
      timers.cancel(timeout);
      this.waiting.delete(socket);
      if (found === undefined) arrival.counted();
      else this.choose(arrival, found);
    });
    const timeout = new Timeout(() => {
      if (continueAfterInspectionTimeout) giveUp();
      else socket.destroy();
    });
    if (inspectionTimeoutMs > 0) timers.set(timeout, inspectionTimeoutMs);
  }

  private choose(arrival: Arrival, inspection: Inspection): void {
    const { socket, connection } = arrival;
    const chain = matchFilterChain(this.config, traitsOf(connection, inspection));
    const service = chain && this.services.get(chain);
    if (chain === undefined || service === undefined) {
      this.refuse(arrival);
      return;
    }
    const sni = inspection.tls?.serverName ?? '';
    if (service.terminator === undefined) {
      this.serve({ ...arrival, connection: { ...connection, serverName: sni, filterChain: chain.name } }, { chain, inspection, service });
      return;
    }
    this.waiting.add(socket);
    service.terminator.accept(socket, (secured) => {
      this.waiting.delete(socket);
      if (secured === undefined) arrival.counted();
      else {
        const tls = describeTls(secured);
        const described = { ...connection, tls, serverName: tls.serverName, filterChain: chain.name };
        this.serve({ ...arrival, socket: secured, connection: described }, { chain, inspection, service });
      }
    });
  }

  private refuse({ socket, counted }: Arrival): void {
    socket.destroy();
    counted();
  }

  private serve(arrival: Arrival, choice: Choice): void {
    const { gates } = choice.service;
    if (gates.length === 0) this.handOn(arrival, choice);
    else this.holdAtGates(arrival, choice);
  }

  private holdAtGates(arrival: Arrival, choice: Choice): void {
    const { socket, connection } = arrival;
    let decided = false;
    const onClose = () => {
      giveUp();
      this.waiting.delete(socket);
      arrival.counted();
    };
    const giveUp = passGates(choice.service.gates, connection, (passes) => {
      decided = true;
      socket.off('close', onClose);
      socket.off('error', ignore);
      this.waiting.delete(socket);
      if (passes) this.handOn(arrival, choice);
      else this.refuse(arrival);
    });
    if (decided) return;
    this.waiting.add(socket);
    socket.on('close', onClose);
    socket.on('error', ignore);
  }

  private handOn({ socket, connection, counted }: Arrival, { chain, inspection, service }: Choice): void {
    let open = true;
    const served = service.filter.accept(socket, connection, (ended) => {
      open = false;
      this.connections.delete(ended);
      counted();
    });
    if (!open) return;
    this.connections.set(served, { connection, inspection, chain });
    // It had been accepted before.
    if (this.drained !== undefined) served.drain(this.drained.timeoutMs ?? drainTimeoutMs(chain));
    else if (this.discouragedUntilMs !== undefined) served.drain(Math.max(0, this.discouragedUntilMs - this.runtime.clock.now()));
    // While it was held the listener may have changed.
    else if (!this.services.has(chain)) served.drain(drainTimeoutMs(chain));
  }

  /** Connections are asked to leave within `graceMs`; new ones are served, and asked to leave with their first request. */
  discourage(graceMs: number): void {
    this.discouragedUntilMs = this.runtime.clock.now() + graceMs;
    for (const connection of this.connections.keys()) connection.drain(graceMs);
  }

  /** No more connections; those that are there finish what they have, within `timeoutMs` or their own drain timeout. */
  drain(timeoutMs?: number): void {
    for (const server of this.servers.values()) server.close();
    this.servers.clear();
    this.drained = { timeoutMs };
    for (const [connection, { chain }] of this.connections) connection.drain(timeoutMs ?? drainTimeoutMs(chain));
  }

  /** Everything ends now. */
  close(): void {
    this.drain(0);
    for (const socket of this.waiting) socket.destroy();
    for (const connection of [...this.connections.keys()]) connection.close();
  }

  private build(): void {
    const { filterChains, defaultFilterChain } = this.config;
    const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
    this.services = new Map(chains.map((chain) => [chain, this.services.get(chain) ?? this.serviceOf(chain)]));
  }

  private serviceOf(chain: FilterChain): ChainService {
    const { secrets, clock } = this.runtime;
    const { tls, transportSocketConnectTimeoutMs } = chain;
    const terminator = tls && new TlsTerminator(tls, new TlsContext(tls, secrets, clock), this.tlsStats, transportSocketConnectTimeoutMs);
    const gates = chain.gates.map((gate) => gate.make(this.runtime));
    return { gates, filter: this.networkFilter(chain), terminator };
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

/** What filter chains are chosen by. */
function traitsOf({ localAddress, localPort, remoteAddress }: DownstreamConnection, inspection: Inspection): ConnectionTraits {
  return { destinationAddress: localAddress, destinationPort: localPort, sourceAddress: remoteAddress, ...inspection };
}

/** Istio's default, for chains that have none of their own. */
const defaultDrainTimeoutMs = 5000;

/** Both ends of a connection over a Unix socket. */
const withinMachine = { remoteAddress: '127.0.0.1', remotePort: 0, localAddress: '127.0.0.1', localPort: 0 };

function drainTimeoutMs(chain: FilterChain): number {
  const terminal = chain.filters[chain.filters.length - 1];
  return terminal?.kind === 'http_connection_manager' ? terminal.http.drainTimeoutMs : defaultDrainTimeoutMs;
}

/** The connection as it was before the proxy that told of it. */
function proxiedAs(
  { source, destination }: ProxiedConnection,
  connection: DownstreamConnection,
): Pick<Arrival, 'destination' | 'connection'> {
  return {
    destination,
    connection: {
      ...connection,
      remoteAddress: source.address,
      remotePort: source.port,
      localAddress: destination.address,
      localPort: destination.port,
      originalDestination: destination,
    },
  };
}

/** What an error means, the close that follows says. */
function ignore(): void {}

/** Without the prefix that IPv4 addresses have on IPv6 sockets. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
