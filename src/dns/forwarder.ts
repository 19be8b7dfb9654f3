// Asks the machine's resolvers what the mesh does not know: one after the other, by UDP from a port of its own each time, by TCP where the
// answer is too long. Equal questions wait for one answer. Whatever the servers do, every question ends in time.
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import { decodeReply, encodeQuery, failure, type Heard, type Question, type Reply, rcodes } from './message.ts';

export interface DnsServerAddress {
  address: string;
  port: number;
}

export interface ForwarderOptions {
  servers: readonly DnsServerAddress[];
  clock: Clock;
  random: Random;
  /** For one server to answer in. */
  attemptMs?: number;
  /** Questions under way at the same time; more fail at once. */
  pendingMax?: number;
}

const attemptMsDefault = 2_000;
const pendingMaxDefault = 512;
/** Of a question: each server in turn, from the beginning again. */
const attemptsMax = 3;

export class Forwarder {
  private readonly pending = new Map<string, Promise<Reply>>();

  constructor(private readonly options: ForwarderOptions) {}

  /** Never rejects: where nobody answers, the reply is a server's failure. */
  ask(question: Question): Promise<Reply> {
    const { pendingMax = pendingMaxDefault } = this.options;
    const key = `${question.type} ${question.name.toLowerCase()}`;
    const known = this.pending.get(key);
    if (known) return known;
    if (this.pending.size >= pendingMax) return Promise.resolve(failure);
    const asked = this.askInTurn(question).finally(() => this.pending.delete(key));
    this.pending.set(key, asked);
    return asked;
  }

  private async askInTurn(question: Question): Promise<Reply> {
    const { servers } = this.options;
    let last = failure;
    for (let attempt = 0; attempt < attemptsMax && servers.length > 0; attempt++) {
      const server = servers[attempt % servers.length]!;
      const heard = await this.byUdp(server, question);
      const whole = heard?.kind === 'truncated' ? await this.byTcp(server, question) : heard;
      if (whole?.kind !== 'reply') continue;
      if (whole.reply.rcode !== rcodes.serverFailure && whole.reply.rcode !== rcodes.refused) return whole.reply;
      last = whole.reply;
    }
    return last;
  }

  private newId(): number {
    return Math.floor(this.options.random.next() * 65_536);
  }

  /** Undefined: no answer in time. What is no answer to this question is passed over, wherever it comes from. */
  private byUdp({ address, port }: DnsServerAddress, question: Question): Promise<Heard | undefined> {
    const { clock, attemptMs = attemptMsDefault } = this.options;
    const id = this.newId();
    return new Promise((resolve) => {
      const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      const finish = (heard: Heard | undefined): void => {
        timer.cancel();
        socket.removeAllListeners();
        socket.on('error', () => {});
        socket.close();
        resolve(heard);
      };
      const timer = clock.after(attemptMs, () => finish(undefined));
      socket.once('error', () => finish(undefined));
      socket.on('message', (bytes) => {
        const heard = decodeReply(bytes, id, question);
        if (heard) finish(heard);
      });
      // Connected: the kernel takes answers from nobody else.
      socket.connect(port, address, () => socket.send(encodeQuery(id, question), (error) => error && finish(undefined)));
    });
  }

  private byTcp({ address, port }: DnsServerAddress, question: Question): Promise<Heard | undefined> {
    const { clock, attemptMs = attemptMsDefault } = this.options;
    const id = this.newId();
    return new Promise((resolve) => {
      const socket = connect({ host: address, port });
      const finish = (heard: Heard | undefined): void => {
        timer.cancel();
        socket.destroy();
        resolve(heard);
      };
      const timer = clock.after(attemptMs, () => finish(undefined));
      let bytes = Buffer.alloc(0);
      socket.on('error', () => finish(undefined));
      socket.on('close', () => finish(undefined));
      socket.on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) return;
        finish(decodeReply(bytes.subarray(2, 2 + bytes.readUInt16BE(0)), id, question));
      });
      const query = encodeQuery(id, question);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      socket.write(Buffer.concat([length, query]));
    });
  }
}
