// What the router does with a request: weights, retries, timeouts, faults, headers; and what it says when there is no response.
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import type { ClusterConfig } from '#proxy/config/cluster';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { Route } from '#proxy/route/route';
import { until } from '../integration/until.ts';
import {
  Client,
  closer,
  cluster,
  deadPort,
  endpoint,
  faultFilters,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  noMutations,
  ok,
  Peer,
  retryPolicy,
  route,
  routeTable,
  TestProxy,
  withoutPanic,
} from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

interface Setup {
  clusters?: ClusterConfig[];
  routes: Route | Record<string, Route>;
  clock?: ManualClock;
  config?: Partial<HttpConnectionManagerConfig>;
  proxy?: ConstructorParameters<typeof TestProxy>[0];
  direction?: 'inbound' | 'outbound';
}

async function start({ clusters = [], routes, clock, config, proxy: options, direction }: Setup) {
  const proxy = open.add(new TestProxy({ ...options, ...(clock && { clock }) }));
  for (const one of clusters) proxy.runtime.clusters.set(one);
  const table = routeTable('action' in routes ? { '*': routes as Route } : (routes as Record<string, Route>));
  const port = await proxy.listen(httpListener(httpConfig(table, config), direction && { direction }));
  const client = open.add(await Client.connect(port));
  return { proxy, port, client };
}

/** An upstream that takes connections and never answers. */
const silence = () => Peer.listen((socket) => void socket.resume());

/** Turns the clock until the answer is there. */
async function turning<T>(clock: ManualClock, stepMs: number, answer: Promise<T>): Promise<T> {
  let done = false;
  void answer.finally(() => (done = true)).catch(() => {});
  while (!done) {
    clock.advance(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return answer;
}

describe('no response', () => {
  test('no route: 404, NR', async () => {
    const { proxy, client } = await start({ routes: {} });
    expect(await client.write(get).until('\r\n\r\n')).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
    expect(await proxy.logged(1)).toMatchObject([{ status: 404, flags: 'NR', details: 'route_not_found' }]);
  });

  test('no such cluster: 503, NC', async () => {
    const { proxy, client } = await start({ routes: route(forward('nobody')) });
    expect(await client.write(get).until('\r\n\r\n')).toMatch(/^HTTP\/1.1 503 /);
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'NC', details: 'cluster_not_found' }]);
  });

  test('no healthy endpoint: 503, UH', async () => {
    const sick = cluster('a', [], { endpoints: [endpoint(1, { health: 'unhealthy' })], priorities: withoutPanic });
    const { proxy, client } = await start({ clusters: [sick], routes: route(forward('a')) });
    await client.write(get).until(/^HTTP\/1.1 503 [\s\S]*\r\n\r\nno healthy upstream$/);
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'UH', details: 'no_healthy_upstream' }]);
  });

  test('connection refused: 503, UF', async () => {
    const { proxy, client } = await start({ clusters: [cluster('a', [await deadPort()])], routes: route(forward('a')) });
    await client
      .write(get)
      .until(
        /\r\n\r\nupstream connect error or disconnect\/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused$/,
      );
    expect(await proxy.logged(1)).toMatchObject([{ status: 503, flags: 'UF', attempts: 1 }]);
    expect(proxy.runtime.clusters.get('a')!.stats).toMatchObject({
      upstream_cx_connect_fail: 1,
      upstream_cx_active: 0,
      upstream_rq_pending_active: 0,
    });
  });

  test('the upstream hangs up: 503, UC', async () => {
    const upstream = open.add(await Peer.listen((socket) => void socket.once('data', () => socket.destroy())));
    const { proxy, client } = await start({ clusters: [cluster('a', [upstream.port])], routes: route(forward('a')) });
    await client.write(get).until(/reset reason: connection termination$/);
    expect(await proxy.logged(1)).toMatchObject([{ status: 503, flags: 'UC' }]);
  });

  test('the route takes too long: 504, UT', async () => {
    const clock = new ManualClock();
    const upstream = open.add(await silence());
    const { proxy, client } = await start({
      clusters: [cluster('a', [upstream.port])],
      routes: route(forward('a', { timeoutMs: 3000 })),
      clock,
    });
    await turning(clock, 500, client.write(get).until(/^HTTP\/1.1 504 [\s\S]*\r\n\r\nupstream request timeout$/));
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'UT', details: 'response_timeout' }]);
    expect(proxy.runtime.clusters.get('a')!.stats).toMatchObject({ upstream_rq_timeout: 1, upstream_rq_active: 0 });
  });

  test('the client goes away: DC, and the upstream is told', async () => {
    const upstream = await silence();
    open.add(upstream);
    const { proxy, client } = await start({ clusters: [cluster('a', [upstream.port])], routes: route(forward('a')) });
    client.write(get);
    while (upstream.sockets.size === 0) await new Promise(setImmediate);
    const gone = new Promise((resolve) => [...upstream.sockets][0]!.once('end', resolve));
    client.close();
    expect(await proxy.logged(1)).toMatchObject([{ status: 0, flags: 'DC' }]);
    await gone;
    expect(proxy.runtime.clusters.get('a')!.stats).toMatchObject({ upstream_rq_active: 0, upstream_rq_cancelled: 1 });
  });

  test('too many requests at once: 503, UO', async () => {
    const upstream = open.add(await silence());
    const tight = { connectionsMax: 1, pendingRequestsMax: 1, requestsMax: 1024, retriesMax: 3 };
    const { proxy, port, client } = await start({
      clusters: [cluster('a', [upstream.port], { circuitBreaker: tight })],
      routes: route(forward('a')),
    });
    client.write(get);
    while (proxy.runtime.clusters.get('a')!.stats.upstream_rq_active === 0 || upstream.sockets.size === 0) await new Promise(setImmediate);
    const second = open.add(await Client.connect(port)).write(get);
    while (proxy.runtime.clusters.get('a')!.stats.upstream_rq_pending_active === 0) await new Promise(setImmediate);
    const third = open.add(await Client.connect(port)).write(get);
    await third.until(/^HTTP\/1.1 503 [\s\S]*reset reason: overflow$/);
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'UO' }]);
    expect(second.text).toBe('');
    // The one in line gets the connection of the first, or a new one when that is gone.
    client.close();
    while (upstream.sockets.size === 0 || proxy.runtime.clusters.get('a')!.stats.upstream_rq_active === 0) await new Promise(setImmediate);
  });
});

