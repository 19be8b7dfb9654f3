// Which names a pod is answered, and with what.
import { decode, encode } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import type { NameTable_NameInfo } from '#codec/protobuf/generated/istio/nds';
import { decodeQuery, decodeReply, encodeQuery, encodeReply, type Query, rcodes } from '#dns/message';
import { Names } from '#dns/names';
import { ReplyCache } from '#dns/reply-cache';
import { Resolver } from '#dns/resolver';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';

const kubernetes = (shortname: string, namespace: string, ...ips: string[]): NameTable_NameInfo => {
  return { ips, registry: 'Kubernetes', shortname, namespace };
};
const external = (...ips: string[]): NameTable_NameInfo => ({ ips, registry: 'External', shortname: '', namespace: '' });

const names = new Names(
  {
    table: {
      'reviews.default.svc.cluster.local': kubernetes('reviews', 'default', '10.96.0.1'),
      'ratings.prod.svc.cluster.local': kubernetes('ratings', 'prod', '10.96.0.2', 'fd00::2'),
      'web.default.svc.cluster.local': kubernetes('web', 'default', '10.244.0.3', '10.244.0.4'),
      'web-0.web.default.svc.cluster.local': kubernetes('web-0.web', 'default', '10.244.0.3'),
      'far.default.svc.other.example': kubernetes('far', 'default', '10.97.0.1'),
      'api.example.com': external('240.240.1.1'),
      '*.example.com': external('240.240.1.2'),
      '*.deep.example.com': external('240.240.1.3'),
    },
  },
  { namespace: 'default', dnsDomain: 'default.svc.cluster.local' },
);

const found = (name: string) => {
  const result = names.lookup(name);
  return result.kind === 'known' ? [...result.addresses.ipv4, ...result.addresses.ipv6].join(' ') : result.kind;
};

test.each([
  ['reviews', '10.96.0.1'],
  ['reviews.default', '10.96.0.1'],
  ['reviews.default.svc', '10.96.0.1'],
  ['reviews.default.svc.cluster.local', '10.96.0.1'],
  ['Reviews.DEFAULT.svc.cluster.local', '10.96.0.1'],
  ['ratings', 'foreign'],
  ['ratings.prod', '10.96.0.2 fd00::2'],
  ['ratings.prod.svc', '10.96.0.2 fd00::2'],
  ['web', '10.244.0.3 10.244.0.4'],
  ['web-0.web', '10.244.0.3'],
  ['web-0.web.default.svc.cluster.local', '10.244.0.3'],
  ['web-1.web.default.svc.cluster.local', 'absent'],
  ['far', 'foreign'],
  ['far.default.svc.other.example', '10.97.0.1'],
  ['api.example.com', '240.240.1.1'],
  ['www.example.com', '240.240.1.2'],
  ['a.b.example.com', '240.240.1.2'],
  ['a.deep.example.com', '240.240.1.3'],
  ['example.com', 'foreign'],
  // A client's search domains: nobody else is asked.
  ['api.example.com.default.svc.cluster.local', 'absent'],
  ['api.example.com.svc.cluster.local', 'absent'],
  ['api.example.com.cluster.local', 'absent'],
  ['cluster.local', 'absent'],
  ['notcluster.local', 'foreign'],
])('%s: %s', (name, wanted) => {
  expect(found(name)).toBe(wanted);
});

const query = (changes: Partial<Query> = {}): Query => ({
  id: 7,
  question: { name: 'Web', type: 'A' },
  recursionDesired: true,
  udpBytesMax: undefined,
  ...changes,
});

const many = (count: number) => ({
  rcode: 0,
  answers: Array.from({ length: count }, (_, i) => ({ type: 'A' as const, name: 'Web', ttl: 30, data: `10.0.${i >> 8}.${i & 255}` })),
  authorities: [],
  authoritative: true,
});

