// The listeners of one proxy: opens, updates in place, drains and closes them, as config/ says. A listener that cannot be opened is a
// problem of its own; the others apply.
import { lstat, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Problem } from '#foundation/problem';
import { handleOf, type ListeningHandle } from '#net/handed-sockets';
import { type ListenPlace, type Network, ownNetwork } from '#net/network';
import type { ListenerConfig } from '#proxy/config/listener';
import { formatAddress, isSocketPath, place, type SocketAddress } from '#proxy/config/socket-address';
import { DownstreamStatsTable } from '#proxy/http/downstream-stats';
import type { ProxyRuntime } from '#proxy/runtime';
import { describeListenError } from './listen-problem.ts';
import { Listener } from './listener.ts';

export interface BoundAddress extends SocketAddress {
  /** Of the listener. */
  name: string;
}

/** Sockets that listen already, of another process. */
export interface ListeningSockets {
  /** By the address that was asked for; undefined: open one. Rejects where that is not this process's to do. */
  take(address: string): ListeningHandle | undefined | Promise<ListeningHandle>;
}

export type WhichListeners = 'all' | 'inbound';

/** An address to listen at, and the network that has it. */
type Place = SocketAddress & { network: Network };

const backlog = 4096;
const connectionsMaxDefault = 20_000;

export class ListenerManager {
  /** `http.<prefix>.*` */
  readonly httpStats = new DownstreamStatsTable();
  /** `tcp.<prefix>.*` */
  readonly tcpStats = new DownstreamStatsTable();
  /** Connections closed because there were too many. */
  overflows = 0;
  private readonly listeners = new Map<string, Listener>();
  /** Removed, with connections that drain. */
  private readonly leaving = new Set<Listener>();
  private readonly bound = new Map<string, BoundAddress>();
  /** By each of its addresses: those that a restored destination may lead to. */
  private destinations = new Map<string, Listener>();
  private connections = 0;
  private applying: Promise<unknown> = Promise.resolve();
  /** Told at the end of the next connection. */
  private onEnd: (() => void)[] = [];

  /** `connectionsMax`: of all listeners together; more are closed as they come. */
  constructor(
    private readonly runtime: ProxyRuntime,
    private readonly connectionsMax = connectionsMaxDefault,
    private readonly sockets?: ListeningSockets,
  ) {}

  /**
   * Makes the listeners be exactly `configs`: one that is the same object as before is left alone. Resolves when all sockets are
   * open; one problem for each address that could not be. Calls take effect one after the other.
   */
  apply(configs: readonly ListenerConfig[]): Promise<Problem[]> {
    const applied = this.applying.then(() => this.applyNow(configs));
    this.applying = applied;
    return applied;
  }

  private async applyNow(configs: readonly ListenerConfig[]): Promise<Problem[]> {
    const wanted = new Set(configs.map(({ name }) => name));
    for (const name of this.listeners.keys()) if (!wanted.has(name)) this.remove(name);
    const problems: Problem[] = [];
    for (const config of configs) {
      const listener = this.listeners.get(config.name);
      if (listener === undefined) this.listeners.set(config.name, new Listener(config, this.runtime, this.statsTables));
      else listener.update(config);
    }
    this.destinations = this.byDestination();
    for (const listener of this.listeners.values()) problems.push(...(await this.bind(listener)));
    return problems;
  }

  /** Where listeners are open on this machine: listener name, address. */
  boundAddresses(): readonly BoundAddress[] {
    return [...this.bound.values()];
  }

  /** The one that was asked for at `address`, once all has been opened that is to be open now. */
  async listeningAt(address: string): Promise<ListeningHandle | undefined> {
    await this.applying;
    for (const [key, handle] of this.listening()) if (key === address) return handle;
    return undefined;
  }

  /** What listens, by the address that it was asked for: for a process that is to take over. */
  *listening(): Iterable<readonly [address: string, handle: ListeningHandle]> {
    for (const { servers } of this.listeners.values()) for (const [key, server] of servers) yield [key, handleOf(server)];
  }

  all(): Iterable<Listener> {
    return this.listeners.values();
  }

  get connectionCount(): number {
    return this.connections;
  }

  /** Connections are asked to leave within `graceMs`, while new ones are still accepted. */
  async discourage(graceMs: number, which: WhichListeners): Promise<void> {
    await this.applying;
    for (const listener of this.chosen(which)) listener.discourage(graceMs);
  }

  /** No more connections are accepted; those that are there finish, within `timeoutMs` or each within its own drain timeout. */
  async stopListening(which: WhichListeners, timeoutMs?: number): Promise<void> {
    await this.applying;
    for (const listener of this.chosen(which)) {
      for (const key of listener.servers.keys()) this.bound.delete(key);
      listener.drain(timeoutMs);
    }
  }

  /** The same of all listeners; resolves when the last connection has ended. */
  async drain(timeoutMs?: number): Promise<void> {
    await this.stopListening('all', timeoutMs);
    await this.untilEnded(() => this.connections === 0);
  }

