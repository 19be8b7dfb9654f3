// Inside of a user namespace: the process outside of it (user-namespace.ts), which has opened the ports, leads on what leaves our networks,
// and asks for names of the world.
import type { Socket as DatagramSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import type { Forwarder } from '#dns/forwarder';
import { failure, type Question, type Reply } from '#dns/message';
import { MeshError } from '#foundation/mesh-error';
import { bridgePort, type WayOut } from '#host/capture/connection-relay';
import type { NetworkAddress } from '#net/network';
import type { InsideReport, OutsideMessage } from './user-namespace.ts';

/** More fail at once. */
const questionsMax = 1_024;

interface Wish<T> {
  resolve(granted: T): void;
  reject(why: MeshError): void;
}

export class Outside implements WayOut, Pick<Forwarder, 'ask'> {
  private readonly questions = new Map<number, (reply: Reply) => void>();
  /** Ports that are asked for: for connections, and for datagrams. */
  private readonly publications = new Map<number, Wish<() => void>>();
  private readonly bindings = new Map<number, Wish<DatagramSocket>>();
  private serial = 0;

  constructor() {
    process.on('message', (message: OutsideMessage, handle) => {
      switch (message.type) {
        case 'reply':
          return this.settle(message.id, message.reply);
        case 'port refused':
          return refuse(this.publications, message.port, message.why);
        case 'port':
          return this.take(message.port, handle as Server);
        case 'bind refused':
          return refuse(this.bindings, message.port, message.why);
        case 'bound':
          return grant(this.bindings, message.port, handle as unknown as DatagramSocket);
      }
    });
    // The mesh decides how long it lives, not the bridge.
    process.channel?.unref();
  }

  lead(from: Socket, to: NetworkAddress): void {
    this.report({ type: 'lead', to }, from);
  }

  publish(port: number): Promise<() => void> {
    return new Promise((resolve, reject) => {
      this.publications.set(port, { resolve, reject });
      this.report({ type: 'publish', port });
    });
  }

  bind(port: number): Promise<DatagramSocket> {
    return new Promise((resolve, reject) => {
      this.bindings.set(port, { resolve, reject });
      this.report({ type: 'bind', port });
    });
  }

  /** Never rejects. The one outside answers in any case, unless it is gone, and we with it. */
  ask(question: Question): Promise<Reply> {
    if (this.questions.size >= questionsMax) return Promise.resolve(failure);
    const id = this.serial++;
    return new Promise((resolve) => {
      this.questions.set(id, resolve);
      this.report({ type: 'ask', id, question });
    });
  }

  report(message: InsideReport, socket?: Socket): void {
    if (process.connected) process.send?.(message, socket, undefined, () => {});
    else socket?.destroy();
  }

  /** One that was asked for, or one of those that the mesh has from the beginning. */
  private take(port: number, server: Server): void {
    bridgePort(server, port);
    grant(this.publications, port, () => server.close());
  }

  private settle(id: number, reply: Reply): void {
    this.questions.get(id)?.(reply);
    this.questions.delete(id);
  }
}

function grant<T>(wishes: Map<number, Wish<T>>, port: number, granted: T): void {
  wishes.get(port)?.resolve(granted);
  wishes.delete(port);
}

function refuse(wishes: Map<number, Wish<never>>, port: number, why: string): void {
  wishes.get(port)?.reject(new MeshError('PORT_REFUSED', why));
  wishes.delete(port);
}
