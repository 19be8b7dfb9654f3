// What a configuration changes of Istio's metrics: for which exchanges, of which metrics; and that connections are counted so.
import { afterEach, beforeAll, expect, test } from 'vitest';
import { PluginConfig } from '#codec/protobuf/generated/istio/stats';
import { Findings } from '#proxy/config/findings';
import { loadCel } from '#proxy/expression/library';
import type { ExchangeListener } from '#proxy/runtime';
import { MetricOverrides } from '#proxy/telemetry/metric-overrides';
import { RequestStats } from '#proxy/telemetry/request-stats';
import { IstioMetrics } from '#telemetry/istio-metrics';
import { formatFamilies, MetricsRegistry } from '#telemetry/metrics';
import { unknownWorkload } from '#telemetry/workload';
import { Client, closer, cluster, Peer, TestProxy, tcpListener } from '../fixture.ts';

const open = closer();
afterEach(open.closeAll);
beforeAll(loadCel);

type Metrics = NonNullable<Parameters<typeof PluginConfig.fromPartial>[0]['metrics']>;

function decode(metrics: Metrics) {
  const findings = new Findings();
  return { overrides: MetricOverrides.decode(PluginConfig.fromPartial({ metrics }).metrics, 'filter', findings), findings: findings.list };
}

/** The lines of the metrics after one connection of three bytes, which are echoed. */
async function counted(metrics: Metrics): Promise<string[]> {
  const { overrides, findings } = decode(metrics);
  expect(findings).toEqual([]);
  const registry = new MetricsRegistry();
  const stats = new RequestStats(new IstioMetrics(registry), 'source', unknownWorkload, '', overrides);
  const upstream = open.add(await Peer.listen((socket) => socket.pipe(socket)));
  let finished = () => {};
  const once = new Promise<void>((resolve) => (finished = resolve));
  const heard: ExchangeListener = {
    onComplete(exchange) {
      stats.onComplete(exchange);
      finished();
    },
  };
  const proxy = open.add(new TestProxy({ exchangeListeners: { http: () => [], tcp: () => [heard] } }));
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const client = open.add(await Client.connect(await proxy.listen(tcpListener({ clusters: [{ name: 'a', weight: 1 }] }))));
  await client.write('abc').until('abc');
  client.socket.end();
  await once;
  return formatFamilies(registry.snapshot())
    .split('\n')
    .filter((line) => line.startsWith('istio_tcp'));
}

const sent = (lines: readonly string[]) => lines.find((line) => line.startsWith('istio_tcp_sent_bytes_total'));

test('connections as they are', async () => {
  const lines = await counted([]);
  expect(lines).toHaveLength(4);
  expect(sent(lines)).toMatch(/request_protocol="tcp".* 3$/);
});

test.each<[name: string, metrics: Metrics, sentBytes: RegExp | undefined, others: number]>([
  ['a label by an expression', [{ name: 'tcp_sent_bytes_total', dimensions: { to: 'xds.cluster_name' } }], /to="a".* 3$/, 3],
  ['a label that goes', [{ name: 'tcp_sent_bytes_total', tagsToRemove: ['request_protocol'] }], /^(?!.*request_protocol).* 3$/, 3],
  ['one that is not counted', [{ name: 'tcp_sent_bytes_total', drop: true }], undefined, 3],
  ['none is counted', [{ drop: true }], undefined, 0],
  ['another’s is as it is', [{ name: 'requests_total', drop: true }], /request_protocol="tcp".* 3$/, 3],
  ['for those that match', [{ match: `xds.cluster_name == 'a'`, dimensions: { to: `'there'` } }], /to="there".* 3$/, 3],
  ['not for those that do not', [{ match: `xds.cluster_name == 'b'`, drop: true }], /request_protocol="tcp".* 3$/, 3],
  ['nor where the expression has no value', [{ match: `request.headers['x'] == 'b'`, drop: true }], /request_protocol="tcp".* 3$/, 3],
  ['later entries win', [{ dimensions: { to: `'one'` } }, { dimensions: { to: `'two'` } }], /to="two".* 3$/, 3],
])('of connections: %s', async (_, metrics, sentBytes, others) => {
  const lines = await counted(metrics);
  if (sentBytes === undefined) expect(sent(lines)).toBeUndefined();
  else expect(sent(lines)).toMatch(sentBytes);
  expect(lines.filter((line) => line !== sent(lines))).toHaveLength(others);
});

test('expressions that are none are refused by their field', () => {
  const { findings } = decode([{ match: '1 +', dimensions: { a: '(' } }]);
  expect(findings.map((finding) => finding.split(':')[0])).toEqual(['filter.metrics[0].dimensions.a', 'filter.metrics[0].match']);
});
