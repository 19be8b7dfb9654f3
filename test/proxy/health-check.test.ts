// Active health checks over sockets, by a clock turned by hand: what each kind asks and believes, thresholds, intervals, what shows.
import { afterEach, describe, expect, test } from 'vitest';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import type { HealthCheck } from '#codec/protobuf/generated/envoy/config/core/v3/health_check';
import { ManualClock } from '#foundation/clock';
import { clusterStatuses, formatClusters } from '#proxy/admin/cluster-status';
import { decodeCluster } from '#proxy/config/decode-cluster';
import { decoding } from '#proxy/config/findings';
import { type LimitSharing, rowCells, unshared } from '#proxy/limits/limit-sharing';
import { usageCell } from '#proxy/upstream/cluster-usage';
import { healthRequest, isServing } from '#proxy/upstream/health/grpc-health';
import { closer, cluster, deadPort, httpPeer, ok, Peer, picking, TestProxy, withoutPanic } from './fixture.ts';
import { http2Peer } from './http2-peers.ts';

const open = closer();
afterEach(() => open.closeAll());

type CheckPartial = Partial<Parameters<typeof HealthCheck.fromPartial>[0]>;

const seconds = (count: number) => ({ seconds: count, nanos: 0 });
const base: CheckPartial = {
  timeout: seconds(1),
  interval: seconds(10),
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  noTrafficInterval: seconds(10),
};
const http: CheckPartial = { healthChecker: { $case: 'httpHealthCheck', value: { path: '/health' } } };
const tcp = (send: string, ...receive: string[]): CheckPartial => ({
  healthChecker: {
    $case: 'tcpHealthCheck',
    value: { send: payload(send), receive: receive.map(payload) },
  },
});
const grpc: CheckPartial = { healthChecker: { $case: 'grpcHealthCheck', value: { serviceName: 'shop' } } };
const payload = (text: string) => ({ payload: { $case: 'text' as const, value: Buffer.from(text).toString('hex') } });

function decode(check: CheckPartial) {
  const message = Cluster.fromPartial({ name: 'a', healthChecks: [{ ...base, ...check }] });
  return decoding((findings) => decodeCluster(message, findings));
}

/** A cluster of one endpoint under check. `turn`: so much time passes, and every answer on its way arrives. */
function checked(port: number, check: CheckPartial, sharing: LimitSharing = unshared) {
  const decoded = decode(check);
  if (!decoded.ok) throw new Error(decoded.findings.join());
  const { healthCheck } = decoded.value;
  const clock = new ManualClock();
  const proxy = open.add(new TestProxy({ clock, sharing }));
  proxy.runtime.clusters.set(cluster('a', [port], { healthCheck, priorities: withoutPanic }));
  const it = proxy.runtime.clusters.get('a')!;
  const [endpoint] = it.all();
  return {
    it,
    endpoint: endpoint!,
    clock,
    /** Resolves when so many checks have been answered, or given up. */
    async until(attempts: number) {
      const stats = it.healthCheckStats!;
      for (let turns = 0; stats.success + stats.failure < attempts; turns++) {
        if (turns > 5000) throw new Error(`${JSON.stringify(stats)}`);
        // Time goes on while a check waits for its turn; while one is under way, its peer has to answer.
        if (stats.attempt === stats.success + stats.failure) clock.advance(1000);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      return endpoint!.health;
    },
  };
}

describe('what each kind believes', () => {
  test.each<[what: string, answer: string, health: string]>([
    ['200', ok('x'), 'healthy'],
    ['a status that is not expected', 'HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n', 'unhealthy'],
    ['200 that says degraded', ok('x', 'x-envoy-degraded: 1\r\n'), 'degraded'],
    ['no HTTP', 'nonsense\r\n\r\n', 'unhealthy'],
  ])('HTTP: %s', async (_, answer, health) => {
    const upstream = open.add(await httpPeer(answer));
    const { until } = checked(upstream.port, http);
    expect(await until(1)).toBe(health);
    expect(upstream.requests[0]).toMatch(/^GET \/health HTTP\/1.1\r\nhost: a\r\nuser-agent: Envoy\/HC\r\n/);
  });

  test.each<[what: string, says: string, check: CheckPartial, health: string]>([
    ['connecting is enough', '', tcp(''), 'healthy'],
    ['what is expected comes, in pieces', 'PONG 42 done', tcp('PING', 'PONG', 'done'), 'healthy'],
    ['the end comes first', 'nothing', tcp('PING', 'PONG'), 'unhealthy'],
  ])('TCP: %s', async (_, says, check, health) => {
    const upstream = open.add(await Peer.listen((socket) => void socket.once('data', () => socket.end(says))));
    expect(await checked(upstream.port, check).until(1)).toBe(health);
  });

  test.each([
    ['serving', 1, '0', 'healthy'],
    ['not serving', 2, '0', 'unhealthy'],
    ['an error', 1, '5', 'unhealthy'],
  ])('gRPC: %s', async (_, status, grpcStatus, health) => {
    const upstream = open.add(
      await http2Peer((stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus }));
        stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
      }),
    );
    expect(await checked(upstream.port, grpc).until(1)).toBe(health);
    expect(upstream.requests[0]).toMatchObject({
      headers: { ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers' },
      body: healthRequest('shop').toString(),
    });
  });

  test('nobody is there', async () => {
    expect(await checked(await deadPort(), http).until(1)).toBe('unhealthy');
  });

  test('silence is given up', async () => {
    const upstream = open.add(await Peer.listen((socket) => void socket.resume()));
    const { it, clock, endpoint } = checked(upstream.port, http);
    while (it.healthCheckStats!.attempt === 0) clock.advance(20);
    clock.advance(1100);
    expect(it.healthCheckStats).toMatchObject({ attempt: 1, failure: 1, network_failure: 1 });
    expect(endpoint.checked?.pending).toBe(false);
  });
});

