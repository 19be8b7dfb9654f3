// Clusters at run time: load balancing by a seed, updates in place, circuit breakers, DNS, original destinations.

import { afterEach, describe, expect, test } from 'vitest';
import { OutputBuffers } from '#codec/http2/output';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { KeepaliveProbes } from '#net/keepalive-probes';
import { ownNetwork } from '#net/network';
import type { EndpointConfig } from '#proxy/config/cluster';
import type { LoadBalancerConfig } from '#proxy/config/load-balancer';
import { identityPlacement, type SocketAddress } from '#proxy/config/socket-address';
import { unshared } from '#proxy/limits/limit-sharing';
import { FlushQueue } from '#proxy/socket/flush-queue';
import { ReadBuffers } from '#proxy/socket/read-buffers';
import { TimerWheel } from '#proxy/timer-wheel';
import { SecretStore } from '#proxy/tls/secret-store';
import { Cluster } from '#proxy/upstream/cluster';
import { ClusterManager } from '#proxy/upstream/cluster-manager';
import type { Resolver } from '#proxy/upstream/dns-resolver';
import {
  Client,
  closer,
  cluster,
  endpoint,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  ok,
  picking,
  route,
  routeTable,
  TestProxy,
  withoutPanic,
} from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

const noNames: Resolver = {
  resolve: () => Promise.reject(new Error('no such name')),
  lookup: () => expect.unreachable(),
};

function options(resolver = noNames, clock = new ManualClock()) {
  const random = new SeededRandom(7);
  return {
    clock,
    random,
    logger: silentLogger,
    placement: identityPlacement,
    network: ownNetwork,
    timers: new TimerWheel(clock),
    sockets: { buffers: new ReadBuffers(), flushes: new FlushQueue(), outputs: new OutputBuffers() },
    resolver,
    keepaliveProbes: new KeepaliveProbes(silentLogger),
    secrets: new SecretStore(),
    sharing: unshared,
    judging: undefined,
  };
}

const policies: Readonly<Record<'round_robin' | 'random' | 'least_request', LoadBalancerConfig>> = {
  round_robin: { kind: 'round_robin', slowStart: undefined },
  random: { kind: 'random' },
  least_request: { kind: 'least_request', choices: 2, bias: 1, slowStart: undefined },
};

function balanced(policy: keyof typeof policies, endpoints: readonly EndpointConfig[]): Cluster {
  const made = new Cluster(options(), cluster('a', [], { loadBalancer: policies[policy], priorities: withoutPanic }));
  made.setEndpoints(endpoints);
  return made;
}

const to = (address: SocketAddress) => picking({ destination: () => address });

/** Picks per port. */
function picks(from: Cluster, count: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { port } = from.pick(picking())!.config.address;
    counts[port] = (counts[port] ?? 0) + 1;
  }
  return counts;
}