describe('retries', () => {
  /** Fails as often as told, each in its own way; then serves. */
  async function unsteady(failures: number, failure: string | 'hang up') {
    let left = failures;
    return open.add(
      await httpPeer((_request, socket) => {
        if (left-- <= 0) return ok('served;');
        if (failure !== 'hang up') return failure;
        socket.destroy();
        return undefined;
      }),
    );
  }
  const unavailable = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nbad';

  const cases: [name: string, on: string, failures: number, failure: string, served: boolean, attempts: number, flags: string][] = [
    ['a status of 5xx', '5xx', 2, unavailable, true, 3, '-'],
    ['a status of 5xx, too often', '5xx', 3, unavailable, false, 3, 'URX'],
    ['gateway-error', 'gateway-error', 1, unavailable, true, 2, '-'],
    ['a status that is listed', 'retriable-status-codes', 1, 'HTTP/1.1 418 I\r\ncontent-length: 0\r\n\r\n', true, 2, '-'],
    ['409', 'retriable-4xx', 1, 'HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n', true, 2, '-'],
    ['a status that is not asked for', 'connect-failure', 1, unavailable, false, 1, '-'],
    ['a hang-up', 'reset', 1, 'hang up', true, 2, '-'],
    ['a hang-up, too often', 'reset', 3, 'hang up', false, 3, 'UC,URX'],
    ['a hang-up that is not asked for', 'connect-failure', 1, 'hang up', false, 1, 'UC'],
    ['a grpc-status', 'unavailable', 1, 'HTTP/1.1 200 OK\r\ngrpc-status: 14\r\ncontent-length: 0\r\n\r\n', true, 2, '-'],
  ];
  test.each(cases)('%s', async (_name, on, failures, failure, served, attempts, flags) => {
    const upstream = await unsteady(failures, failure);
    const retry = retryPolicy({ on: new Set([on]), statuses: new Set([418]) });
    const { proxy, client } = await start({ clusters: [cluster('a', [upstream.port])], routes: route(forward('a', { retry })) });
    client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody');
    await client.until('\r\n\r\n');
    const [logged] = await proxy.logged(1);
    expect(client.text.includes('served;')).toBe(served);
    expect(logged).toMatchObject({ attempts });
    expect(logged!.flags.split(',').sort().join(',')).toBe(flags);
    // Every try was sent the whole request, and said which it is.
    expect(upstream.requests.map((text) => [/x-envoy-attempt-count: (\d+)/.exec(text)?.[1], text.slice(-4)])).toEqual(
      Array.from({ length: attempts }, (_, i) => [`${i + 1}`, 'body']),
    );
    expect(proxy.runtime.clusters.get('a')!.stats.activeRetries).toBe(0);
  });

  test('connect-failure: at another endpoint, when the policy avoids those tried', async () => {
    const upstream = open.add(await httpPeer(ok('served;')));
    const retry = retryPolicy({ on: new Set(['connect-failure']), avoidPreviousHosts: true, hostSelectionRetriesMax: 5 });
    const { proxy, client } = await start({
      clusters: [cluster('a', [await deadPort(), upstream.port])],
      routes: route(forward('a', { retry })),
    });
    for (let i = 0; i < 4; i++) {
      client.text = '';
      await client.write(get).until('served;');
    }
    const log = await proxy.logged(4);
    expect(log.every(({ status, attempts }) => status === 200 && attempts <= 2)).toBe(true);
    expect(log.some(({ attempts }) => attempts === 2)).toBe(true);
  });

  test.each([
    [1, 2],
    [2, 3],
  ])('at another priority, after %d tries at one', async (triesPerPriority, attempts) => {
    const sick = open.add(await httpPeer('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'));
    const far = open.add(await httpPeer(ok('served;')));
    const retry = retryPolicy({ on: new Set(['5xx']), retriesMax: 3, triesPerPriority });
    const endpoints = [endpoint(sick.port), endpoint(far.port, { priority: 1 })];
    const { proxy, client } = await start({ clusters: [cluster('a', [], { endpoints })], routes: route(forward('a', { retry })) });
    await client.write(get).until('served;');
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, attempts }]);
  });

  test('each try has its own timeout', async () => {
    const clock = new ManualClock();
    let tries = 0;
    const upstream = open.add(await httpPeer(() => (++tries < 3 ? undefined : ok('served;'))));
    const retry = retryPolicy({ on: new Set(['reset']), perTryTimeoutMs: 1000 });
    const { proxy, client } = await start({ clusters: [cluster('a', [upstream.port])], routes: route(forward('a', { retry })), clock });
    await turning(clock, 20, client.write(get).until('served;'));
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, attempts: 3 }]);
    expect(proxy.runtime.clusters.get('a')!.stats.upstream_rq_per_try_timeout).toBe(2);
  });

  test('an upstream that is given up is told so: its connection is closed, and counts no more', async () => {
    const clock = new ManualClock();
    const upstream = open.add(await silence());
    const { proxy, client } = await start({
      clusters: [cluster('a', [upstream.port])],
      routes: route(forward('a', { timeoutMs: 1000 })),
      clock,
    });
    await turning(clock, 20, client.write(get).until('upstream request timeout'));
    const { stats } = proxy.runtime.clusters.get('a')!;
    await until('the connection is closed', () => stats.upstream_cx_active === 0);
    expect(stats).toMatchObject({ upstream_rq_active: 0, upstream_rq_tx_reset: 1, upstream_cx_destroy: 1 });
  });

  test('the budget of the cluster bounds them', async () => {
    const upstream = open.add(await unsteady(1, unavailable));
    const circuitBreaker = { connectionsMax: 9, pendingRequestsMax: 9, requestsMax: 9, retriesMax: 0 };
    const retry = retryPolicy({ on: new Set(['5xx']) });
    const { proxy, client } = await start({
      clusters: [cluster('a', [upstream.port], { circuitBreaker })],
      routes: route(forward('a', { retry })),
    });
    await client.write(get).until(/^HTTP\/1.1 503 [\s\S]*bad$/);
    expect(await proxy.logged(1)).toMatchObject([{ attempts: 1, flags: 'UO' }]);
  });

  test('a body that is too large to keep is not sent again', async () => {
    const upstream = open.add(await unsteady(1, unavailable));
    const retry = retryPolicy({ on: new Set(['5xx']) });
    const { proxy, client } = await start({ clusters: [cluster('a', [upstream.port])], routes: route(forward('a', { retry })) });
    client.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n${'x'.repeat(300_000)}`);
    await client.until(/^HTTP\/1.1 503 /);
    expect(await proxy.logged(1)).toMatchObject([{ attempts: 1 }]);
  });

  test('a kept connection that the upstream has closed costs no request that is safe to repeat', async () => {
    // Serves one request a connection, and hangs up on the second without a word.
    const served = new WeakSet<object>();
    const upstream = open.add(
      await httpPeer((_request, socket) => {
        if (served.has(socket)) {
          socket.destroy();
          return undefined;
        }
        served.add(socket);
        return ok('served;');
      }),
    );
    const { proxy, client } = await start({ clusters: [cluster('a', [upstream.port])], routes: route(forward('a')) });
    for (let i = 0; i < 3; i++) {
      client.text = '';
      await client.write(get).until('served;');
    }
    expect((await proxy.logged(3)).map(({ status }) => status)).toEqual([200, 200, 200]);
    client.text = '';
    // Not so for one that is not: it may have been received.
    await client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n').until(/^HTTP\/1.1 503 /);
  });

  test('an endpoint that dies takes no more than the requests in flight', async () => {
    const first = await httpPeer(() => undefined);
    open.add(first);
    const second = open.add(await httpPeer(ok('second;')));
    const { proxy, port } = await start({ clusters: [cluster('a', [first.port])], routes: route(forward('a')) });
    const waiting = open.add(await Client.connect(port)).write(get);
    while (first.requests.length === 0) await new Promise(setImmediate);
    proxy.runtime.clusters.get('a')!.setEndpoints([endpoint(second.port)]);
    // New requests go to the new endpoint; the one in flight stays where it is until that dies.
    await open
      .add(await Client.connect(port))
      .write(get)
      .until('second;');
    expect(waiting.text).toBe('');
    await first.close();
    await waiting.until(/^HTTP\/1.1 503 [\s\S]*connection termination$/);
  });
});

describe('choices', () => {
  test('weights are kept, by a seed', async () => {
    const upstreams = { v1: open.add(await httpPeer(ok('v1;'))), v2: open.add(await httpPeer(ok('v2;'))) };
    const { proxy, client } = await start({
      clusters: Object.entries(upstreams).map(([name, { port }]) => cluster(name, [port])),
      routes: route(forward({ v1: 90, v2: 10 })),
    });
    for (let i = 0; i < 500; i++) {
      client.text = '';
      await client.write(get).until(/v\d;$/);
    }
    expect(upstreams.v1.requests.length + upstreams.v2.requests.length).toBe(500);
    expect(upstreams.v2.requests.length).toBeGreaterThan(30);
    expect(upstreams.v2.requests.length).toBeLessThan(75);
    expect(proxy.runtime.clusters.get('v2')!.stats.upstream_rq_total).toBe(upstreams.v2.requests.length);
  });

  test('redirects and direct answers are given here', async () => {
    const { client } = await start({
      routes: {
        '/old': route({ kind: 'redirect', status: 301, location: (request) => `https://${request.authority}/new` }),
        '/direct': route({ kind: 'direct', status: 418, body: 'teapot' }),
      },
    });
    await client.write('GET /old HTTP/1.1\r\nhost: h\r\n\r\n').until(/^HTTP\/1.1 301 [\s\S]*location: https:\/\/h\/new\r\n/);
    await client.write('GET /direct HTTP/1.1\r\nhost: h\r\n\r\n').until(/418 [\s\S]*content-type: text\/plain\r\n[\s\S]*\r\n\r\nteapot$/);
    client.text = '';
    await client.write('HEAD /direct HTTP/1.1\r\nhost: h\r\n\r\n').until(/418 [\s\S]*content-length: 6\r\n[\s\S]*\r\n\r\n$/);
  });

  test('paths, authorities and headers are changed as the route and the cluster say', async () => {
    const upstream = open.add(await httpPeer(ok('x;', 'x-internal: 1\r\nx-kept: 1\r\n')));
    const action = forward('a', { authority: 'inner', path: (path) => path.replace('/api', '') });
    const weighted = {
      ...action.clusters[0]!,
      requestHeaders: { ...noMutations, append: [{ name: 'x-cluster', value: 'c' }] },
      responseHeaders: { ...noMutations, remove: ['x-internal'] },
    };
    const { client } = await start({
      clusters: [cluster('a', [upstream.port])],
      routes: route(
        { ...action, clusters: [weighted] },
        {
          requestHeaders: {
            set: [{ name: 'x-set', value: 'new' }],
            append: [{ name: 'x-many', value: '2' }],
            addIfAbsent: [{ name: 'x-many', value: 'no' }],
            remove: ['cookie', 'host'],
          },
          responseHeaders: { ...noMutations, set: [{ name: 'x-by', value: 'lateen' }] },
        },
      ),
    });
    const text = await client.write('GET /api/a?b HTTP/1.1\r\nhost: outer\r\nCookie: c\r\nX-Set: old\r\nX-Many: 1\r\n\r\n').until('x;');
    const [request] = upstream.requests;
    expect(request).toMatch(/^GET \/a\?b HTTP\/1.1\r\nhost: inner\r\nX-Many: 1\r\n/);
    for (const line of ['x-set: new', 'x-many: 2', 'x-cluster: c', 'x-envoy-original-path: /api/a?b'])
      expect(request).toContain(`\r\n${line}\r\n`);
    expect(request).not.toMatch(/cookie|old|: no\r/i);
    expect(text).toMatch(/x-kept: 1\r\n[\s\S]*x-by: lateen\r\n/);
    expect(text).not.toContain('x-internal');
  });

  test('at an edge the client is named; a request id from outside is replaced only for strangers', async () => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const { client } = await start({
      clusters: [cluster('a', [upstream.port])],
      routes: route(forward('a')),
      config: { useRemoteAddress: true },
    });
    await client
      .write('GET / HTTP/1.1\r\nhost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n\r\n')
      .until('x;');
    expect(upstream.requests[0]).toMatch(/x-forwarded-for: 9.9.9.9,127.0.0.1\r\nx-forwarded-proto: http\r\n/);
    expect(upstream.requests[0]).toMatch(/X-Request-Id: mine\r\n/);
  });
});

