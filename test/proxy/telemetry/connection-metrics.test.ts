// Istio's metrics of connections that stand: what they carry is counted while they do, once.
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import { RequestStats } from '#proxy/telemetry/request-stats';
import { IstioMetrics } from '#telemetry/istio-metrics';
import { MetricsRegistry } from '#telemetry/metrics';
import { unknownWorkload } from '#telemetry/workload';
import { Client, closer, cluster, Peer, TestProxy, tcpListener } from '../fixture.ts';

const open = closer();
afterEach(open.closeAll);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('opened when it is, its bytes at the interval, closed at its end', async () => {
  const clock = new ManualClock();
  const registry = new MetricsRegistry();
  const stats = new RequestStats(new IstioMetrics(registry), 'source', unknownWorkload, '');
  const upstream = open.add(await Peer.listen((socket) => socket.pipe(socket)));
  const proxy = open.add(new TestProxy({ clock, exchangeListeners: { http: () => [], tcp: () => [stats] } }));
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const counts = () =>
    Object.fromEntries(
      registry
        .snapshot()
        .map(({ name, series }) => [
          name.replace(/^istio_tcp_|_total$/g, ''),
          series.reduce((sum, { value }) => sum + (typeof value === 'number' ? value : 0), 0),
        ]),
    );
  const listener = tcpListener({ clusters: [{ name: 'a', weight: 1 }], reportingIntervalMs: 5000 });
  const client = open.add(await Client.connect(await proxy.listen(listener)));
  await client.write('abc').until('abc');
  expect(counts()).toEqual({ connections_opened: 1, connections_closed: 0, sent_bytes: 0, received_bytes: 0 });
  clock.advance(5100);
  expect(counts()).toEqual({ connections_opened: 1, connections_closed: 0, sent_bytes: 3, received_bytes: 3 });
  clock.advance(5100);
  await client.write('defgh').until('defgh');
  expect(counts()).toMatchObject({ sent_bytes: 3, received_bytes: 3 });
  clock.advance(5100);
  expect(counts()).toMatchObject({ sent_bytes: 8, received_bytes: 8 });
  await client.write('!').until('!');
  client.socket.end();
  while (counts()['connections_closed'] === 0) await turn();
  expect(counts()).toEqual({ connections_opened: 1, connections_closed: 1, sent_bytes: 9, received_bytes: 9 });
  clock.advance(20_000);
  expect(counts()).toMatchObject({ connections_opened: 1, sent_bytes: 9 });
});
