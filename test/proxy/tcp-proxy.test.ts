// The TCP proxy: bytes both ways, each end for itself, flags when there is nobody to talk to.
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import type { ClusterConfig } from '#proxy/config/cluster';
import type { TcpProxyConfig } from '#proxy/config/listener';
import { Client, closer, cluster, endpoint, Peer, TestProxy, tcpListener, withoutPanic } from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

async function start(clusters: ClusterConfig[], tcp: Partial<TcpProxyConfig> = {}, clock?: ManualClock) {
  const proxy = open.add(new TestProxy(clock ? { clock } : {}));
  for (const one of clusters) proxy.runtime.clusters.set(one);
  const port = await proxy.listen(tcpListener({ clusters: clusters.map(({ name }) => ({ name, weight: 1 })), ...tcp }));
  return { proxy, port };
}

const echo = () =>
  Peer.listen((socket) => {
    socket.on('data', (data) => socket.write(data));
    socket.on('end', () => socket.end('BYE'));
  });

test('bytes go both ways, and each way ends for itself', async () => {
  const upstream = open.add(await echo());
  const { proxy, port } = await start([cluster('a', [upstream.port])]);
  const client = open.add(await Client.connect(port));
  await client.write('hello').until('hello');
  client.socket.end(' again');
  expect(await client.closed()).toBe('hello againBYE');
  expect(await proxy.logged(1)).toMatchObject([{ flags: '-', bytesReceived: 11, bytesSent: 14 }]);
  expect(proxy.runtime.clusters.get('a')!.stats).toMatchObject({ upstream_cx_total: 1, upstream_cx_active: 0 });
});

test('much goes through a reader that is slow, whole', async () => {
  const size = 16 * 1024 * 1024;
  const body = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz0123456789');
  const upstream = open.add(await Peer.listen((socket) => socket.end(body)));
  const { port } = await start([cluster('a', [upstream.port])]);
  const socket = connect(port, '127.0.0.1');
  open.add({ close: () => void socket.destroy() });
  const hash = createHash('sha256');
  let received = 0;
  for await (const part of socket) {
    hash.update(part as Buffer);
    received += (part as Buffer).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(received).toBe(size);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
});

const failing: [name: string, clusters: ClusterConfig[], tcp: Partial<TcpProxyConfig>, flags: string][] = [
  ['no such cluster', [], { clusters: [{ name: 'nobody', weight: 1 }] }, 'NC'],
  ['no healthy endpoint', [cluster('a', [], { endpoints: [endpoint(1, { health: 'unhealthy' })], priorities: withoutPanic })], {}, 'UH'],
  ['connection refused', [cluster('a', [1])], {}, 'UF'],
  [
    'too many connections',
    [cluster('a', [1], { circuitBreaker: { connectionsMax: 0, pendingRequestsMax: 1, requestsMax: 1, retriesMax: 1 } })],
    {},
    'UO',
  ],
];
test.each(failing)('%s: the client is closed, and the log says why', async (_name, clusters, tcp, flags) => {
  const { proxy, port } = await start(clusters, tcp);
  const client = open.add(await Client.connect(port));
  expect(await client.closed()).toBe('');
  expect(await proxy.logged(1)).toMatchObject([{ flags }]);
});

test('another endpoint is tried when one refuses', async () => {
  const upstream = open.add(await echo());
  const { proxy, port } = await start([cluster('a', [1, upstream.port])], { maxConnectAttempts: 2 });
  for (let i = 0; i < 4; i++) {
    const client = open.add(await Client.connect(port));
    await client.write('x').until('x');
    client.close();
  }
  const log = await proxy.logged(4);
  expect(Math.max(...log.map(({ attempts }) => attempts))).toBe(2);
});

test('weights choose the cluster', async () => {
  const peers = [open.add(await Peer.listen((socket) => socket.end('a'))), open.add(await Peer.listen((socket) => socket.end('b')))];
  const clusters = peers.map((peer, i) => cluster('ab'[i]!, [peer.port]));
  const weights = [
    { name: 'a', weight: 3 },
    { name: 'b', weight: 1 },
  ];
  const { port } = await start(clusters, { clusters: weights });
  let text = '';
  for (let i = 0; i < 80; i++) text += await open.add(await Client.connect(port)).closed();
  const toB = text.replaceAll('a', '').length;
  expect(text.length).toBe(80);
  expect(toB).toBeGreaterThan(8);
  expect(toB).toBeLessThan(34);
});

test('a silent connection ends at its idle timeout, a busy one does not', async () => {
  const clock = new ManualClock();
  const upstream = open.add(await echo());
  const { proxy, port } = await start([cluster('a', [upstream.port])], { idleTimeoutMs: 10_000 }, clock);
  const client = open.add(await Client.connect(port));
  for (let i = 0; i < 3; i++) {
    client.text = '';
    await client.write('x').until('x');
    clock.advance(6000);
  }
  expect(client.ended).toBe(false);
  clock.advance(6000);
  await client.closed();
  expect(await proxy.logged(1)).toMatchObject([{ termination: 'idle_timeout' }]);
});

test('an upstream that takes too long to connect is given up: UF', async () => {
  const clock = new ManualClock();
  // Nobody answers there: RFC 5737. Where the machine says so at once, that is a refusal, and as good.
  const nowhere = cluster('a', [], { endpoints: [{ ...endpoint(9), address: { address: '192.0.2.1', port: 9 } }] });
  const { proxy, port } = await start([nowhere], {}, clock);
  const client = open.add(await Client.connect(port));
  while (!client.ended) {
    clock.advance(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await proxy.logged(1)).toMatchObject([{ flags: 'UF' }]);
});