describe('faults', () => {
  const abort = { delay: undefined, abort: { httpStatus: 555, fraction: 1 } };

  test('an abort answers in the upstream\u2019s place: FI', async () => {
    const { proxy, client } = await start({ routes: route(forward('nobody'), { filters: faultFilters(abort) }) });
    await client.write(get).until(/^HTTP\/1.1 555 [\s\S]*\r\n\r\nfault filter abort$/);
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'FI', details: 'fault_filter_abort' }]);
  });

  test('a delay holds the request, body and all, then lets it go: DI', async () => {
    const clock = new ManualClock();
    const upstream = open.add(await httpPeer(ok('served;')));
    const fault = { delay: { fixedMs: 7000, fraction: 1 }, abort: undefined };
    const { proxy, client } = await start({
      clusters: [cluster('a', [upstream.port])],
      routes: route(forward('a'), { filters: faultFilters(fault) }),
      clock,
    });
    client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody');
    await turning(clock, 500, client.until('served;'));
    expect(upstream.requests[0]).toMatch(/\r\n\r\nbody$/);
    const [logged] = await proxy.logged(1);
    expect(logged).toMatchObject({ flags: 'DI', status: 200 });
  });

  test('a client that leaves during the delay leaves nothing behind', async () => {
    const clock = new ManualClock();
    const fault = { delay: { fixedMs: 7000, fraction: 1 }, abort: undefined };
    const { proxy, client } = await start({ routes: route(forward('nobody'), { filters: faultFilters(fault) }), clock });
    client.write(get);
    while ([...proxy.listeners.httpStats.entries()][0]![1].downstream_rq_active === 0) await new Promise(setImmediate);
    client.close();
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'DC,DI' }]);
    clock.advance(10_000);
    expect(proxy.log.length).toBe(1);
  });
});