describe('messages', () => {
  test('a query, and its reply with the name as it was written', () => {
    const bytes = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ name: 'Web', type: 'A' }] });
    expect(decodeQuery(bytes)).toEqual({ kind: 'query', query: query() });
    expect(decode(encodeReply(query(), many(1), 'udp'))).toMatchObject({
      id: 7,
      flag_qr: true,
      flag_aa: true,
      flag_rd: true,
      flag_ra: true,
      questions: [{ name: 'Web' }],
      answers: [{ name: 'Web', data: '10.0.0.0', ttl: 30 }],
    });
  });

  test.each<[string, number, Partial<Query>, 'udp' | 'tcp', boolean]>([
    ['few', 20, {}, 'udp', false],
    ['more than 512 bytes', 40, {}, 'udp', true],
    ['more than 512 bytes for a client of EDNS', 40, { udpBytesMax: 1_232 }, 'udp', false],
    ['more than it takes', 100, { udpBytesMax: 1_232 }, 'udp', true],
    ['any number by TCP', 1_000, {}, 'tcp', false],
  ])('%s: %i addresses', (_, count, changes, transport, cut) => {
    const reply = decode(encodeReply(query(changes), many(count), transport));
    expect({ cut: reply.flag_tc, answers: reply.answers?.length }).toEqual({ cut, answers: cut ? 0 : count });
    expect(reply.additionals).toHaveLength(changes.udpBytesMax === undefined ? 0 : 1);
  });

  test.each<[string, Buffer, number | undefined]>([
    ['too short', Buffer.from([1, 2, 3]), undefined],
    ['a response', encode({ type: 'response', id: 1, questions: [{ name: 'a', type: 'A' }] }), undefined],
    ['no question', encode({ type: 'query', id: 1 }), rcodes.formatError],
    [
      'two questions',
      encode({
        type: 'query',
        id: 1,
        questions: [
          { name: 'a', type: 'A' },
          { name: 'b', type: 'A' },
        ],
      }),
      rcodes.formatError,
    ],
    ['an update', encode({ type: 'query', id: 1, flags: 5 << 11, questions: [{ name: 'a', type: 'A' }] }), rcodes.notImplemented],
    ['another class', encode({ type: 'query', id: 1, questions: [{ name: 'a', type: 'A', class: 'CH' }] }), rcodes.notImplemented],
    [
      'a question that is cut',
      encode({ type: 'query', id: 1, questions: [{ name: 'abcdef', type: 'A' }] }).subarray(0, 16),
      rcodes.formatError,
    ],
    ['a name that points to itself', Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]), rcodes.formatError],
  ])('%s is refused', (_, bytes, rcode) => {
    const received = decodeQuery(bytes);
    if (rcode === undefined) expect(received).toBeUndefined();
    else expect(received?.kind === 'refused' && received.bytes.readUInt16BE(2) & 15).toBe(rcode);
  });

  test('random bytes are never more than refused', () => {
    const random = new SeededRandom(20_261_121);
    for (let i = 0; i < 5_000; i++) {
      const bytes = Buffer.from(Array.from({ length: Math.floor(random.next() * 60) }, () => Math.floor(random.next() * 256)));
      expect(() => decodeQuery(bytes)).not.toThrow();
      expect(() => decodeReply(bytes, 1, { name: 'a', type: 'A' })).not.toThrow();
    }
  });

  test('a reply that is of another question is none', () => {
    const reply = (id: number, name: string, type: 'A' | 'AAAA' = 'A') => encode({ type: 'response', id, questions: [{ name, type }] });
    const question = { name: 'a.example', type: 'A' } as const;
    expect(decodeReply(reply(5, 'A.example'), 5, question)?.kind).toBe('reply');
    expect(decodeReply(reply(6, 'a.example'), 5, question)).toBeUndefined();
    expect(decodeReply(reply(5, 'b.example'), 5, question)).toBeUndefined();
    expect(decodeReply(reply(5, 'a.example', 'AAAA'), 5, question)).toBeUndefined();
    expect(decodeReply(encodeQuery(5, question), 5, question)).toBeUndefined();
  });
});

