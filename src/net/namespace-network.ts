// A network namespace of Linux, in which this process makes sockets without being in it: it goes in, makes the socket, and comes back,
// all in one turn. So one process serves many pods. A socket stays in the namespace that it was made in.
import type { BindOptions } from 'node:dgram';
import { closeSync, openSync } from 'node:fs';
import { BlockList, isIP, isIPv4, type Socket } from 'node:net';
import { type ListenPlace, type Network, type NetworkAddress, ownNetwork } from './network.ts';
import { descriptorOf, handleOf } from './socket-handle.ts';
import type { SystemCalls } from './system-calls.ts';

/** Of what the proxy sends itself, by which redirection lets it pass. Istio's number. */
export const proxyMark = 1337;

export class NamespaceNetwork implements Network {
  private readonly here = openSync('/proc/self/ns/net', 'r');
  private readonly there: number;
  private readonly inside = new BlockList();

  /**
   * `file`: of the namespace. `range`: the addresses that are reached from inside (`10.244.0.0/16`), beside loopback; all others are
   * reached from this process's own network, so that no route and no address translation is needed for them. Throws a system error.
   */
  constructor(
    private readonly calls: SystemCalls,
    file: string,
    range: string,
  ) {
    this.there = openSync(file, 'r');
    const [network = '', bits = ''] = range.split('/');
    this.inside.addSubnet(network, Number(bits), 'ipv4');
    this.inside.addSubnet('127.0.0.0', 8, 'ipv4');
  }

  listening(at: NetworkAddress): ListenPlace {
    return { fd: this.bound('tcp', at) };
  }

  receiving(at: NetworkAddress): BindOptions {
    return { fd: this.bound('udp', at) };
  }

  /** The descriptor of a new socket, bound inside. Throws a system error. */
  bound(kind: 'tcp' | 'udp', at: NetworkAddress): number {
    return this.made(kind, (socket) => {
      // Of UDP it would let two have the same port.
      if (kind === 'tcp') this.calls.setOption(socket, 'reuse-address', 1);
      this.calls.setOption(socket, 'mark', proxyMark);
      this.calls.bind(socket, at);
    });
  }

  enter(connecting: Socket, destination: string): void {
    // Names that are resolved on the way are the world's.
    if (isIP(destination) === 0 || (isIPv4(destination) && !this.inside.check(destination, 'ipv4'))) return;
    const descriptor = this.made('tcp', (socket) => this.calls.setOption(socket, 'mark', proxyMark));
    // Node opens the socket of a connection in a later turn, and takes the one that its handle has by then.
    handleOf(connecting)!.open(descriptor);
  }

  originalDestination(accepted: Socket): NetworkAddress {
    return this.calls.originalDestination(descriptorOf(accepted)) ?? ownNetwork.originalDestination(accepted);
  }

  /** Sockets that were made stay. */
  close(): void {
    closeSync(this.there);
    closeSync(this.here);
  }

  private made(kind: 'tcp' | 'udp', prepare: (socket: number) => void): number {
    this.calls.enterNamespace(this.there);
    let socket = -1;
    try {
      socket = this.calls.socket(kind);
      prepare(socket);
      return socket;
    } catch (thrown) {
      if (socket >= 0) closeSync(socket);
      throw thrown;
    } finally {
      this.calls.enterNamespace(this.here);
    }
  }
}
