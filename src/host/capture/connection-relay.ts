// Connections that are led on: accepted here, joined with one to where they want to go. Of ports that were handed in, of the machine's own
// ports, and of pods' way out of the machine.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, type Server, type Socket } from 'node:net';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { NetworkAddress } from '#net/network';

/** Where connections of this process's network are led on from. */
export interface WayOut {
  /** Takes an accepted connection over, of which nothing has been read; it is reset where nobody listens there. */
  lead(from: Socket, to: NetworkAddress): void;
  /** A port of 127.0.0.1 in this process's network becomes one of the machine's. Resolves to what ends that. Rejects with a MeshError. */
  publish(port: number): Promise<() => void>;
  /** A socket of the machine's 127.0.0.1 for datagrams, bound; whose it is that asked. Rejects with a MeshError. */
  bind(port: number): Promise<DatagramSocket>;
}

const loopback = '127.0.0.1';
const connectionsMaxDefault = 10_000;

/** From the network of this process, which is the machine's. */
export class ConnectionRelay implements WayOut {
  private connections = 0;

  constructor(private readonly connectionsMax = connectionsMaxDefault) {}

  /** It is one already. */
  publish(): Promise<() => void> {
    return Promise.resolve(() => {});
  }

  bind(port: number): Promise<DatagramSocket> {
    const socket = createSocket('udp4');
    return new Promise((resolve, reject) => {
      socket.once('error', (cause) =>
        reject(new MeshError('BIND_FAILED', `UDP port ${port} of ${loopback} cannot be had: ${messageOf(cause)}`, { cause })),
      );
      socket.bind({ address: loopback, port, exclusive: true }, () => resolve(socket.removeAllListeners('error')));
    });
  }

  lead(from: Socket, { address, port }: NetworkAddress): void {
    if (this.connections >= this.connectionsMax) {
      from.destroy();
      return;
    }
    this.connections++;
    const to = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
    from.setNoDelay(true);
    from.allowHalfOpen = true;
    from.pipe(to).pipe(from);
    // What one end has broken off is not to look at the other as if it had come to its end.
    from.on('error', () => to.resetAndDestroy());
    to.on('error', () => from.resetAndDestroy());
    from.once('close', () => {
      this.connections--;
      to.destroy();
    });
    to.once('close', () => from.destroySoon());
  }
}

/** `server` listens for as long as the process lives, which it does not keep alive; who comes is led on to a port of this machine. */
export function bridgePort(server: Server, port: number, way: Pick<WayOut, 'lead'> = new ConnectionRelay()): void {
  server.on('connection', (from: Socket) => way.lead(from, { address: loopback, port }));
  server.on('error', () => {});
  server.unref();
}
