// Balancing by properties: shares by weight, what moves when an endpoint goes, priorities and localities as their endpoints fall sick.
import { describe, expect, test } from 'vitest';
import type { Word64 } from '#codec/hash/word64';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import type { EndpointConfig } from '#proxy/config/cluster';
import { type LoadBalancerConfig, type PriorityConfig, priorityDefault } from '#proxy/config/load-balancer';
import { hashText } from '#proxy/route/hash-policy';
import { priorityLoads } from '#proxy/upstream/balance/priority-load';
import { PrioritySet } from '#proxy/upstream/balance/priority-set';
import { ClusterStats } from '#proxy/upstream/cluster-stats';
import type { Endpoint } from '#proxy/upstream/endpoint';
import { endpoint } from './fixture.ts';

const policies = {
  round_robin: { kind: 'round_robin', slowStart: undefined },
  least_request: { kind: 'least_request', choices: 2, bias: 1, slowStart: undefined },
  random: { kind: 'random' },
  ring_hash: { kind: 'ring_hash', ringSizeMin: 4096, ringSizeMax: 8_388_608 },
  maglev: { kind: 'maglev', tableSize: 65_537 },
} as const satisfies Record<string, LoadBalancerConfig>;

/** An endpoint as balancing sees it. */
function standing(port: number, changes: Partial<EndpointConfig> = {}): Endpoint {
  const config = endpoint(port, changes);
  return { name: `10.0.0.1:${port}`, config, health: config.health, stats: { rq_active: 0 }, availableSinceMs: 0 } as unknown as Endpoint;
}

interface World {
  policy?: LoadBalancerConfig;
  priorities?: Partial<PriorityConfig>;
  seed?: number;
  clock?: ManualClock;
}

function setOf(
  endpoints: readonly Endpoint[],
  { policy = policies.round_robin, priorities, seed = 1, clock = new ManualClock() }: World = {},
) {
  const stats = new ClusterStats();
  const options = { policy, priorities: { ...priorityDefault, ...priorities }, random: new SeededRandom(seed), clock, stats };
  return Object.assign(new PrioritySet(endpoints, options), { stats });
}

const keys = Array.from({ length: 10_000 }, (_, i): Word64 => hashText(`user-${i}`));

/** Shares of the picks, by whatever `of` an endpoint. */
function shares(set: PrioritySet, of: (endpoint: Endpoint) => string | number = ({ config }) => config.address.port) {
  const counts: Record<string, number> = {};
  for (const key of keys) {
    const one = of(set.pick(key, 0)!);
    counts[one] = (counts[one] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([one, count]) => [one, count / keys.length]));
}

function expectShares(actual: Record<string, number>, expected: Record<string, number>, tolerance: number) {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [one, share] of Object.entries(expected))
    expect(Math.abs(actual[one]! - share), `${one}: ${actual[one]}`).toBeLessThan(tolerance);
}

describe.each(Object.entries(policies))('%s', (name, policy) => {
  const exact = name === 'round_robin';

  test('shares are those of the weights', () => {
    const set = setOf([standing(1, { weight: 1 }), standing(2, { weight: 3 }), standing(3, { weight: 6 })], { policy });
    expectShares(shares(set), { 1: 0.1, 2: 0.3, 3: 0.6 }, exact ? 0.001 : 0.04);
  });

  test('equal weights, equal shares', () => {
    const set = setOf(
      [1, 2, 3, 4].map((port) => standing(port)),
      { policy },
    );
    expectShares(shares(set), { 1: 0.25, 2: 0.25, 3: 0.25, 4: 0.25 }, exact ? 0.001 : 0.04);
  });

  test('an endpoint of many gets its share', () => {
    const set = setOf(
      Array.from({ length: 50 }, (_, i) => standing(i + 1)),
      { policy },
    );
    const all = Object.values(shares(set));
    expect(all).toHaveLength(50);
    expect(Math.max(...all)).toBeLessThan(0.04);
  });

  test('localities by weight, and by what of them is fit', () => {
    const locality = (name: string, localityWeight: number) => ({ locality: name, localityWeight });
    const endpoints = [
      standing(1, locality('a', 3)),
      standing(2, { ...locality('b', 1), health: 'unhealthy' }),
      standing(3, locality('b', 1)),
      standing(4, locality('c', 0)),
    ];
    const set = setOf(endpoints, { policy, priorities: { localityWeighted: true } });
    // Half of b is fit: 1.4 times that is 70 percent of its weight.
    expectShares(shares(set), { 1: 3 / 3.7, 3: 0.7 / 3.7 }, exact ? 0.001 : 0.04);
  });
});

