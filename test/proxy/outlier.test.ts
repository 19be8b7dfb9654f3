// Outlier detection: who is ejected, for how long, and how many at most; by a clock turned by hand, and with endpoints that really fail.

import { afterEach, describe, expect, test } from 'vitest';
import { OutlierDetection } from '#codec/protobuf/generated/envoy/config/cluster/v3/outlier_detection';
import { Regex } from '#codec/regex';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { clusterStatuses, formatClusters } from '#proxy/admin/cluster-status';
import { formatStats } from '#proxy/admin/stats';
import { decoding } from '#proxy/config/findings';
import { decodeOutlierDetection, type OutlierDetectionConfig } from '#proxy/config/outlier-detection';
import type { HostMonitor } from '#proxy/upstream/outlier/host-monitor';
import { OutlierDetector } from '#proxy/upstream/outlier/outlier-detector';
import {
  Client,
  closer,
  cluster,
  deadPort,
  endpoint,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  ok,
  Peer,
  route,
  routeTable,
  TestProxy,
  tcpListener,
  withoutPanic,
} from './fixture.ts';
import { statsOf } from './stats-of.ts';

const open = closer();
afterEach(() => open.closeAll());

function config(changes: Parameters<typeof OutlierDetection.fromPartial>[0] = {}): OutlierDetectionConfig {
  const decoded = decoding((findings) => decodeOutlierDetection(OutlierDetection.fromPartial(changes), findings));
  if (!decoded.ok) throw new Error(decoded.findings.join());
  return decoded.value;
}

function watched(count: number, changes: Parameters<typeof OutlierDetection.fromPartial>[0] = {}) {
  const clock = new ManualClock();
  let changed = 0;
  const detector = new OutlierDetector(config(changes), { clock, random: new SeededRandom(3), onChange: () => changed++ });
  const monitors = Array.from({ length: count }, () => detector.watch());
  return { clock, detector, monitors, changes: () => changed };
}

/** A monitor's life in letters: digits answer with that hundred (`G` 503), `t` times out, `f` fails, `c` connects. */
function live(monitor: HostMonitor, life: string): void {
  for (const event of life) {
    if (event === 't') monitor.failed(504);
    else if (event === 'f') monitor.failed(503);
    else if (event === 'c') monitor.connected();
    else monitor.answered(event === 'G' ? 503 : Number(event) * 100);
  }
}

const all = { enforcingConsecutiveGatewayFailure: 100, maxEjectionPercent: 100 };
const split = { ...all, splitExternalLocalOriginErrors: true };

describe('who is ejected', () => {
  test.each<[life: string, changes: Parameters<typeof config>[0], by: string | undefined]>([
    ['55555', {}, 'consecutive_5xx'],
    ['5555', {}, undefined],
    ['5555255555', {}, 'consecutive_5xx'],
    ['55552555', {}, undefined],
    ['44444444', {}, undefined],
    ['555', { consecutive5xx: 3 }, 'consecutive_5xx'],
    ['55555', { enforcingConsecutive5xx: 0 }, undefined],
    ['GGGGG', { ...all, consecutive5xx: 9 }, 'consecutive_gateway_failure'],
    ['GGGG5G', { ...all, consecutive5xx: 9 }, undefined],
    ['GGGGG', { enforcingConsecutive5xx: 0 }, undefined],
    ['fftft', { ...all, consecutive5xx: 9 }, 'consecutive_gateway_failure'],
    ['fffcff', { ...all }, undefined],
    ['fffff', split, 'consecutive_local_origin_failure'],
    ['ffff2f', split, undefined],
    ['ffff5f', split, undefined],
    ['55f55t5', split, 'consecutive_5xx'],
    ['ttt', { ...split, consecutiveLocalOriginFailure: 3 }, 'consecutive_local_origin_failure'],
  ])('%s with %j: %s', (life, changes, by) => {
    const { detector, monitors } = watched(1, changes);
    live(monitors[0]!, life);
    expect(monitors[0]!.ejected).toBe(by !== undefined);
    const enforced = Object.entries(detector.stats).filter(([name, count]) => /enforced_consecutive/.test(name) && count === 1);
    expect(enforced.map(([name]) => name)).toEqual(by === undefined ? [] : [`ejections_enforced_${by}`]);
  });
});

