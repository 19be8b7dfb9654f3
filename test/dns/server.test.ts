// The server and the forwarder over real sockets, with resolvers behind them that lie, stop and answer too much.

import { createSocket, type Socket } from 'node:dgram';
import { Resolver as Client } from 'node:dns/promises';
import { once } from 'node:events';
import net from 'node:net';
import { decode, encode, type Packet } from 'dns-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { DnsServer } from '#dns/dns-server';
import { Forwarder, type ForwarderOptions } from '#dns/forwarder';
import { rcodes } from '#dns/message';
import { Names } from '#dns/names';
import { ReplyCache } from '#dns/reply-cache';
import { Resolver } from '#dns/resolver';
import { systemClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { ownNetwork } from '#net/network';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

type Behaviour = (query: Packet, send: (reply: Buffer) => void) => void;

const records = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ type: 'A' as const, name, ttl: 60, data: `192.0.${i >> 8}.${i & 255}` }));

function replyTo({ id, questions = [] }: Packet, changes: Partial<Packet> = {}): Buffer {
  const { name = '' } = questions[0] ?? {};
  return encode({ type: 'response', id: id ?? 0, questions, answers: records(name, 1), ...changes });
}

/** A resolver that behaves so by UDP, and by TCP gives 200 addresses. */
async function resolver(behave: Behaviour): Promise<{ address: string; port: number; asked: () => number }> {
  let asked = 0;
  const udp: Socket = createSocket('udp4');
  udp.on('message', (bytes, { port, address }) => {
    asked++;
    behave(decode(bytes), (reply) => udp.send(reply, port, address));
  });
  const tcp = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const reply = replyTo(decode(bytes.subarray(2)), { answers: records('big.test', 200) });
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      socket.end(Buffer.concat([length, reply]));
    });
  });
  // The port by TCP first, where more of them are taken.
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as net.AddressInfo;
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  open.push(
    () => udp.close(),
    () => tcp.close(),
  );
  return { address: '127.0.0.1', port, asked: () => asked };
}

const honest: Behaviour = (query, send) => send(replyTo(query));
const silent: Behaviour = () => {};
const liar: Behaviour = (query, send) => {
  send(Buffer.from('nonsense'));
  send(replyTo(query, { id: ((query.id ?? 0) + 1) % 65_536, answers: records('lie', 1) }));
  send(replyTo(query, { questions: [{ name: 'lie.test', type: 'A' }] }));
  send(replyTo(query));
};
const failing: Behaviour = (query, send) => send(replyTo(query, { flags: rcodes.serverFailure, answers: [] }));
const cutting: Behaviour = (query, send) => send(replyTo(query, { flags: 1 << 9, answers: [] }));

/** As long as a busy machine may take; less where nobody will answer. */
const attemptMsOf = (...behaviours: readonly Behaviour[]) => (behaviours.includes(silent) ? 250 : 5_000);

const forwarder = (servers: ForwarderOptions['servers'], attemptMs: number, changes: Partial<ForwarderOptions> = {}) =>
  new Forwarder({ servers, clock: systemClock, random: new SeededRandom(3), attemptMs, ...changes });