describe('load balancing', () => {
  test('round robin: each in its turn', () => {
    expect(picks(balanced('round_robin', [endpoint(1), endpoint(2), endpoint(3)]), 300)).toEqual({ 1: 100, 2: 100, 3: 100 });
  });

  test('round robin by weight: exact over a round, and spread', () => {
    const from = balanced('round_robin', [endpoint(1, { weight: 5 }), endpoint(2, { weight: 1 }), endpoint(3, { weight: 2 })]);
    expect(picks(from, 80)).toEqual({ 1: 50, 2: 10, 3: 20 });
    const ports = Array.from({ length: 8 }, () => from.pick(picking())!.config.address.port);
    expect(ports.join('')).not.toContain('1111');
  });

  test('random: by weight', () => {
    const counts = picks(balanced('random', [endpoint(1, { weight: 3 }), endpoint(2)]), 4000);
    expect(counts[1]! / 4000).toBeGreaterThan(0.72);
    expect(counts[1]! / 4000).toBeLessThan(0.78);
  });

  test('least request: the busy one is avoided', () => {
    const from = balanced('least_request', [endpoint(1), endpoint(2)]);
    for (const one of from.all()) if (one.config.address.port === 1) one.stats.rq_active = 100;
    const counts = picks(from, 1000);
    // Both choices fall on the busy one in a quarter of the cases.
    expect(counts[1]).toBeLessThan(320);
    expect(counts[1]).toBeGreaterThan(180);
  });

  test('the first priority with a healthy endpoint is used; sick ones and those of weight 0 are not', () => {
    const all = [
      endpoint(1, { health: 'unhealthy' }),
      endpoint(2, { priority: 1 }),
      endpoint(3, { priority: 2 }),
      endpoint(4, { weight: 0 }),
    ];
    const from = balanced('round_robin', all);
    expect(picks(from, 10)).toEqual({ 2: 10 });
    from.setEndpoints([endpoint(1), ...all.slice(1)]);
    expect(picks(from, 10)).toEqual({ 1: 10 });
    from.setEndpoints([endpoint(1, { health: 'unhealthy' })]);
    expect(from.pick(picking())).toBeUndefined();
    expect(from.stats).toMatchObject({ membership_total: 1, membership_healthy: 0, upstream_cx_none_healthy: 1 });
  });

  test('an endpoint that was tried is avoided while another is found', () => {
    const from = balanced('random', [endpoint(1), endpoint(2)]);
    const tried = new Set([...from.all()].filter(({ config }) => config.address.port === 1));
    const ports = Array.from(
      { length: 50 },
      () => from.pick(picking({ picksMax: 20, avoids: (endpoint) => tried.has(endpoint) }))!.config.address.port,
    );
    expect(new Set(ports)).toEqual(new Set([2]));
  });
});

describe('updates', () => {
  test('endpoints that stay keep their counters; those that are gone are drained', () => {
    const from = balanced('round_robin', [endpoint(1), endpoint(2)]);
    const before = [...from.all()];
    before[0]!.stats.rq_total = 5;
    from.setEndpoints([endpoint(1, { weight: 9 }), endpoint(3)]);
    const after = [...from.all()];
    expect(after[0]).toBe(before[0]);
    expect(after[0]).toMatchObject({ config: { weight: 9 }, stats: { rq_total: 5 } });
    expect(before[1]!.removed).toBe(true);
  });

  test('a cluster that changes keeps its endpoints, connections and counters', async () => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const proxy = open.add(new TestProxy());
    const eds = { discovery: { kind: 'eds', serviceName: 's' }, endpoints: [] } as const;
    proxy.runtime.clusters.set(cluster('a', [], eds));
    proxy.runtime.clusters.setEndpoints('a', [endpoint(upstream.port)]);
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const client = open.add(await Client.connect(port));
    for (let i = 0; i < 3; i++) {
      client.text = '';
      await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('x;');
      proxy.runtime.clusters.set(cluster('a', [], { ...eds, loadBalancer: { kind: 'random' }, connectTimeoutMs: 1000 + i }));
    }
    expect(proxy.runtime.clusters.get('a')!.stats).toMatchObject({ upstream_cx_total: 1, upstream_rq_total: 3 });
    proxy.runtime.clusters.remove('a');
    client.text = '';
    await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until(/^HTTP\/1.1 503 /);
    while (upstream.sockets.size > 0) await new Promise(setImmediate);
  });

  test('an idle upstream connection is closed at its timeout; one in use is not', async () => {
    const clock = new ManualClock();
    const upstream = open.add(await httpPeer(ok('x;')));
    const proxy = open.add(new TestProxy({ clock }));
    proxy.runtime.clusters.set(cluster('a', [upstream.port], { idleTimeoutMs: 10_000 }));
    const { stats } = proxy.runtime.clusters.get('a')!;
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const client = open.add(await Client.connect(port));
    for (let i = 0; i < 3; i++) {
      client.text = '';
      await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('x;');
      clock.advance(6000);
    }
    expect(stats.upstream_cx_total).toBe(1);
    clock.advance(6000);
    while (stats.upstream_cx_active > 0) await new Promise(setImmediate);
    expect(stats.upstream_cx_idle_timeout).toBe(1);
  });

  test('a connection is worn after so many requests', async () => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port], { maxRequestsPerConnection: 2 }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const client = open.add(await Client.connect(port));
    for (let i = 0; i < 4; i++) {
      client.text = '';
      await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('x;');
    }
    expect(proxy.runtime.clusters.get('a')!.stats).toMatchObject({ upstream_cx_total: 2, upstream_cx_max_requests: 2 });
  });
});

