// Datagrams that are led on from a port of the machine: who sends there talks with the one that was picked for it, for as long as they
// talk. What conntrack is for kube-proxy.
import { createSocket, type Socket } from 'node:dgram';
import type { Clock, Timer } from '#foundation/clock';
import type { NetworkAddress } from '#net/network';

export interface DatagramRelayOptions {
  clock: Clock;
  /** Those that may be talked with by now. */
  endpoints(): readonly NetworkAddress[];
  /** One of them; undefined: there is none, and what comes is lost. */
  pick(): NetworkAddress | undefined;
}

interface Conversation {
  to: NetworkAddress;
  socket: Socket;
  /** Something was said since the last look. */
  lively: boolean;
}

/** Linux' `nf_conntrack_udp_timeout_stream`. */
const idleMsMax = 120_000;
/** The one that was begun first goes for another. */
const conversationsMax = 1_000;

export class DatagramRelay {
  /** By who sends: `address:port`. */
  private readonly conversations = new Map<string, Conversation>();
  private look: Timer | undefined;

  /** `socket`: bound, and its own from now on. */
  constructor(
    private readonly socket: Socket,
    private readonly options: DatagramRelayOptions,
  ) {
    socket.on('message', (bytes, from) => this.lead(bytes, from));
    socket.on('error', () => {});
    socket.unref();
  }

  close(): void {
    this.look?.cancel();
    for (const { socket } of this.conversations.values()) socket.close();
    this.conversations.clear();
    this.socket.close();
  }

  private lead(bytes: Buffer, from: NetworkAddress): void {
    const key = `${from.address}:${from.port}`;
    const conversation = this.current(key) ?? this.begin(key, from);
    if (conversation === undefined) return;
    conversation.lively = true;
    conversation.socket.send(bytes, conversation.to.port, conversation.to.address);
  }

  /** One with an endpoint that has left is over. */
  private current(key: string): Conversation | undefined {
    const known = this.conversations.get(key);
    if (!known || this.options.endpoints().some(({ address, port }) => address === known.to.address && port === known.to.port))
      return known;
    this.end(key);
    return undefined;
  }

  private begin(key: string, from: NetworkAddress): Conversation | undefined {
    const to = this.options.pick();
    if (to === undefined) return undefined;
    const [first] = this.conversations.keys();
    if (this.conversations.size >= conversationsMax && first !== undefined) this.end(first);
    const socket = createSocket('udp4');
    const conversation = { to, socket, lively: true };
    socket.on('message', (bytes, { address, port }) => {
      if (address !== to.address || port !== to.port) return;
      conversation.lively = true;
      this.socket.send(bytes, from.port, from.address);
    });
    socket.on('error', () => {});
    socket.unref();
    this.conversations.set(key, conversation);
    this.look ??= this.options.clock.after(idleMsMax, () => this.forgetIdle(), { unref: true });
    return conversation;
  }

  private forgetIdle(): void {
    this.look = undefined;
    for (const [key, conversation] of this.conversations) {
      if (conversation.lively) conversation.lively = false;
      else this.end(key);
    }
    if (this.conversations.size > 0) this.look = this.options.clock.after(idleMsMax, () => this.forgetIdle(), { unref: true });
  }

  private end(key: string): void {
    this.conversations.get(key)?.socket.close();
    this.conversations.delete(key);
  }
}