describe('forwarder', () => {
  const question = { name: 'a.test', type: 'A' } as const;

  test.each<[string, Behaviour[], { rcode: number; answers: number; asked: number[] }]>([
    ['one that answers', [honest], { rcode: 0, answers: 1, asked: [1] }],
    ['one that lies before it answers', [liar], { rcode: 0, answers: 1, asked: [1] }],
    ['the first is silent: the second', [silent, honest], { rcode: 0, answers: 1, asked: [1, 1] }],
    ['the first fails: the second', [failing, honest], { rcode: 0, answers: 1, asked: [1, 1] }],
    ['all fail', [failing, failing], { rcode: rcodes.serverFailure, answers: 0, asked: [2, 1] }],
    ['all are silent', [silent], { rcode: rcodes.serverFailure, answers: 0, asked: [3] }],
    ['there is none', [], { rcode: rcodes.serverFailure, answers: 0, asked: [] }],
    ['an answer that is cut is asked for by TCP', [cutting], { rcode: 0, answers: 200, asked: [1] }],
  ])('%s', async (_, behaviours, wanted) => {
    const servers = await Promise.all(behaviours.map(resolver));
    const { rcode, answers } = await forwarder(servers, attemptMsOf(...behaviours)).ask(question);
    expect({ rcode, answers: answers.length, asked: servers.map(({ asked }) => asked()) }).toEqual(wanted);
  });

  test('equal questions wait for one answer', async () => {
    const server = await resolver(honest);
    const one = forwarder([server], attemptMsOf(honest));
    await Promise.all([one.ask(question), one.ask({ ...question, name: 'A.test' }), one.ask(question)]);
    expect(server.asked()).toBe(1);
  });

  test('more questions than it takes fail at once', async () => {
    const server = await resolver(silent);
    const one = forwarder([server], attemptMsOf(silent), { pendingMax: 1 });
    const first = one.ask(question);
    expect(await one.ask({ ...question, name: 'b.test' })).toMatchObject({ rcode: rcodes.serverFailure });
    await first;
  });
});

describe('server', () => {
  async function serve(behave: Behaviour): Promise<{ client: Client; port: number }> {
    const upstream = await resolver(behave);
    const clock = systemClock;
    const answering = new Resolver({
      clock,
      random: new SeededRandom(1),
      forwarder: forwarder([upstream], attemptMsOf(behave)),
      cache: new ReplyCache(clock),
    });
    const table = {
      'web.default.svc.cluster.local': { ips: ['10.0.0.1'], registry: 'Kubernetes', shortname: 'web', namespace: 'default' },
    };
    answering.setNames(new Names({ table }, { namespace: 'default', dnsDomain: 'default.svc.cluster.local' }));
    const server = new DnsServer({ resolver: answering, network: ownNetwork });
    open.push(() => server.close());
    const { port } = await server.listen({ address: '127.0.0.1', port: 0 });
    const client = new Client({ timeout: 5_000, tries: 1 });
    client.setServers([`127.0.0.1:${port}`]);
    return { client, port };
  }

  test('a client that nobody here wrote', async () => {
    const { client } = await serve(honest);
    expect(await client.resolve4('web.default', { ttl: true })).toEqual([{ address: '10.0.0.1', ttl: 30 }]);
    expect(await client.resolve4('else.test')).toEqual(['192.0.0.0']);
    await expect(client.resolve6('web.default')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(client.resolve4('no.default.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('an answer that does not fit a datagram comes by TCP', async () => {
    const { client } = await serve(cutting);
    expect(await client.resolve4('big.test')).toHaveLength(200);
  });

  test('resolvers that have stopped: a failure, in time', async () => {
    const { client } = await serve(silent);
    await expect(client.resolve4('else.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  test('queries by TCP, two in one piece, one in many', async () => {
    const { port } = await serve(honest);
    const query = encode({ type: 'query', id: 9, flags: 0x100, questions: [{ name: 'web', type: 'A' }] });
    const framed = Buffer.concat([Buffer.from([0, query.length]), query]);
    const socket = net.connect(port, '127.0.0.1');
    open.push(() => socket.destroy());
    let bytes = Buffer.alloc(0);
    const replies = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        if (bytes.length >= 3 * (2 + bytes.readUInt16BE(0))) resolve();
      });
    });
    socket.write(Buffer.concat([framed, framed, framed.subarray(0, 5)]));
    await once(socket, 'data');
    socket.write(framed.subarray(5));
    await replies;
    expect(decode(bytes.subarray(2, 2 + bytes.readUInt16BE(0)))).toMatchObject({ id: 9, answers: [{ data: '10.0.0.1' }] });
  });
});