describe('cache', () => {
  const soa = (ttl: number, minimum: number) => ({
    type: 'SOA' as const,
    name: 'example',
    ttl,
    data: { mname: 'a', rname: 'b', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
  });
  const address = (ttl: number) => ({ type: 'A' as const, name: 'a.example', ttl, data: '192.0.2.1' });
  const question = { name: 'a.example', type: 'A' } as const;
  const reply = { rcode: 0, answers: [], authorities: [], authoritative: false };

  test.each([
    ['an answer, by its shortest life', { ...reply, answers: [address(60), address(30)] }, 30],
    ['no name, by its zone', { ...reply, rcode: rcodes.nameError, authorities: [soa(600, 20)] }, 20],
    ['no address, by its zone', { ...reply, authorities: [soa(10, 20)] }, 10],
    ['a day of absence is a minute', { ...reply, rcode: rcodes.nameError, authorities: [soa(86_400, 86_400)] }, 60],
    ['no word on how long', { ...reply, rcode: rcodes.nameError }, 0],
    ['a failure', { ...reply, rcode: rcodes.serverFailure, answers: [address(60)] }, 0],
  ])('%s', (_, kept, seconds) => {
    const clock = new ManualClock();
    const cache = new ReplyCache(clock);
    cache.put(question, kept);
    expect(cache.get({ ...question, name: 'A.EXAMPLE' }) !== undefined).toBe(seconds > 0);
    clock.advance(Math.max(0, seconds * 1_000 - 1));
    expect(cache.get(question) !== undefined).toBe(seconds > 0);
    clock.advance(1);
    expect(cache.get(question)).toBeUndefined();
  });

  test('lives grow shorter', () => {
    const clock = new ManualClock();
    const cache = new ReplyCache(clock);
    cache.put(question, { ...reply, answers: [address(60)] });
    clock.advance(25_400);
    expect(cache.get(question)?.answers).toEqual([address(35)]);
  });

  test('the number is bounded: what was not used longest goes', () => {
    const cache = new ReplyCache(new ManualClock(), 2);
    const named = (name: string) => ({ ...question, name });
    for (const name of ['a', 'b']) cache.put(named(name), { ...reply, answers: [address(60)] });
    cache.get(named('a'));
    cache.put(named('c'), { ...reply, answers: [address(60)] });
    expect(['a', 'b', 'c'].map((name) => cache.get(named(name)) !== undefined)).toEqual([true, false, true]);
  });
});

describe('resolver', () => {
  const setUp = () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const foreign = {
      rcode: 0,
      answers: [{ type: 'A' as const, name: 'x', ttl: 60, data: '192.0.2.9' }],
      authorities: [],
      authoritative: false,
    };
    const forwarder = {
      ask: ({ name }: { name: string }) => {
        asked.push(name);
        return Promise.resolve(foreign);
      },
    };
    return { clock, asked, resolver: new Resolver({ clock, random: new SeededRandom(1), forwarder, cache: new ReplyCache(clock) }) };
  };

  test('a known name without address of the family exists, and nobody else is asked', async () => {
    const { resolver, asked } = setUp();
    resolver.setNames(names);
    expect(await resolver.resolve({ name: 'reviews', type: 'AAAA' })).toEqual({
      rcode: 0,
      answers: [],
      authorities: [],
      authoritative: true,
    });
    expect(await resolver.resolve({ name: 'reviews', type: 'MX' })).toMatchObject({ rcode: 0, answers: [] });
    expect(await resolver.resolve({ name: 'ratings.prod', type: 'AAAA' })).toMatchObject({ answers: [{ data: 'fd00::2' }] });
    expect(await resolver.resolve({ name: 'gone.default.svc.cluster.local', type: 'A' })).toMatchObject({ rcode: rcodes.nameError });
    expect(asked).toEqual([]);
  });

  test('every address of a headless service comes first at some time', async () => {
    const { resolver } = setUp();
    resolver.setNames(names);
    const firsts = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { answers } = await resolver.resolve({ name: 'web', type: 'A' });
      expect(answers).toHaveLength(2);
      firsts.add(String((answers[0] as { data: string }).data));
    }
    expect([...firsts].sort()).toEqual(['10.244.0.3', '10.244.0.4']);
  });

  test('a name that stands for another one: the alias, and what is known of the other', async () => {
    const { resolver, asked } = setUp();
    const aliases: Record<string, string> = { a: 'b', b: 'x.test', loop: 'loop' };
    resolver.setNames({ lookup: (name) => (name in aliases ? { kind: 'alias', name: aliases[name]! } : { kind: 'foreign' }) });
    const alias = (name: string, data: string) => ({ type: 'CNAME', name, ttl: 30, data });
    expect(await resolver.resolve({ name: 'a', type: 'A' })).toMatchObject({
      answers: [alias('a', 'b'), alias('b', 'x.test'), { data: '192.0.2.9' }],
    });
    expect(await resolver.resolve({ name: 'a', type: 'CNAME' })).toMatchObject({ answers: [alias('a', 'b')] });
    expect(await resolver.resolve({ name: 'loop', type: 'A' })).toMatchObject({ rcode: rcodes.serverFailure });
    expect(asked).toEqual(['x.test']);
  });

  test('a Service that no proxy is told of is asked for at the cluster’s server, and nobody else’s name is', async () => {
    const { clock, asked } = setUp();
    const forwarder = { ask: () => Promise.reject(new Error('not this one')) };
    const cluster = {
      ask: ({ name }: { name: string }) => {
        asked.push(name);
        return Promise.resolve({ rcode: 0, answers: [], authorities: [], authoritative: true });
      },
    };
    const resolver = new Resolver({ clock, random: new SeededRandom(1), forwarder, cluster, cache: new ReplyCache(clock) });
    resolver.setNames(names);
    expect(await resolver.resolve({ name: 'ext.default.svc.cluster.local', type: 'A' })).toMatchObject({ rcode: 0 });
    for (const name of ['www.example.com.default.svc.cluster.local', 'ext.cluster.local', 'a.ext.default.svc.cluster.local'])
      expect(await resolver.resolve({ name, type: 'A' })).toMatchObject({ rcode: rcodes.nameError });
    expect(asked).toEqual(['ext.default.svc.cluster.local']);
  });

  test('what others know is asked for once', async () => {
    const { resolver, asked } = setUp();
    resolver.setNames(names);
    for (let i = 0; i < 3; i++)
      expect(await resolver.resolve({ name: 'x.test', type: 'A' })).toMatchObject({ answers: [{ data: '192.0.2.9' }] });
    expect(asked).toEqual(['x.test']);
  });

  test('before there are names, questions wait for them; not for ever', async () => {
    const { resolver, clock } = setUp();
    const early = resolver.resolve({ name: 'reviews', type: 'A' });
    resolver.setNames(names);
    expect(await early).toMatchObject({ answers: [{ data: '10.96.0.1' }] });
    const other = setUp();
    const late = other.resolver.resolve({ name: 'reviews', type: 'A' });
    other.clock.advance(5_000);
    expect(await late).toMatchObject({ rcode: rcodes.serverFailure });
    expect(clock.now()).toBe(0);
  });
});