describe('peer metadata', () => {
  const own = { metadata: 'OWN', id: 'sidecar~me' };

  test('is told to the upstream, and taken off its response', async () => {
    const upstream = open.add(await httpPeer(ok('x;', 'x-envoy-peer-metadata: THEIRS\r\nx-envoy-peer-metadata-id: them\r\n')));
    const { client } = await start({
      clusters: [cluster('a', [upstream.port])],
      routes: route(forward('a')),
      proxy: { peerMetadata: own },
    });
    expect(await client.write(get).until('x;')).not.toContain('peer-metadata');
    expect(upstream.requests[0]).toMatch(/x-envoy-peer-metadata: OWN\r\nx-envoy-peer-metadata-id: sidecar~me\r\n/);
  });

  test('is taken off an inbound request, and told to a peer that told its own', async () => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const setup = {
      clusters: [cluster('a', [upstream.port])],
      routes: route(forward('a')),
      proxy: { peerMetadata: own },
      direction: 'inbound' as const,
    };
    const { client } = await start(setup);
    expect(await client.write(get).until('x;')).not.toContain('peer-metadata');
    const text = await client
      .write('GET / HTTP/1.1\r\nhost: a\r\nx-envoy-peer-metadata: P\r\nx-envoy-peer-metadata-id: p\r\n\r\n')
      .until(/x;[\s\S]*x;/);
    expect(text).toMatch(/x-envoy-peer-metadata: OWN\r\n/);
    expect(upstream.requests.join('')).not.toContain('peer-metadata');
  });
});