describe('discovery', () => {
  const addressesOf = (from: Cluster) => [...from.all()].map(({ name }) => name);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const seed = 20_261_121;

  test.each([
    [false, ['10.0.0.1:80', '10.0.0.2:80', '10.9.9.9:81']],
    [true, ['10.0.0.1:80', '10.9.9.9:81']],
  ])('names are resolved, again and again; the last good answer stays (logical: %s)', async (logical, expected) => {
    const clock = new ManualClock();
    let answer: () => Promise<string[]> = () => Promise.resolve(['10.0.0.1', '10.0.0.2']);
    const manager = new ClusterManager(options({ ...noNames, resolve: () => answer() }, clock));
    open.add({ close: () => manager.close() });
    const endpoints = [
      { ...endpoint(80), address: { address: 'svc.example', port: 80 } },
      { ...endpoint(81), address: { address: '10.9.9.9', port: 81 } },
    ];
    manager.set(cluster('a', [], { discovery: { kind: 'dns', logical, refreshMs: 5000 }, endpoints }));
    await settle();
    expect(addressesOf(manager.get('a')!).sort()).toEqual(expected);
    answer = () => Promise.reject(new Error('SERVFAIL'));
    clock.advance(5000);
    await settle();
    expect(addressesOf(manager.get('a')!).sort()).toEqual(expected);
    expect(manager.get('a')!.stats.update_failure).toBe(1);
    answer = () => Promise.resolve(['10.0.0.7']);
    clock.advance(5000);
    await settle();
    expect(addressesOf(manager.get('a')!).sort()).toEqual(['10.0.0.7:80', '10.9.9.9:81']);
  });

  test('a name that flaps, fails and finds nobody, by turns: what it said last stands, and nothing piles up', async () => {
    const clock = new ManualClock();
    const random = new SeededRandom(seed);
    let answer: string[] | undefined = ['10.0.0.1'];
    const resolve = () => (answer === undefined ? Promise.reject(new Error('SERVFAIL')) : Promise.resolve(answer));
    const manager = new ClusterManager(options({ ...noNames, resolve }, clock));
    open.add({ close: () => manager.close() });
    const endpoints = [{ ...endpoint(80), address: { address: 'svc.example', port: 80 } }];
    manager.set(cluster('a', [], { discovery: { kind: 'dns', logical: false, refreshMs: 5000 }, endpoints }));
    await settle();
    let last: string[] = ['10.0.0.1'];
    for (let turn = 0; turn < 300; turn++) {
      const all = [['10.0.0.1'], ['10.0.0.2'], ['10.0.0.2', '10.0.0.1'], [], undefined];
      answer = all[Math.floor(random.next() * all.length)];
      last = answer ?? last;
      clock.advance(5000);
      await settle();
      expect(addressesOf(manager.get('a')!).sort(), `seed ${seed}, turn ${turn}`).toEqual(last.map((address) => `${address}:80`).sort());
    }
    expect(manager.get('a')!.stats.membership_total).toBe(last.length);
  });

  test('a resolver that never answers: the other names serve, it is asked once, and its answer counts when it comes', async () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    let answer: (addresses: string[]) => void = () => {};
    const resolve = (host: string) => {
      asked.push(host);
      return host === 'good.example' ? Promise.resolve(['10.0.0.1']) : new Promise<string[]>((done) => (answer = done));
    };
    const manager = new ClusterManager(options({ ...noNames, resolve }, clock));
    open.add({ close: () => manager.close() });
    const endpoints = ['mute.example', 'good.example'].map((address) => ({ ...endpoint(80), address: { address, port: 80 } }));
    manager.set(cluster('a', [], { discovery: { kind: 'dns', logical: false, refreshMs: 1000 }, endpoints }));
    const { stats } = manager.get('a')!;
    await settle();
    expect(addressesOf(manager.get('a')!)).toEqual(['10.0.0.1:80']);
    expect(stats.update_failure).toBe(0);
    for (let i = 0; i < 10; i++) {
      clock.advance(5000);
      await settle();
    }
    expect(stats.update_failure).toBe(1);
    expect(asked.filter((host) => host === 'mute.example')).toHaveLength(1);
    expect(asked.filter((host) => host === 'good.example').length).toBeGreaterThan(5);
    answer(['10.0.0.9']);
    await settle();
    expect(addressesOf(manager.get('a')!).sort()).toEqual(['10.0.0.1:80', '10.0.0.9:80']);
  });

  test('a cluster of original destinations goes where the client wanted to, and remembers so many', async () => {
    const from = new Cluster(
      options(),
      cluster('p', [], { discovery: { kind: 'original_dst' }, loadBalancer: { kind: 'cluster_provided' } }),
    );
    expect(from.pick(picking())).toBeUndefined();
    const first = from.pick(to({ address: '10.0.0.1', port: 80 }))!;
    expect(first.name).toBe('10.0.0.1:80');
    expect(from.pick(to({ address: '10.0.0.1', port: 80 }))).toBe(first);
    for (let i = 0; i < 5000; i++) from.pick(to({ address: '10.0.0.2', port: i }));
    expect([...from.all()].length).toBe(4096);
    expect(first.removed).toBe(true);
  });

  test('as an explicit proxy, the target says where', async () => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('p', [], { discovery: { kind: 'original_dst' }, loadBalancer: { kind: 'cluster_provided' } }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('p')) }))));
    const client = open.add(await Client.connect(port));
    await client.write(`GET http://127.0.0.1:${upstream.port}/y HTTP/1.1\r\nhost: z\r\n\r\n`).until('x;');
    expect(upstream.requests[0]).toMatch(new RegExp(`^GET /y HTTP/1.1\r\nhost: 127.0.0.1:${upstream.port}\r\n`));
  });

  test('names are looked up when it connects', async () => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const resolver: Resolver = {
      ...noNames,
      lookup: (name, { all }, done) => {
        expect(name).toBe('named.example');
        if (all) done(null, [{ address: '127.0.0.1', family: 4 }]);
        else done(null, '127.0.0.1', 4);
      },
    };
    const proxy = open.add(new TestProxy({ resolver }));
    proxy.runtime.clusters.set(cluster('p', [], { discovery: { kind: 'original_dst' }, loadBalancer: { kind: 'cluster_provided' } }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('p')) }))));
    const client = open.add(await Client.connect(port));
    await client.write(`GET http://named.example:${upstream.port}/ HTTP/1.1\r\nhost: z\r\n\r\n`).until('x;');
  });

  test('connections come from the pod\u2019s own address, or the one that is asked for', async () => {
    const seen: (string | undefined)[] = [];
    const upstream = open.add(
      await httpPeer((_request, socket) => {
        seen.push(socket.remoteAddress);
        return ok('x;');
      }),
    );
    const placement = { wildcard: '127.64.8.1', loopback: '127.0.0.1', published: [] };
    const proxy = open.add(new TestProxy({ placement }));
    proxy.runtime.clusters.set(cluster('own', [upstream.port]));
    proxy.runtime.clusters.set(cluster('asked', [upstream.port], { bindAddress: '127.0.0.6' }));
    const routes = { '/own': route(forward('own')), '/asked': route(forward('asked')) };
    const port = await proxy.listen(httpListener(httpConfig(routeTable(routes))));
    const client = open.add(await Client.connect(port));
    for (const path of ['/own', '/asked']) {
      client.text = '';
      await client.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).until('x;');
    }
    expect(seen).toEqual(['127.64.8.1', '127.0.0.6']);
  });
});