describe.each([
  // The others get more places on the ring, as they do in Envoy: about one share more moves among them.
  ['ring_hash', policies.ring_hash, 0.1],
  ['maglev', policies.maglev, 0.03],
] as const)('%s', (_, policy, stray) => {
  const ports = Array.from({ length: 10 }, (_, i) => i + 1);

  test('a key stays where it is, whatever the order of the endpoints', () => {
    const there = setOf(
      ports.map((port) => standing(port)),
      { policy },
    );
    const again = setOf(
      [...ports].reverse().map((port) => standing(port)),
      { policy, seed: 99 },
    );
    for (const key of keys) expect(again.pick(key, 0)!.name).toBe(there.pick(key, 0)!.name);
  });

  test.each(ports)('when endpoint %d goes, only its own keys move', (gone) => {
    const before = setOf(
      ports.map((port) => standing(port)),
      { policy },
    );
    const after = setOf(
      ports.filter((port) => port !== gone).map((port) => standing(port)),
      { policy },
    );
    let moved = 0;
    for (const key of keys) {
      const was = before.pick(key, 0)!;
      if (was.config.address.port !== gone && after.pick(key, 0)!.name !== was.name) moved++;
    }
    expect(moved / keys.length).toBeLessThan(stray);
  });

  test('another try finds another endpoint', () => {
    const set = setOf(
      ports.map((port) => standing(port)),
      { policy },
    );
    for (const key of keys.slice(0, 100)) {
      const tried = new Set(Array.from({ length: 60 }, (_, attempt) => set.pick(key, attempt)!.name));
      expect(tried.size).toBeGreaterThan(3);
    }
  });

  test('without a hash, chance decides', () => {
    const set = setOf([standing(1), standing(2)], { policy });
    expect(new Set(Array.from({ length: 50 }, () => set.pick(undefined, 0)!.name)).size).toBe(2);
  });
});

test('least request with unequal weights: the busy get less than their weight says', () => {
  const endpoints = [standing(1, { weight: 2 }), standing(2, { weight: 1 })];
  endpoints[0]!.stats.rq_active = 3;
  expectShares(shares(setOf(endpoints, { policy: policies.least_request })), { 1: 1 / 3, 2: 2 / 3 }, 0.001);
});

test.each(['round_robin', 'least_request'] as const)('%s: an endpoint in slow start gets a growing share', (kind) => {
  const clock = new ManualClock();
  const slowStart = { windowMs: 10_000, aggression: 1, weightMin: 0.1 };
  const policy = { ...policies[kind], slowStart };
  clock.advance(100_000);
  const young = standing(2);
  young.availableSinceMs = clock.now();
  const set = setOf([standing(1), young], { policy, clock });
  expectShares(shares(set), { 1: 1 / 1.1, 2: 0.1 / 1.1 }, 0.01);
  clock.advance(5_000);
  expectShares(shares(set), { 1: 1 / 1.5, 2: 0.5 / 1.5 }, 0.01);
  clock.advance(5_000);
  expectShares(shares(set), { 1: 0.5, 2: 0.5 }, 0.02);
});

