// What several processes have counted for one proxy, in one sum.
import { expect, test } from 'vitest';
import type { ClusterStatus } from '#proxy/admin/cluster-status';
import { addStats, type ProxyStats } from '#proxy/admin/proxy-stats';
import { formatStats } from '#proxy/admin/stats';
import { formatFamilies, MetricsRegistry } from '#telemetry/metrics';
import { statsOf } from '../stats-of.ts';

function clusterOf(samples: Record<string, number>, requests: number, ejected = false): ClusterStatus {
  const config = { address: { address: '10.0.0.1', port: 80 }, weight: 1, priority: 0, locality: '', health: 'healthy' as const };
  return {
    name: 'a',
    serviceName: undefined,
    circuitBreaker: { connectionsMax: 1, pendingRequestsMax: 1, requestsMax: 1, retriesMax: 1 },
    samples,
    endpoints: [{ name: '10.0.0.1:80', config, ejected, checked: undefined, samples: { rq_total: requests } }],
  };
}

function counting(requests: number, durations: readonly number[]): ProxyStats['families'] {
  const registry = new MetricsRegistry();
  registry.counter('requests_total', 'Requests.', ['code']).with('200').value += requests;
  if (requests > 1) registry.counter('rare_total', 'Rare.', ['code']).with('500').value++;
  const histogram = registry.histogram('duration_ms', 'Durations.', [1, 10]).with();
  for (const duration of durations) histogram.record(duration);
  return registry.snapshot();
}

const first: ProxyStats = {
  ...statsOf({ 'http.x.downstream_rq_total': 3, 'http.x.downstream_cx_active': 1 }),
  clusters: [clusterOf({ upstream_rq_total: 3, membership_total: 1, 'outlier_detection.ejections_active': 0 }, 3)],
  families: counting(1, [0.5]),
};
const second: ProxyStats = {
  ...statsOf({ 'http.x.downstream_rq_total': 4, 'http.x.downstream_cx_active': 2, 'http.y.downstream_rq_total': 1 }),
  clusters: [clusterOf({ upstream_rq_total: 4, membership_total: 1, 'outlier_detection.ejections_active': 1 }, 4, true)],
  families: counting(2, [5, 50]),
};

test('counters and gauges of traffic are added, what each process finds for itself is not', () => {
  expect(formatStats(addStats(first, [second]), undefined)).toBe(
    [
      'cluster.a.membership_total: 1',
      'cluster.a.outlier_detection.ejections_active: 1',
      'cluster.a.upstream_rq_total: 7',
      'http.x.downstream_cx_active: 3',
      'http.x.downstream_rq_total: 7',
      'http.y.downstream_rq_total: 1',
      '',
    ].join('\n'),
  );
});

test('an endpoint has the requests of all, and is ejected where one process says so', () => {
  expect(addStats(first, [second, second]).clusters[0]?.endpoints).toMatchObject([{ ejected: true, samples: { rq_total: 11 } }]);
});

test('series of the same labels are one, buckets and all', () => {
  expect(formatFamilies(addStats(first, [second]).families)).toBe(`# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200"} 3
# HELP duration_ms Durations.
# TYPE duration_ms histogram
duration_ms_bucket{le="1"} 1
duration_ms_bucket{le="10"} 2
duration_ms_bucket{le="+Inf"} 3
duration_ms_sum 55.5
duration_ms_count 3
# HELP rare_total Rare.
# TYPE rare_total counter
rare_total{code="500"} 1
`);
});

test('memory is that of all processes', () => {
  expect(addStats(first, [second]).memory).toEqual({ heapUsed: 2, heapTotal: 4, rss: 6, external: 8 });
});
