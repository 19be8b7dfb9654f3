// Clients that ask for too much, or take too long: bounded, answered, and the others do not notice.
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, Peer, route, routeTable, TestProxy } from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function start(config: Partial<HttpConnectionManagerConfig> = {}, upstreamPeer?: Peer, connectionsMax?: number) {
  const clock = new ManualClock();
  const upstream = open.add(upstreamPeer ?? (await httpPeer(ok('served;'))));
  const proxy = open.add(new TestProxy({ clock, ...(connectionsMax && { connectionsMax }) }));
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }), config)));
  const connect = async () => open.add(await Client.connect(port));
  const stats = () => [...proxy.listeners.httpStats.entries()][0]![1];
  return { clock, proxy, port, connect, stats, upstream };
}

test('a head of 1 MB is refused with 431 as soon as it is too long', async () => {
  const { connect, stats, upstream } = await start();
  const other = await connect();
  const client = await connect();
  client.write(`GET / HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(1024 * 1024)}`);
  expect(await client.closed()).toMatch(/^HTTP\/1.1 431 Request Header Fields Too Large\r\n[\s\S]*connection: close\r\n/);
  expect(stats().downstream_rq_too_large).toBe(1);
  await other.write(get).until('served;');
  expect((upstream as Peer & { requests: string[] }).requests.length).toBe(1);
});

test('10,000 headers are refused with 431', async () => {
  const { connect } = await start();
  const client = await connect();
  client.write(`GET / HTTP/1.1\r\nhost: a\r\n${Array.from({ length: 10_000 }, (_, i) => `x-${i}: 1\r\n`).join('')}\r\n`);
  expect(await client.closed()).toMatch(/^HTTP\/1.1 431 /);
});

test('a client that drips its head is answered 408 at the deadline, not at its last byte; others are served meanwhile', async () => {
  const { clock, connect, stats } = await start({ requestHeadersTimeoutMs: 10_000 });
  const dripping = await connect();
  const other = await connect();
  await other.write(get).until('served;');
  const head = 'GET / HTTP/1.1\r\nhost: a\r\nx-slow: aaaaaaaaaaaaaaaaaaaa';
  let sent = 0;
  while (!dripping.ended && sent < head.length) {
    dripping.write(head[sent++]!);
    other.text = '';
    await other.write(get).until('served;');
    clock.advance(1000);
    await turn();
  }
  expect(await dripping.closed()).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
  expect(sent).toBeLessThan(15);
  expect(stats().downstream_rq_header_timeout).toBe(1);
});

test('a connection that never asks is closed without an answer', async () => {
  const { clock, connect, stats } = await start({ requestHeadersTimeoutMs: 10_000 });
  const client = await connect();
  while (stats().downstream_cx_active === 0) await turn();
  clock.advance(11_000);
  expect(await client.closed()).toBe('');
});

test('a kept connection is closed when it is idle too long, and not before', async () => {
  const { clock, connect, stats } = await start({ idleTimeoutMs: 60_000 });
  const client = await connect();
  for (let i = 0; i < 3; i++) {
    client.text = '';
    await client.write(get).until('served;');
    clock.advance(50_000);
    await turn();
  }
  expect(client.ended).toBe(false);
  clock.advance(11_000);
  await client.closed();
  expect(stats().downstream_cx_idle_timeout).toBe(1);
});

test('a stream without a byte for too long is answered 408: SI', async () => {
  const { clock, proxy, connect, upstream } = await start(
    { streamIdleTimeoutMs: 5000 },
    await Peer.listen((socket) => void socket.resume()),
  );
  const client = (await connect()).write(get);
  while (upstream.sockets.size === 0 || proxy.runtime.clusters.get('a')!.stats.upstream_rq_pending_active > 0) await turn();
  clock.advance(6000);
  expect(await client.until('timeout')).toMatch(/^HTTP\/1.1 408 [\s\S]*stream timeout$/);
  expect(await proxy.logged(1)).toMatchObject([{ flags: 'SI', details: 'stream_idle_timeout' }]);
});

test('a response that stalls is cut off', async () => {
  const half = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf';
  const { clock, proxy, connect } = await start({ streamIdleTimeoutMs: 5000 }, await httpPeer(half));
  const client = (await connect()).write(get);
  await client.until('half');
  clock.advance(6000);
  expect(await client.closed()).toMatch(/half$/);
  expect(await proxy.logged(1)).toMatchObject([{ status: 200, flags: 'SI' }]);
});

test('a request whose body does not come in time is answered 408', async () => {
  const { clock, proxy, connect } = await start({ requestTimeoutMs: 5000 });
  const client = (await connect()).write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n');
  while (proxy.runtime.clusters.get('a')!.stats.upstream_rq_active === 0) await turn();
  for (let i = 0; i < 6; i++) {
    client.write('x');
    await turn();
    clock.advance(1000);
  }
  expect(await client.until('timeout')).toMatch(/^HTTP\/1.1 408 [\s\S]*request timeout$/);
  expect(await proxy.logged(1)).toMatchObject([{ status: 408, details: 'request_overall_timeout' }]);
});

test('a connection is told to close after so many requests', async () => {
  const { connect } = await start({ maxRequestsPerConnection: 2 });
  const client = await connect();
  expect(await client.write(get).until('served;')).not.toContain('connection: close');
  expect(await client.write(get).closed()).toMatch(/connection: close\r\n\r\nserved;$/);
});

test('connections beyond the bound are closed; those within it are served', async () => {
  const { proxy, connect } = await start({}, undefined, 2);
  const clients = [await connect(), await connect()];
  for (const client of clients) await client.write(get).until('served;');
  const third = await connect();
  expect(await third.closed()).toBe('');
  expect(proxy.listeners.overflows).toBe(1);
  clients[0]!.close();
  while (proxy.listeners.connectionCount === 2) await turn();
  await (await connect()).write(get).until('served;');
});