test('each ejection lasts longer than the one before, up to a bound; good intervals are forgiven', () => {
  const { clock, monitors } = watched(1, { ...all, interval: { seconds: 1, nanos: 0 }, maxEjectionTime: { seconds: 100, nanos: 0 } });
  const monitor = monitors[0]!;
  const ejection = () => {
    live(monitor, '55555');
    let seconds = 0;
    for (; monitor.ejected; seconds++) clock.advance(1000);
    return seconds;
  };
  expect([ejection(), ejection(), ejection(), ejection(), ejection()]).toEqual([30, 60, 90, 100, 100]);
  clock.advance(3000);
  expect(ejection()).toBe(90);
  clock.advance(60_000);
  expect(ejection()).toBe(30);
});

test.each([
  [10, undefined, 1],
  [10, 10, 1],
  [10, 25, 3],
  [10, 50, 5],
  [4, 100, 4],
  [4, 0, 0],
])('of %d endpoints, with at most %s percent, %d are ejected', (count, maxEjectionPercent, expected) => {
  const { detector, monitors } = watched(count, { maxEjectionPercent });
  for (const monitor of monitors) live(monitor, '55555');
  expect(monitors.filter(({ ejected }) => ejected)).toHaveLength(expected);
  expect(detector.stats).toMatchObject({ ejections_active: expected, ejections_overflow: count - expected });
});

test('an endpoint that goes while ejected leaves its place to another', () => {
  const { detector, monitors } = watched(2, { maxEjectionPercent: 50 });
  live(monitors[0]!, '55555');
  detector.forget(monitors[0]!);
  expect(detector.stats.ejections_active).toBe(0);
  live(monitors[1]!, '55555');
  expect(monitors[1]!.ejected).toBe(true);
});

describe('by the share of failures, at the end of an interval', () => {
  const rates = { ...all, consecutive5xx: 1_000_000, maxEjectionPercent: 100 };
  /** A letter an endpoint: of a hundred requests, `a` fails none, `b` 5, `c` 50, `d` 90; `i` has ten, all failed. */
  const shares: Record<string, [failed: number, total: number]> = { a: [0, 100], b: [5, 100], c: [50, 100], d: [90, 100], i: [10, 10] };

  test.each<[hosts: string, changes: Parameters<typeof config>[0], ejected: string]>([
    ['aaaaaaaac', rates, 'c'],
    ['aaaaaaaaai', rates, ''],
    ['aaac', rates, ''],
    ['aaac', { ...rates, successRateMinimumHosts: 3, successRateStdevFactor: 1000 }, 'c'],
    ['aaaaaaaac', { ...rates, enforcingSuccessRate: 0 }, ''],
    ['bbbbbbbbb', rates, ''],
    ['aaaad', { ...rates, enforcingSuccessRate: 0, enforcingFailurePercentage: 100 }, 'd'],
    ['aaacd', { ...rates, enforcingSuccessRate: 0, enforcingFailurePercentage: 100, failurePercentageThreshold: 50 }, 'cd'],
    ['aad', { ...rates, enforcingSuccessRate: 0, enforcingFailurePercentage: 100 }, ''],
  ])('of %s', (hosts, changes, expected) => {
    const { clock, monitors, changes: changed } = watched(hosts.length, changes);
    for (const [i, letter] of [...hosts].entries()) {
      const [failed, total] = shares[letter]!;
      for (let n = 0; n < total; n++) monitors[i]!.answered(n < failed ? 500 : 200);
    }
    expect(monitors.some(({ ejected }) => ejected)).toBe(false);
    clock.advance(10_000);
    expect([...hosts].filter((_, i) => monitors[i]!.ejected).join('')).toBe(expected);
    expect(changed()).toBe(expected === '' ? 0 : 1);
  });

  test('an interval without failures forgets those of the one before', () => {
    const { clock, monitors } = watched(5, { ...rates, enforcingFailurePercentage: 100, failurePercentageRequestVolume: 60 });
    for (const monitor of monitors) live(monitor, '5'.repeat(50));
    clock.advance(10_000);
    for (const monitor of monitors) live(monitor, '5'.repeat(50));
    clock.advance(10_000);
    expect(monitors.some(({ ejected }) => ejected)).toBe(false);
  });
});

test.each([
  [{ maxEjectionPercent: 101 }, 'outlier_detection.max_ejection_percent: 101 is above 100'],
  [{ interval: { seconds: 0, nanos: 0 } }, 'outlier_detection.interval: must be above 0'],
])('%j is refused', (changes, finding) => {
  expect(() => config(changes)).toThrow(finding);
});

