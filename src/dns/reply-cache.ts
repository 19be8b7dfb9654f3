// What other servers have said, for as long as it holds: by their times to live, and for names that do not exist by their zone's (RFC
// 2308). Bounded in number and time; what was not used longest goes first.
import type { Clock } from '#foundation/clock';
import { type Question, type Record, type Reply, rcodes } from './message.ts';

interface Entry {
  reply: Reply;
  atMs: number;
  endsMs: number;
}

const entriesMaxDefault = 4_096;
const ttlSecondsMax = 3_600;
const negativeTtlSecondsMax = 60;

export class ReplyCache {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly clock: Clock,
    private readonly entriesMax = entriesMaxDefault,
  ) {}

  /** With its times to live as they are by now. */
  get(question: Question): Reply | undefined {
    const key = keyOf(question);
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    this.entries.delete(key);
    const now = this.clock.now();
    if (now >= entry.endsMs) return undefined;
    this.entries.set(key, entry);
    const agedSeconds = Math.floor((now - entry.atMs) / 1_000);
    const aged = (record: Record) => ('ttl' in record && record.ttl ? { ...record, ttl: Math.max(0, record.ttl - agedSeconds) } : record);
    return { ...entry.reply, answers: entry.reply.answers.map(aged), authorities: entry.reply.authorities.map(aged) };
  }

  put(question: Question, reply: Reply): void {
    const seconds = lifetimeSeconds(reply);
    if (seconds <= 0) return;
    if (this.entries.size >= this.entriesMax) this.entries.delete(this.entries.keys().next().value!);
    const now = this.clock.now();
    this.entries.set(keyOf(question), { reply, atMs: now, endsMs: now + seconds * 1_000 });
  }
}

const keyOf = ({ name, type }: Question) => `${type} ${name.toLowerCase()}`;

/** 0: not to be kept, as are failures, and negatives without a word on how long. */
function lifetimeSeconds({ rcode, answers, authorities }: Reply): number {
  if (rcode !== rcodes.noError && rcode !== rcodes.nameError) return 0;
  const ttls = answers.flatMap((record) => ('ttl' in record && record.ttl !== undefined ? [record.ttl] : []));
  if (rcode === rcodes.noError && answers.length > 0) return Math.min(ttlSecondsMax, ...ttls);
  const soa = authorities.find((record) => record.type === 'SOA');
  return soa?.type === 'SOA' ? Math.min(negativeTtlSecondsMax, soa.ttl ?? 0, soa.data.minimum ?? 0) : 0;
}
