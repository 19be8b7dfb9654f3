// The DNS server of a pod, by UDP and TCP at one address. Knows bytes and connections; resolver.ts knows the answers.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Network, NetworkAddress } from '#net/network';
import { decodeQuery, encodeReply, failure, type Reply } from './message.ts';
import type { Resolver } from './resolver.ts';

export interface DnsServerOptions {
  resolver: Pick<Resolver, 'resolve'>;
  network: Network;
  /** Questions under way at the same time; more fail at once. */
  pendingMax?: number;
}

const pendingMaxDefault = 1_024;
const connectionsMax = 64;
const idleMsMax = 10_000;
const lengthBytes = 2;

export class DnsServer {
  private readonly udp: UdpSocket = createSocket('udp4');
  private readonly tcp: Server;
  private readonly connections = new Set<Socket>();
  private pending = 0;

  constructor(private readonly options: DnsServerOptions) {
    this.udp.on('message', (bytes, from) => this.onDatagram(bytes, from));
    this.tcp = createServer((socket) => this.onConnection(socket));
    this.tcp.maxConnections = connectionsMax;
  }

  /** Resolves to the address; rejects where it is in use. */
  async listen(at: NetworkAddress): Promise<NetworkAddress> {
    const { network } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.tcp.once('error', reject);
      this.tcp.listen(network.listening(at), () => {
        this.tcp.off('error', reject);
        this.tcp.on('error', () => {});
        resolve();
      });
    });
    const { address, port } = this.tcp.address() as AddressInfo;
    await new Promise<void>((resolve, reject) => {
      this.udp.once('error', reject);
      this.udp.bind(network.receiving({ address, port }), () => {
        this.udp.off('error', reject);
        // What cannot be sent is asked for again.
        this.udp.on('error', () => {});
        resolve();
      });
    });
    return { address, port };
  }

  close(): void {
    this.udp.close();
    this.tcp.close();
    for (const socket of this.connections) socket.destroy();
  }

  private onDatagram(bytes: Buffer, { port, address }: RemoteInfo): void {
    this.answer(bytes, 'udp', (reply) => this.udp.send(reply, port, address));
  }

  private onConnection(socket: Socket): void {
    this.connections.add(socket);
    socket.setTimeout(idleMsMax, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => this.connections.delete(socket));
    let held: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      while (held.length >= lengthBytes && held.length >= lengthBytes + held.readUInt16BE(0)) {
        const end = lengthBytes + held.readUInt16BE(0);
        this.answer(held.subarray(lengthBytes, end), 'tcp', (reply) => {
          const length = Buffer.alloc(lengthBytes);
          length.writeUInt16BE(reply.length);
          if (!socket.destroyed) socket.write(Buffer.concat([length, reply]));
        });
        held = held.subarray(end);
      }
    });
  }

  private answer(bytes: Buffer, transport: 'udp' | 'tcp', send: (reply: Buffer) => void): void {
    const received = decodeQuery(bytes);
    if (received === undefined) return;
    if (received.kind === 'refused') {
      send(received.bytes);
      return;
    }
    const { query } = received;
    const reply = this.pending >= (this.options.pendingMax ?? pendingMaxDefault) ? failure : this.options.resolver.resolve(query.question);
    if (!(reply instanceof Promise)) {
      send(encodeReply(query, reply, transport));
      return;
    }
    this.pending++;
    void reply
      .catch((): Reply => failure)
      .then((late) => {
        this.pending--;
        try {
          send(encodeReply(query, late, transport));
        } catch {
          // Closed meanwhile, or the records of some server cannot be written: the client asks again.
        }
      });
  }
}