/** Per priority: `total healthy degraded` -> percentages `healthy/degraded`, `!` for panic. Envoy's documentation has most of these. */
test.each([
  ['1 1 0', 50, '100/0'],
  ['100 100 0, 100 100 0', 50, '100/0 0/0'],
  ['100 72 0, 100 100 0', 50, '100/0 0/0'],
  ['100 71 0, 100 100 0', 50, '99/0 1/0'],
  ['100 50 0, 100 100 0', 50, '70/0 30/0'],
  ['100 25 0, 100 100 0', 50, '35/0 65/0'],
  ['100 0 0, 100 100 0', 50, '0/0 100/0'],
  ['100 25 0, 100 25 0', 50, '50/0! 50/0!'],
  ['100 25 0, 100 25 0', 0, '50/0 50/0'],
  ['100 5 0, 100 65 0', 50, '8/0! 92/0'],
  ['100 0 0, 100 0 0', 50, '50/0! 50/0!'],
  ['100 0 0, 300 0 0', 50, '25/0! 75/0!'],
  ['100 0 0, 100 0 0', 0, '100/0 0/0'],
  ['100 0 100, 100 0 0', 50, '0/100 0/0'],
  ['100 50 50, 100 0 0', 50, '70/30 0/0'],
  ['100 0 100, 100 100 0', 50, '0/0 100/0'],
  ['0 0 0, 2 2 0', 50, '0/0 100/0'],
  ['3 1 0', 50, '100/0!'],
  ['3 1 0', 30, '100/0'],
])('priorities %s with panic below %d percent: %s', (text, threshold, expected) => {
  const priorities = text.split(', ').map((level) => {
    const [total, healthy, degraded] = level.split(' ').map(Number);
    return { total: total!, healthy: healthy!, degraded: degraded! };
  });
  const loads = priorityLoads(priorities, threshold);
  expect(loads.map(({ healthy, degraded, panic }) => `${healthy}/${degraded}${panic ? '!' : ''}`).join(' ')).toBe(expected);
});

test('traffic spills over to the next priority as the first falls sick', () => {
  const level = (priority: number, sick: number) =>
    Array.from({ length: 10 }, (_, i) => standing(priority * 100 + i + 1, { priority, health: i < sick ? 'unhealthy' : 'healthy' }));
  for (const [name, policy] of Object.entries(policies)) {
    const set = setOf([...level(0, 5), ...level(1, 0)], { policy });
    expectShares(
      shares(set, ({ config }) => config.priority),
      { 0: 0.7, 1: 0.3 },
      0.03,
    );
    expect(set.stats.lb_healthy_panic, name).toBe(0);
  }
});

test('a retry leaves out the priorities that were tried, while there are others', () => {
  const set = setOf([standing(1), standing(2, { priority: 1 }), standing(3, { priority: 2 })]);
  const ports = (...excluded: number[]) =>
    [...new Set(Array.from({ length: 50 }, () => set.pick(undefined, 0, new Set(excluded))!.config.address.port))].join('');
  expect([ports(), ports(0), ports(0, 1), ports(1), ports(0, 1, 2)]).toEqual(['1', '2', '3', '1', '1']);
});

test('degraded endpoints serve what the healthy cannot', () => {
  const endpoints = [standing(1), standing(2, { health: 'degraded' })];
  expectShares(shares(setOf(endpoints)), { 1: 0.7, 2: 0.3 }, 0.02);
});

test('in panic all endpoints are used, and it is counted', () => {
  const endpoints = [standing(1), standing(2, { health: 'unhealthy' }), standing(3, { health: 'unhealthy' })];
  const set = setOf(endpoints);
  expectShares(shares(set), { 1: 1 / 3, 2: 1 / 3, 3: 1 / 3 }, 0.01);
  expect(set.stats.lb_healthy_panic).toBe(keys.length);
  expect(setOf(endpoints.slice(1), { priorities: { panicThreshold: 0 } }).pick(undefined, 0)).toBeUndefined();
});

test('in panic nobody is used where traffic is rather to fail, and it is counted; where localities have weights, that is not asked', () => {
  const endpoints = [standing(1, { locality: 'a' }), standing(2, { health: 'unhealthy' }), standing(3, { health: 'unhealthy' })];
  const zoneAware = { ...priorityDefault.zoneAware, failsInPanic: true };
  const set = setOf(endpoints, { priorities: { zoneAware } });
  expect(set.pick(undefined, 0)).toBeUndefined();
  expect(set.stats.lb_healthy_panic).toBe(1);
  const calm = setOf(endpoints, { priorities: { zoneAware, panicThreshold: 0 } });
  expect(calm.pick(undefined, 0)?.config.address.port).toBe(1);
  expect(setOf(endpoints, { priorities: { zoneAware, localityWeighted: true } }).pick(undefined, 0)).toBeDefined();
});