  /** Callers are asked to leave within `graceMs`; resolves when those listeners have no connection. */
  async dismiss(graceMs: number, which: WhichListeners): Promise<void> {
    await this.discourage(graceMs, which);
    await this.untilEnded(() => this.chosen(which).every(({ connectionCount }) => connectionCount === 0));
  }

  /** Ends every connection at once; resolves when they and the listeners are closed. */
  async close(): Promise<void> {
    const drained = this.drain(0);
    await this.applying;
    for (const listener of [...this.listeners.values(), ...this.leaving]) listener.close();
    await drained;
    this.listeners.clear();
    this.leaving.clear();
  }

  private async untilEnded(areOver: () => boolean): Promise<void> {
    while (!areOver()) await new Promise<void>((resolve) => this.onEnd.push(resolve));
  }

  private chosen(which: WhichListeners): Listener[] {
    return [...this.listeners.values()].filter(({ config }) => which === 'all' || config.direction === 'inbound');
  }

  private get statsTables() {
    return { http: this.httpStats, tcp: this.tcpStats };
  }

  private remove(name: string): void {
    const listener = this.listeners.get(name)!;
    for (const key of listener.servers.keys()) this.bound.delete(key);
    listener.drain();
    this.listeners.delete(name);
    for (const former of this.leaving) if (former.connectionCount === 0) this.leaving.delete(former);
    this.leaving.add(listener);
  }

  /** Opens what is not open yet, closes what should not be. */
  private async bind(listener: Listener): Promise<Problem[]> {
    const addresses = this.addressesOf(listener.config);
    for (const [key, server] of listener.servers) {
      if (addresses.has(key)) continue;
      server.close();
      listener.servers.delete(key);
      this.bound.delete(key);
    }
    const problems: Problem[] = [];
    for (const [key, address] of addresses) {
      if (listener.servers.has(key)) continue;
      try {
        const { server, port } = await this.open(listener, key, address);
        listener.servers.set(key, server);
        this.bound.set(key, { name: listener.config.name, address: address.address, port });
      } catch (thrown) {
        problems.push(await describeListenError(listener.config.name, address, thrown));
      }
    }
    return problems;
  }

  /** Placed, with the published ones; by what identifies them. */
  private addressesOf({ addresses, bindToPort }: ListenerConfig): Map<string, Place> {
    const { placement, network } = this.runtime;
    const placed = new Map<string, Place>();
    if (!bindToPort) return placed;
    for (const { address, port } of addresses) {
      const here = { address: place(placement, address), port };
      placed.set(formatAddress(here), { ...here, network });
      for (const { port: inside, at } of placement.published) {
        if (inside === port) placed.set(formatAddress(at), { ...at, network: ownNetwork });
      }
    }
    return placed;
  }

  private async open(listener: Listener, key: string, { address, port, network }: Place): Promise<{ server: Server; port: number }> {
    const place = (await this.sockets?.take(key)) ?? { ...(await placeOf(network, { address, port })), backlog };
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true, pauseOnConnect: true, allowHalfOpen: true }, (socket) => this.accept(listener, socket));
      server.once('error', reject);
      server.listen(place, backlog, () => {
        server.off('error', reject);
        server.on('error', (error) => this.runtime.logger.warn({ listener: listener.config.name, error: error.message }, 'accept failed'));
        const bound = server.address();
        resolve({ server, port: typeof bound === 'object' && bound !== null ? bound.port : port });
      });
    });
  }

  private accept(listener: Listener, socket: Socket): void {
    if (this.connections >= this.connectionsMax) {
      this.overflows++;
      socket.destroy();
      return;
    }
    this.connections++;
    const { useOriginalDst, restoresDestination } = listener.config;
    const destination = useOriginalDst || restoresDestination ? this.runtime.network.originalDestination(socket) : undefined;
    const target = (useOriginalDst && destination && this.listenerFor(destination)) || listener;
    target.accept(socket, destination, () => {
      this.connections--;
      for (const tell of this.onEnd.splice(0)) tell();
    });
  }

  /** The listener for an original destination: its very address first, then its port on every address. */
  private listenerFor({ address, port }: SocketAddress): Listener | undefined {
    return this.destinations.get(`${address}:${port}`) ?? this.destinations.get(`*:${port}`);
  }

  /** `*` stands for every address. */
  private byDestination(): Map<string, Listener> {
    const destinations = new Map<string, Listener>();
    for (const listener of this.listeners.values()) {
      if (listener.config.useOriginalDst || listener.config.restoresDestination) continue;
      for (const { address, port } of listener.config.addresses) {
        destinations.set(`${address === '0.0.0.0' || address === '::' ? '*' : address}:${port}`, listener);
      }
    }
    return destinations;
  }
}

/** A Unix socket is a file of the machine, whatever the network; what a former listener has left there goes. Throws a system error. */
async function placeOf(network: Network, at: SocketAddress): Promise<ListenPlace> {
  if (!isSocketPath(at.address)) return network.listening(at);
  if (at.address.startsWith('@')) return { path: `\0${at.address.slice(1)}` };
  const file = await lstat(at.address).catch(() => undefined);
  if (file?.isSocket()) await unlink(at.address);
  return { path: at.address };
}
