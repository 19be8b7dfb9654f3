// What endpoints say of their load, in each notation, and what they are worth for it.
import { expect, test } from 'vitest';
import { OrcaLoadReport } from '#codec/protobuf/generated/xds/data/orca/v3/orca_load_report';
import type { UtilizationConfig } from '#proxy/config/load-balancer';
import { readLoadReport } from '#proxy/upstream/balance/load-report';
import { ReportedLoad } from '#proxy/upstream/balance/reported-load';

const message = Buffer.from(
  OrcaLoadReport.encode(OrcaLoadReport.fromPartial({ cpuUtilization: 0.5, rpsFractional: 20, namedMetrics: { queue: 3 } })).finish(),
).toString('base64');
const all = { cpu_utilization: 0.5, rps_fractional: 20, 'named_metrics.queue': 3 };

test.each<[field: string, value: string, expected: object | undefined]>([
  ['endpoint-load-metrics-bin', message, expect.objectContaining(all)],
  ['endpoint-load-metrics', `BIN ${message}`, expect.objectContaining(all)],
  ['endpoint-load-metrics', 'JSON {"cpu_utilization": 0.5, "rpsFractional": 20, "named_metrics": {"queue": 3}}', all],
  ['endpoint-load-metrics', 'TEXT cpu_utilization=0.5, rps_fractional=20,named_metrics.queue:3', all],
  ['endpoint-load-metrics', 'TEXT cpu_utilization=much,eps=-1,mem_utilization=0.1', { mem_utilization: 0.1 }],
  ['endpoint-load-metrics', 'JSON {', undefined],
  ['endpoint-load-metrics', 'BIN \u0001', expect.anything()],
  ['endpoint-load-metrics-bin', 'CQ==', undefined],
  ['endpoint-load-metrics', 'cpu_utilization=0.5', undefined],
  ['other', 'TEXT cpu_utilization=0.5', undefined],
])('%s: %s', (field, value, expected) => {
  const report = readLoadReport((name) => (name === field ? value : undefined));
  expect(report && Object.fromEntries(report)).toEqual(expected);
});

const config: UtilizationConfig = {
  blackoutMs: 100,
  expirationMs: 1000,
  updateMs: 100,
  errorPenalty: 2,
  metricNames: ['named_metrics.queue'],
};
const report = (values: object) => new Map<string, number>(Object.entries(values));

test.each<[values: object, weight: number | undefined]>([
  [{ rps_fractional: 10, application_utilization: 0.5, 'named_metrics.queue': 0.9, cpu_utilization: 1 }, 20],
  [{ rps_fractional: 10, 'named_metrics.queue': 0.4, cpu_utilization: 1 }, 25],
  [{ rps_fractional: 10, cpu_utilization: 1 }, 10],
  [{ rps_fractional: 10, eps: 5, cpu_utilization: 1 }, 5],
  [{ rps_fractional: 0, cpu_utilization: 1 }, undefined],
  [{ rps_fractional: 10 }, undefined],
])('%j is worth %s', (values, weight) => {
  const load = new ReportedLoad();
  load.hear(report(values), config, 0);
  expect(load.weightAt(100, config)).toBe(weight);
});

test('who is new is not judged, nor is who has been silent; who comes back is new', () => {
  const load = new ReportedLoad();
  const half = report({ rps_fractional: 10, cpu_utilization: 0.5 });
  load.hear(half, config, 0);
  const seen = [99, 100, 1000, 1001].map((ms) => load.weightAt(ms, config));
  load.hear(half, config, 2000);
  expect([...seen, load.weightAt(2099, config), load.weightAt(2100, config)]).toEqual([undefined, 20, 20, undefined, undefined, 20]);
});
