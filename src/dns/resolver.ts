// Answers a question: from the names of the mesh, from what is still known of others, from the machine's resolvers.
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { Forwarder } from './forwarder.ts';
import { failure, type Question, type Record, type Reply, rcodes } from './message.ts';
import type { Addresses, Names } from './names.ts';
import type { ReplyCache } from './reply-cache.ts';

export interface ResolverOptions {
  clock: Clock;
  random: Random;
  forwarder: Pick<Forwarder, 'ask'>;
  cache: ReplyCache;
}

/** Istio's: short, for addresses may change at any time. */
const ttlSeconds = 30;
/** A program that starts with its proxy asks before there are names. */
const firstNamesMsMax = 5_000;

export class Resolver {
  private names: Pick<Names, 'lookup'> | undefined;
  private waiting: (() => void)[] = [];

  constructor(private readonly options: ResolverOptions) {}

  setNames(names: Pick<Names, 'lookup'>): void {
    this.names = names;
    for (const go of this.waiting.splice(0)) go();
  }

  /** A promise only where somebody else has to be waited for. */
  resolve(question: Question): Reply | Promise<Reply> {
    const { names } = this;
    if (names === undefined) return this.untilNames().then((there) => (there ? this.resolve(question) : failure));
    const found = names.lookup(question.name);
    switch (found.kind) {
      case 'known':
        return this.knownReply(question, found.addresses);
      case 'absent':
        return { rcode: rcodes.nameError, answers: [], authorities: [], authoritative: true };
      case 'foreign':
        return this.options.cache.get(question) ?? this.forward(question);
    }
  }

  private async forward(question: Question): Promise<Reply> {
    const reply = await this.options.forwarder.ask(question);
    this.options.cache.put(question, reply);
    return reply;
  }

  /** A name without addresses of this family exists all the same: clients that ask for both would take it for unknown. */
  private knownReply({ name, type }: Question, { ipv4, ipv6 }: Addresses): Reply {
    const addresses = type === 'A' ? ipv4 : type === 'AAAA' ? ipv6 : [];
    const first = addresses.length > 1 ? Math.floor(this.options.random.next() * addresses.length) : 0;
    const answers = addresses.map((_, i): Record => {
      return { type: type as 'A' | 'AAAA', name, ttl: ttlSeconds, data: addresses[(first + i) % addresses.length]! };
    });
    return { rcode: rcodes.noError, answers, authorities: [], authoritative: true };
  }

  private untilNames(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(firstNamesMsMax, () => resolve(false));
      this.waiting.push(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }
}