test('thresholds: none for the first answer; then so many failures, or one clear answer, and so many successes', async () => {
  let answer: string | undefined = ok('x');
  const upstream = open.add(await httpPeer((_, socket) => (answer === '' ? void socket.destroy() : answer)));
  const { until, it, endpoint } = checked(upstream.port, { ...http, reuseConnection: false });
  expect(endpoint.health).toBe('unhealthy');
  expect(formatClusters(clusterStatuses([it]))).toContain('health_flags::/failed_active_hc/pending_active_hc\n');
  expect(it.pick(picking())).toBeUndefined();
  expect(await until(1)).toBe('healthy');
  expect(it.pick(picking())).toBe(endpoint);
  answer = '';
  expect([await until(2), await until(3), await until(4)]).toEqual(['healthy', 'healthy', 'unhealthy']);
  expect(formatClusters(clusterStatuses([it]))).toContain('health_flags::/failed_active_hc\n');
  answer = ok('x');
  expect([await until(5), await until(6)]).toEqual(['unhealthy', 'healthy']);
  answer = 'HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n';
  expect(await until(7)).toBe('unhealthy');
  expect(it.stats).toMatchObject({ upstream_cx_total: 0, membership_healthy: 0 });
  expect(it.healthCheckStats).toMatchObject({ attempt: 7, success: 3, failure: 4, network_failure: 3, healthy: 0 });
});

test('a new configuration begins with what the old one knew', async () => {
  const upstream = open.add(await httpPeer(ok('x')));
  const { until, it, endpoint } = checked(upstream.port, http);
  await until(1);
  const decoded = decode({ ...http, interval: seconds(99) });
  it.update({ ...it.config, healthCheck: decoded.ok ? decoded.value.healthCheck : undefined });
  expect(endpoint.health).toBe('healthy');
  it.update({ ...it.config, healthCheck: undefined });
  expect(endpoint.checked).toBeUndefined();
  expect(endpoint.health).toBe('healthy');
});

test.each<[check: CheckPartial, finding: string]>([
  [{ ...http, interval: undefined }, 'health_checks[0].interval: must be above 0'],
  [{ ...http, unhealthyThreshold: undefined }, 'health_checks[0].unhealthy_threshold: must be above 0'],
  [{}, 'health_checks[0]: a check without a checker is not supported'],
  [
    { healthChecker: { $case: 'httpHealthCheck', value: { path: 'x' } } },
    'health_checks[0].http_health_check.path: "x" does not begin with a slash',
  ],
])('%j is refused', (check, finding) => {
  expect(decode(check)).toEqual({ ok: false, findings: [finding] });
});

test('the messages of gRPC health checks', () => {
  expect(healthRequest('')).toEqual(Buffer.from([0, 0, 0, 0, 0]));
  expect(healthRequest('ab')).toEqual(Buffer.from([0, 0, 0, 0, 4, 0x0a, 2, 0x61, 0x62]));
  expect(isServing(Buffer.from([0, 0, 0, 0, 2, 8, 1]))).toBe(true);
  expect(isServing(Buffer.from([0, 0, 0, 0, 0]))).toBe(false);
});

test('without traffic it is asked seldom; traffic of any process of the proxy counts', async () => {
  const upstream = open.add(await httpPeer(ok('x')));
  let elsewhere = 0;
  const others = (cell: number) => (cell === usageCell.connections ? elsewhere : 0);
  const sharing: LimitSharing = {
    ...unshared,
    join: (_key, joined) => joined({ own: new Float64Array(rowCells), sinceMs: 0, others }),
  };
  const { clock, until } = checked(upstream.port, { ...http, noTrafficInterval: seconds(60) }, sharing);
  await until(1);
  /** Seconds until the next check. */
  const wait = async (attempts: number) => {
    const before = clock.now();
    await until(attempts);
    return Math.round((clock.now() - before) / 10_000) * 10;
  };
  expect(await wait(2)).toBe(60);
  elsewhere = 1;
  // The one that waits was set before.
  expect([await wait(3), await wait(4)]).toEqual([60, 10]);
  elsewhere = 0;
  expect(await wait(5)).toBe(10);
});
