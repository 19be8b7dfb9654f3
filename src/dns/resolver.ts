// Answers a question: from the names of the mesh, from what is still known of others, from the machine's resolvers.
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { Forwarder } from './forwarder.ts';
import { failure, type Question, type Record, type Reply, rcodes } from './message.ts';
import type { Addresses, NameLookup } from './names.ts';
import type { ReplyCache } from './reply-cache.ts';

export interface ResolverOptions {
  clock: Clock;
  random: Random;
  forwarder: Pick<Forwarder, 'ask'>;
  /** The cluster's own server; without it there are no Services but those that names are known of. */
  cluster?: Pick<Forwarder, 'ask'> | undefined;
  cache: ReplyCache;
}

/** Istio's: short, for addresses may change at any time. */
const ttlSeconds = 30;
/** A program that starts with its proxy asks before there are names. */
const firstNamesMsMax = 5_000;
/** Names that stand for names that stand for names. */
const aliasesMax = 8;

const absent: Reply = { rcode: rcodes.nameError, answers: [], authorities: [], authoritative: true };

/** Whoever knows the names of the mesh. */
export interface NameSource {
  lookup(name: string): NameLookup;
}

export class Resolver {
  private names: NameSource | undefined;
  private waiting: (() => void)[] = [];

  constructor(private readonly options: ResolverOptions) {}

  setNames(names: NameSource): void {
    this.names = names;
    for (const go of this.waiting.splice(0)) go();
  }

  /** A promise only where somebody else has to be waited for. */
  resolve(question: Question, aliases = 0): Reply | Promise<Reply> {
    const { names } = this;
    if (names === undefined) return this.untilNames().then((there) => (there ? this.resolve(question) : failure));
    const found = names.lookup(question.name);
    switch (found.kind) {
      case 'known':
        return this.knownReply(question, found.addresses);
      case 'alias':
        return aliases < aliasesMax ? this.aliasReply(question, found.name, aliases + 1) : failure;
      case 'service':
        return this.options.cluster ? this.askFor(question, this.options.cluster) : absent;
      case 'absent':
        return absent;
      case 'foreign':
        return this.askFor(question, this.options.forwarder);
    }
  }

  /** The alias, and what is known of the name that it stands for (RFC 1034, section 3.6.2). */
  private async aliasReply({ name, type }: Question, canonical: string, aliases: number): Promise<Reply> {
    const alias: Record = { type: 'CNAME', name, ttl: ttlSeconds, data: canonical };
    if (type === 'CNAME') return { rcode: rcodes.noError, answers: [alias], authorities: [], authoritative: true };
    const reply = await this.resolve({ name: canonical, type }, aliases);
    return { ...reply, answers: [alias, ...reply.answers] };
  }

  private askFor(question: Question, server: Pick<Forwarder, 'ask'>): Reply | Promise<Reply> {
    const { cache } = this.options;
    const forward = async () => {
      const reply = await server.ask(question);
      cache.put(question, reply);
      return reply;
    };
    return cache.get(question) ?? forward();
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
