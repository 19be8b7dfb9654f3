// Listeners: opened, changed in place, drained, closed; which filter chain takes a connection.
import { connect as connectHttp2 } from 'node:http2';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import type { FilterChain, ListenerConfig } from '#proxy/config/listener';
import { findChainMismatch, matchFilterChain } from '#proxy/listen/filter-chain-matcher';
import { Client, closer, faultFilters, httpConfig, httpListener, matchAnything, route, routeTable, TestProxy } from './fixture.ts';
import { answerOf } from './http2-peers.ts';

const open = closer();
afterEach(() => open.closeAll());

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function saying(body: string, changes: Partial<ListenerConfig> = {}): ListenerConfig {
  return httpListener(httpConfig(routeTable({ '*': route({ kind: 'direct', status: 200, body }) })), changes);
}

/** A port of 127.0.0.1 that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const at = (port: number) => ({ addresses: [{ address: '127.0.0.1', port }] });

describe('changes', () => {
  test('a change takes effect with the next request, on kept connections as well', async () => {
    const proxy = open.add(new TestProxy());
    const where = at(await freePort());
    await proxy.listen(saying('old;', where));
    const kept = open.add(await Client.connect(proxy.port()));
    const session = open.add(connectHttp2(`http://127.0.0.1:${proxy.port()}`));
    await kept.write(get).until('old;');
    expect((await answerOf(session.request({ ':path': '/' }))).body).toBe('old;');
    expect(await proxy.listeners.apply([saying('new;', where)])).toEqual([]);
    kept.text = '';
    expect(await kept.write(get).until('new;')).not.toContain('connection: close');
    expect((await answerOf(session.request({ ':path': '/' }))).body).toBe('new;');
    expect(session.closed).toBe(false);
  });

  test('a kept connection that the new filter chain cannot have is drained', async () => {
    const proxy = open.add(new TestProxy());
    const where = at(await freePort());
    const differently = (body: string) =>
      httpListener(httpConfig(routeTable({ '*': route({ kind: 'direct', status: 200, body }) }), { statPrefix: body }), where);
    await proxy.listen(differently('old;'));
    const old = open.add(await Client.connect(proxy.port()));
    await old.write(get).until('old;');
    expect(await proxy.listeners.apply([differently('new;')])).toEqual([]);
    await open
      .add(await Client.connect(proxy.port()))
      .write(get)
      .until('new;');
    // The kept connection gets its next answer, with the news that it is the last.
    old.text = '';
    expect(await old.write(get).closed()).toMatch(/connection: close\r\n\r\nold;$/);
  });

  test('the same object changes nothing', async () => {
    const proxy = open.add(new TestProxy());
    const config = saying('same;', at(await freePort()));
    await proxy.listen(config);
    const client = open.add(await Client.connect(proxy.port()));
    await client.write(get).until('same;');
    await proxy.listeners.apply([config]);
    client.text = '';
    expect(await client.write(get).until('same;')).not.toContain('connection: close');
  });

  test('a filter chain that stays keeps its connections', async () => {
    const proxy = open.add(new TestProxy());
    const config = saying('same;', at(await freePort()));
    await proxy.listen(config);
    const client = open.add(await Client.connect(proxy.port()));
    await client.write(get).until('same;');
    await proxy.listeners.apply([{ ...config, bufferBytesMax: 1 }]);
    client.text = '';
    expect(await client.write(get).until('same;')).not.toContain('connection: close');
  });

  test('an idle connection of a removed listener ends at its drain timeout', async () => {
    const clock = new ManualClock();
    const proxy = open.add(new TestProxy({ clock }));
    const port = await proxy.listen(saying('x;', at(await freePort())));
    const client = open.add(await Client.connect(port));
    await client.write(get).until('x;');
    await proxy.listeners.apply([]);
    expect(proxy.listeners.boundAddresses()).toEqual([]);
    await expect(Client.connect(port)).rejects.toThrow('ECONNREFUSED');
    clock.advance(4000);
    await turn();
    expect(client.ended).toBe(false);
    clock.advance(1100);
    await client.closed();
  });

  test('a listener may move to another address, and its name to another listener', async () => {
    const proxy = open.add(new TestProxy());
    const [first, second] = [await freePort(), await freePort()];
    await proxy.listeners.apply([saying('a;', { name: 'a', ...at(first) }), saying('b;', { name: 'b', ...at(second) })]);
    expect(await proxy.listeners.apply([saying('b;', { name: 'b', ...at(first) })])).toEqual([]);
    expect(proxy.listeners.boundAddresses()).toEqual([{ name: 'b', address: '127.0.0.1', port: first }]);
    await open
      .add(await Client.connect(first))
      .write(get)
      .until('b;');
    await expect(Client.connect(second)).rejects.toThrow('ECONNREFUSED');
  });

  test('discouraged: whoever is there or comes is served once more and asked to leave', async () => {
    const proxy = open.add(new TestProxy());
    await proxy.listen(saying('once;', at(await freePort())));
    const kept = open.add(await Client.connect(proxy.port()));
    expect(await kept.write(get).until('once;')).not.toContain('connection: close');
    await proxy.listeners.discourage(60_000, 'all');
    const late = open.add(await Client.connect(proxy.port()));
    for (const client of [kept, late]) {
      client.text = '';
      expect(await client.write(get).closed()).toMatch(/connection: close\r\n\r\nonce;$/);
    }
  });

  test('inbound listeners alone can be closed', async () => {
    const proxy = open.add(new TestProxy());
    const [one, other] = [await freePort(), await freePort()];
    const configs = [
      saying('inbound', { name: 'inbound', direction: 'inbound', ...at(one) }),
      saying('outbound', { name: 'outbound', ...at(other) }),
    ];
    expect(await proxy.listeners.apply(configs)).toEqual([]);
    await proxy.listeners.stopListening('inbound');
    expect(proxy.listeners.boundAddresses().map(({ name }) => name)).toEqual(['outbound']);
    const client = open.add(await Client.connect(other));
    await client.write(get).until('outbound');
    await expect(Client.connect(one)).rejects.toThrow('ECONNREFUSED');
  });

  test('drain: who has come and is still looked at is served once and asked to leave', async () => {
    const proxy = open.add(new TestProxy());
    const looking = { inspection: () => ({ tls: true, http: false }), inspectionTimeoutMs: 60_000 };
    const port = await proxy.listen(saying('once;', { ...looking, ...at(await freePort()) }));
    const silent = open.add(await Client.connect(port));
    // Connections are accepted one after the other.
    await open
      .add(await Client.connect(port))
      .write(get)
      .until('once;');
    const drained = proxy.listeners.drain();
    await turn();
    expect(await silent.write(get).closed()).toMatch(/connection: close\r\n\r\nonce;$/);
    await proxy.listeners.close();
    await drained;
  });

  test('drain: what is under way finishes, and resolves when the last connection has ended', async () => {
    const clock = new ManualClock();
    const proxy = open.add(new TestProxy({ clock }));
    const slow = route(
      { kind: 'direct', status: 200, body: 'late;' },
      { filters: faultFilters({ delay: { fixedMs: 1000, fraction: 1 }, abort: undefined }) },
    );
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': slow })), at(await freePort())));
    const client = open.add(await Client.connect(port)).write(get);
    while ([...proxy.listeners.httpStats.entries()][0]![1].downstream_rq_active === 0) await turn();
    const drained = proxy.listeners.drain(60_000);
    await turn();
    clock.advance(1500);
    expect(await client.closed()).toMatch(/connection: close\r\n\r\nlate;$/);
    client.close();
    await drained;
    expect(proxy.listeners.connectionCount).toBe(0);
  });
});

describe('addresses', () => {
  test('a port in use is a problem that names it and its owner; the other listeners open', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    open.add({ close: () => new Promise<void>((resolve) => taken.close(() => resolve())) });
    const { port } = taken.address() as { port: number };
    const proxy = open.add(new TestProxy());
    const problems = await proxy.listeners.apply([saying('a', { name: 'taken', ...at(port) }), saying('b;', { name: 'free' })]);
    expect(problems).toMatchObject([{ code: 'PORT_IN_USE', object: 'Listener taken' }]);
    expect(problems[0]!.message).toContain(`127.0.0.1:${port} is in use`);
    if (process.platform === 'linux') expect(problems[0]!.message).toContain(`(pid ${process.pid})`);
    await open
      .add(await Client.connect(proxy.port()))
      .write(get)
      .until('b;');
  });

  test('an address that this machine has not is a problem', async () => {
    const proxy = open.add(new TestProxy());
    const elsewhere = saying('a', { addresses: [{ address: '203.0.113.1', port: 80 }] });
    expect(await proxy.listeners.apply([elsewhere])).toMatchObject([{ code: 'ADDRESS_NOT_AVAILABLE' }]);
  });

  test('the wildcard and the loopback of xDS are the pod\u2019s own; published ports are open besides', async () => {
    const [port, outside] = [await freePort(), await freePort()];
    const placement = {
      wildcard: '127.64.9.1',
      loopback: '127.65.9.1',
      published: [{ port, at: { address: '127.0.0.1', port: outside } }],
    };
    const proxy = open.add(new TestProxy({ placement }));
    await proxy.listeners.apply([
      saying('all;', { name: 'all', addresses: [{ address: '0.0.0.0', port }] }),
      saying('own;', { name: 'own', addresses: [{ address: '127.0.0.1', port: 0 }] }),
    ]);
    const bound = proxy.listeners.boundAddresses().map(({ name, address }) => `${name} ${address}`);
    expect(bound).toEqual(['all 127.64.9.1', 'all 127.0.0.1', 'own 127.65.9.1']);
    await open
      .add(await Client.connect(outside))
      .write(get)
      .until('all;');
  });

  test('a listener that is not bound is reached through the one that looks at the original destination', async () => {
    const proxy = open.add(new TestProxy());
    const port = await freePort();
    await proxy.listeners.apply([
      saying('virtual;', { name: 'virtual', useOriginalDst: true, ...at(port) }),
      saying('inner;', { name: 'inner', bindToPort: false, addresses: [{ address: '0.0.0.0', port }] }),
    ]);
    await open
      .add(await Client.connect(port))
      .write(get)
      .until('inner;');
  });
});

describe('filter chains', () => {
  const chain = (name: string, match: Partial<FilterChain['match']>): FilterChain => ({
    name,
    origin: undefined,
    match: { ...matchAnything, ...match },
    gates: [],
    filters: [],
    tls: undefined,
    transportSocketConnectTimeoutMs: 0,
  });
  const chains = [
    chain('any', {}),
    chain('port', { destinationPort: 80 }),
    chain('net', { prefixRanges: ['10.0.0.0/8'] }),
    chain('subnet', { prefixRanges: ['10.1.0.0/16', '192.168.0.0/16'] }),
    chain('port and net', { destinationPort: 81, prefixRanges: ['10.0.0.0/8'] }),
    chain('from', { sourcePrefixRanges: ['172.16.0.0/12'] }),
    chain('tls', { destinationPort: 80, transportProtocol: 'tls' }),
    chain('named', { destinationPort: 80, serverNames: ['a.example'] }),
    chain('raw', { destinationPort: 82, transportProtocol: 'raw_buffer' }),
    chain('82', { destinationPort: 82 }),
    chain('six', { prefixRanges: ['fd00::/8'] }),
    chain('wild', { destinationPort: 443, serverNames: ['*.example', 'other.test'] }),
    chain('wilder', { destinationPort: 443, serverNames: ['*.b.example'] }),
    chain('whole', { destinationPort: 443, serverNames: ['a.b.example'] }),
    chain('alpn', { destinationPort: 444, transportProtocol: 'tls', applicationProtocols: ['h2'] }),
    chain('any tls', { destinationPort: 444, transportProtocol: 'tls' }),
    chain('near and named', { destinationPort: 445, prefixRanges: ['10.0.0.0/8'], serverNames: ['near.example'] }),
    chain('named', { destinationPort: 445, serverNames: ['far.example'] }),
  ];
  const cases: [destination: string, port: number, source: string, expected: string | undefined, tls?: string, alpn?: string][] = [
    ['1.1.1.1', 79, '1.2.3.4', 'any'],
    ['1.1.1.1', 80, '1.2.3.4', 'port'],
    ['10.9.9.9', 79, '1.2.3.4', 'net'],
    ['10.1.9.9', 79, '1.2.3.4', 'subnet'],
    ['192.168.1.1', 79, '1.2.3.4', 'subnet'],
    ['10.1.9.9', 80, '1.2.3.4', 'port'],
    ['10.1.9.9', 81, '1.2.3.4', 'port and net'],
    ['1.1.1.1', 79, '172.17.0.1', 'from'],
    ['1.1.1.1', 82, '1.2.3.4', 'raw'],
    ['fd00::1', 79, '::1', 'six'],
    ['1.1.1.1', 80, '1.2.3.4', 'named', 'a.example'],
    ['1.1.1.1', 443, '1.2.3.4', 'whole', 'A.b.example'],
    ['1.1.1.1', 443, '1.2.3.4', 'wilder', 'c.b.example'],
    ['1.1.1.1', 443, '1.2.3.4', 'wild', 'b.example'],
    ['1.1.1.1', 443, '1.2.3.4', 'wild', 'other.test'],
    ['1.1.1.1', 443, '1.2.3.4', undefined, 'example'],
    ['1.1.1.1', 443, '1.2.3.4', undefined],
    ['1.1.1.1', 444, '1.2.3.4', 'alpn', 'x', 'h2'],
    ['1.1.1.1', 444, '1.2.3.4', 'any tls', 'x', 'http/1.1'],
    // The address has decided before the name is looked at.
    ['10.9.9.9', 445, '1.2.3.4', undefined, 'far.example'],
    ['1.1.1.1', 445, '1.2.3.4', 'named', 'far.example'],
  ];
  test.each(cases)('%s:%d from %s: %s (%s)', (destinationAddress, destinationPort, sourceAddress, expected, serverName, protocol) => {
    const listener = { filterChains: chains, defaultFilterChain: undefined } as unknown as ListenerConfig;
    const tls = serverName === undefined ? {} : { tls: { serverName, applicationProtocols: protocol ? [protocol] : [] } };
    expect(matchFilterChain(listener, { destinationAddress, destinationPort, sourceAddress, ...tls })?.name).toBe(expected);
  });

  test('why a chain does not take a connection', () => {
    const traits = { destinationAddress: '1.1.1.1', destinationPort: 443, sourceAddress: '1.1.1.1' };
    const named = chain('named', { destinationPort: 443, serverNames: ['a.example', '*.b.example'] });
    expect(findChainMismatch(named, traits)).toEqual({ condition: 'server name', expects: 'a.example or *.b.example', found: undefined });
    expect(findChainMismatch(named, { ...traits, destinationPort: 1 })).toMatchObject({ condition: 'destination port', expects: '443' });
    const tls = { serverName: 'x.b.example', applicationProtocols: [] };
    expect(findChainMismatch(named, { ...traits, tls })).toBeUndefined();
  });

  test('the default chain takes what no other does; without one, nobody does', () => {
    const traits = { destinationAddress: '1.1.1.1', destinationPort: 1, sourceAddress: '1.1.1.1' };
    const only = [chain('port', { destinationPort: 80 })];
    const listener = { filterChains: only, defaultFilterChain: chain('default', {}) } as unknown as ListenerConfig;
    expect(matchFilterChain(listener, traits)?.name).toBe('default');
    expect(matchFilterChain({ ...listener, defaultFilterChain: undefined }, traits)).toBeUndefined();
  });
});
