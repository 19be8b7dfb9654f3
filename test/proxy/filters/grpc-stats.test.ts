// gRPC calls counted: by method where that is asked for, together where not, and never by what an upstream makes up.
import { afterEach, expect, test } from 'vitest';
import { FilterConfig } from '#codec/protobuf/generated/envoy/extensions/filters/http/grpc_stats/v3/config';
import { grpcStatsType } from '#proxy/filters/http/grpc-stats';
import { closer, cluster, forward, route } from '../fixture.ts';
import { Http2Client, http2Peer } from '../http2-peers.ts';
import { entry, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

type Which = NonNullable<Parameters<typeof FilterConfig.fromPartial>[0]['perMethodStatSpecifier']>;

const calls: readonly (readonly [path: string, status: string, type: string])[] = [
  ['/shop.Cart/Add', '0', 'application/grpc'],
  ['/shop.Cart/Add', '5', 'application/grpc+proto'],
  ['/shop.Cart/Clear', '0', 'application/grpc'],
  ['/shop.Cart/Add', 'nonsense', 'application/grpc'],
  ['/shop.Cart/Add', '0', 'text/plain'],
];

test.each<[what: string, which: Which, expected: Record<string, number>]>([
  [
    'all methods',
    { $case: 'statsForAllMethods', value: true },
    {
      'shop.Cart.Add.success': 1,
      'shop.Cart.Add.failure': 2,
      'shop.Cart.Add.total': 3,
      'shop.Cart.Add.0': 1,
      'shop.Cart.Add.5': 1,
      'shop.Cart.Clear.success': 1,
      'shop.Cart.Clear.total': 1,
      'shop.Cart.Clear.0': 1,
    },
  ],
  ['none', { $case: 'statsForAllMethods', value: false }, { success: 2, failure: 2, total: 4, '0': 2, '5': 1 }],
  [
    'those of a list',
    { $case: 'individualMethodStatsAllowlist', value: { services: [{ name: 'shop.Cart', methodNames: ['Clear'] }] } },
    {
      'shop.Cart.Clear.success': 1,
      'shop.Cart.Clear.total': 1,
      'shop.Cart.Clear.0': 1,
      success: 1,
      failure: 2,
      total: 3,
      '0': 1,
      '5': 1,
    },
  ],
])('by name: %s', async (_what, perMethodStatSpecifier, expected) => {
  const upstream = open.add(
    await http2Peer((stream, headers) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': headers['x-status'] }));
      stream.end();
    }),
  );
  const { proxy, port } = await startFiltered(open, {
    filters: [entry(grpcStatsType, FilterConfig, { perMethodStatSpecifier })],
    clusters: [cluster('a', [upstream.port], { protocol: 'http2' })],
    routes: route(forward('a')),
  });
  const client = open.add(await Http2Client.connect(port));
  for (const [path, status, type] of calls) {
    await client.ask({ ':method': 'POST', ':path': path, 'content-type': type, te: 'trailers', 'x-status': status }, 'x');
  }
  await proxy.logged(calls.length);
  const counted = Object.entries(proxy.runtime.counters.values()).filter(([, value]) => value > 0);
  expect(Object.fromEntries(counted)).toEqual(
    Object.fromEntries(Object.entries(expected).map(([name, value]) => [`cluster.a.grpc.${name}`, value])),
  );
});