const sick = 'HTTP/1.1 500 Oops\r\ncontent-length: 3\r\n\r\nbad';

describe('over sockets', () => {
  const hasty = config({ ...all, consecutive5xx: 3, interval: { seconds: 0, nanos: 50e6 }, baseEjectionTime: { seconds: 60, nanos: 0 } });

  test('an endpoint that answers 500, and one that is not there, are left out; /clusters and /stats say so', async () => {
    const good = open.add(await httpPeer(ok('good')));
    const bad = open.add(await httpPeer(sick));
    const proxy = open.add(new TestProxy());
    const ports = [good.port, bad.port, await deadPort()];
    proxy.runtime.clusters.set(cluster('a', ports, { outlierDetection: hasty, priorities: withoutPanic }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const client = open.add(await Client.connect(port));
    const statuses: number[] = [];
    for (let i = 0; i < 30; i++) {
      client.text = '';
      await client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n').until(/good|bad|connection failure/);
      statuses.push(Number(client.text.slice(9, 12)));
    }
    expect(statuses.filter((status) => status !== 200)).toHaveLength(6);
    expect(statuses.slice(-15)).toEqual(Array.from({ length: 15 }, () => 200));
    const clusters = [...proxy.runtime.clusters.all()];
    expect(formatClusters(clusterStatuses(clusters)).match(/health_flags::\/failed_outlier_check/g)).toHaveLength(2);
    expect(formatStats(statsOf({}, clusters), new Regex('ejections_active|membership_healthy'))).toBe(
      'cluster.a.membership_healthy: 1\ncluster.a.outlier_detection.ejections_active: 2\n',
    );
  });

  test('after its time, an endpoint is back', async () => {
    const clock = new ManualClock();
    let sick = true;
    const upstream = open.add(await httpPeer(() => (sick ? 'HTTP/1.1 503 No\r\ncontent-length: 3\r\n\r\nbad' : ok('good'))));
    const proxy = open.add(new TestProxy({ clock }));
    proxy.runtime.clusters.set(cluster('a', [upstream.port], { outlierDetection: hasty, priorities: withoutPanic }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const client = open.add(await Client.connect(port));
    const ask = async () => {
      client.text = '';
      return /good|bad|no healthy upstream/.exec(
        await client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n').until(/good|bad|no healthy upstream/),
      )![0];
    };
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual(['bad', 'bad', 'bad', 'no healthy upstream']);
    sick = false;
    clock.advance(59_000);
    expect(await ask()).toBe('no healthy upstream');
    clock.advance(1_100);
    expect(await ask()).toBe('good');
  });

  test('a priority that fails is left for the next one, and found again', async () => {
    const clock = new ManualClock();
    let down = false;
    const near = await Promise.all(['n', 'm'].map(async (name) => open.add(await httpPeer(() => (down ? sick : ok(name))))));
    const far = open.add(await httpPeer(ok('f')));
    const proxy = open.add(new TestProxy({ clock }));
    const endpoints = [...near.map(({ port }) => endpoint(port)), endpoint(far.port, { priority: 1 })];
    proxy.runtime.clusters.set(cluster('a', [], { endpoints, outlierDetection: hasty, priorities: withoutPanic }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const client = open.add(await Client.connect(port));
    const ask = async (count: number) => {
      let answers = '';
      for (let i = 0; i < count; i++) {
        client.text = '';
        answers += /[nmf]$|bad$/.exec(await client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n').until(/[nmf]$|bad$/))![0];
      }
      return answers;
    };
    expect(await ask(4)).toMatch(/^(nm|mn){2}$/);
    down = true;
    // Three failures each; then one of two is out, and takes 30 percent of the traffic with it to the far one.
    expect(await ask(40)).toMatch(/f{20}$/);
    down = false;
    clock.advance(61_000);
    expect(await ask(4)).toMatch(/^(nm|mn){2}$/);
  });

  test('TCP endpoints that refuse connections are left out', async () => {
    const good = open.add(await Peer.listen((socket) => socket.end('good')));
    const port = await deadPort();
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [good.port, port], { outlierDetection: hasty, priorities: withoutPanic }));
    const listening = await proxy.listen(tcpListener({ clusters: [{ name: 'a', weight: 1 }] }));
    const texts: string[] = [];
    for (let i = 0; i < 20; i++) texts.push(await open.add(await Client.connect(listening)).closed());
    expect(texts.filter((text) => text === '')).toHaveLength(3);
  });
});
