// How long connections to endpoints live, and how many requests may be at a second try: by a clock turned by hand, over sockets.
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import {
  Client,
  closer,
  cluster,
  deadPort,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  ok,
  Peer,
  retryPolicy,
  route,
  routeTable,
  TestProxy,
  tcpListener,
} from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

const get = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

async function ask(client: Client, pattern: RegExp): Promise<string> {
  client.text = '';
  return client.write(get).until(pattern);
}

test('an HTTP/1 connection goes when its time is over: idle, or after the request that is on it', async () => {
  const clock = new ManualClock();
  const upstream = open.add(await httpPeer(ok('x;')));
  const proxy = open.add(new TestProxy({ clock }));
  proxy.runtime.clusters.set(cluster('a', [upstream.port], { connectionMsMax: 10_000 }));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
  const client = open.add(await Client.connect(port));
  const { stats } = proxy.runtime.clusters.get('a')!;
  await ask(client, /x;$/);
  clock.advance(5_000);
  await ask(client, /x;$/);
  expect(stats).toMatchObject({ upstream_cx_total: 1, upstream_cx_max_duration_reached: 0 });
  clock.advance(5_100);
  expect(stats.upstream_cx_max_duration_reached).toBe(1);
  await ask(client, /x;$/);
  expect(stats.upstream_cx_total).toBe(2);
});

test('a TCP connection goes when its time is over, busy or not', async () => {
  const clock = new ManualClock();
  const upstream = open.add(await Peer.listen((socket) => void socket.pipe(socket)));
  const proxy = open.add(new TestProxy({ clock }));
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const port = await proxy.listen(tcpListener({ clusters: [{ name: 'a', weight: 1 }], connectionMsMax: 10_000 }));
  const client = open.add(await Client.connect(port));
  await client.write('a').until('a');
  clock.advance(9_000);
  await client.write('b').until('ab');
  clock.advance(1_100);
  expect(await client.closed()).toBe('ab');
  expect(await proxy.logged(1)).toMatchObject([{ flags: 'DT', termination: 'max_connection_duration_reached' }]);
});

test.each([
  // Who waits for its second try is a retry already, and no more under way: as in Envoy.
  ['within the least number', { percent: 0, retriesMin: 3, intervalMs: 0 }, 3],
  ['as many as are under way', { percent: 100, retriesMin: 0, intervalMs: 0 }, 2],
  ['half of those under way', { percent: 50, retriesMin: 0, intervalMs: 0 }, 1],
  ['as many as there were within a minute', { percent: 100, retriesMin: 0, intervalMs: 60_000 }, 4],
  ['half of those', { percent: 50, retriesMin: 0, intervalMs: 60_000 }, 2],
  ['none', { percent: 0, retriesMin: 0, intervalMs: 0 }, 0],
])('retries of four requests at once, budget %s', async (_, retryBudget, retries) => {
  // Answers come when all four are there, so that they are under way together.
  const waiting: (() => void)[] = [];
  const upstream = open.add(
    await httpPeer((_text, socket, index) => {
      if (index >= 4) return ok('x;');
      waiting.push(() => socket.write('HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nn;'));
      if (waiting.length === 4) for (const answer of waiting) answer();
      return undefined;
    }),
  );
  const proxy = open.add(new TestProxy());
  const circuitBreaker = { connectionsMax: 99, pendingRequestsMax: 99, requestsMax: 99, retriesMax: 0, retryBudget };
  proxy.runtime.clusters.set(cluster('a', [upstream.port], { circuitBreaker }));
  const retry = retryPolicy({ on: new Set(['5xx']), retriesMax: 1, backoffMsMin: 20, backoffMsMax: 20 });
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a', { retry })) }))));
  const clients = await Promise.all([1, 2, 3, 4].map(async () => open.add(await Client.connect(port))));
  const texts = await Promise.all(clients.map((client) => ask(client, /[xn];$/)));
  expect(texts.filter((text) => text.endsWith('x;'))).toHaveLength(retries);
  expect(proxy.runtime.clusters.get('a')!.stats.upstream_rq_retry_overflow).toBe(4 - retries);
});

test.each([
  [1, 1],
  [2, 2],
  [3, 3],
])('one request, preconnect ratio %d: %d connections, which the next requests find', async (preconnectRatio, connections) => {
  const upstream = open.add(await httpPeer(ok('x;')));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port], { preconnectRatio }));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
  const client = open.add(await Client.connect(port));
  const { stats } = proxy.runtime.clusters.get('a')!;
  await ask(client, /x;$/);
  while (upstream.sockets.size < connections) await new Promise<void>((resolve) => setImmediate(resolve));
  await ask(client, /x;$/);
  expect(stats).toMatchObject({ upstream_cx_total: connections, upstream_rq_pending_active: 0, upstream_rq_pending_total: 1 });
});

test('connections made ahead that fail trouble nobody, and are within the circuit breaker', async () => {
  const proxy = open.add(new TestProxy());
  const circuitBreaker = { connectionsMax: 2, pendingRequestsMax: 9, requestsMax: 9, retriesMax: 0 };
  proxy.runtime.clusters.set(cluster('a', [await deadPort()], { preconnectRatio: 3, circuitBreaker }));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
  const client = open.add(await Client.connect(port));
  const { stats } = proxy.runtime.clusters.get('a')!;
  for (let i = 1; i <= 3; i++) {
    expect(await ask(client, /connection failure/)).toMatch(/^HTTP\/1.1 503/);
    while (stats.upstream_cx_active > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(stats).toMatchObject({ upstream_cx_total: 2 * i, upstream_rq_pending_active: 0 });
  }
});
