// Weighted splits at 10,000 requests: within one percent of what the weights say, and nothing where they say nothing.
import { expect, test } from 'vitest';
import { Route, VirtualHost } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { SeededRandom } from '#foundation/random';
import { decodeRouteAction } from '#proxy/config/decode-route-action';
import { Findings } from '#proxy/config/findings';
import { chooseCluster } from '#proxy/route/route';

const requests = 10_000;
const tolerance = 0.01;
const seed = 20_261_121;

test.each([[[50, 50]], [[90, 10]], [[99, 1]], [[34, 33, 33]], [[80, 0, 20]], [[1, 2, 3, 4]], [[1, 1000]]])('%j', (weights) => {
  const clusters = weights.map((weight, i) => ({ name: `v${i}`, weight }));
  const specifier = { $case: 'weightedClusters', value: { clusters } } as const;
  const route = Route.fromPartial({ action: { $case: 'route', value: { clusterSpecifier: specifier } } });
  const action = decodeRouteAction(route, VirtualHost.fromPartial({}), '', new Findings());
  if (action.kind !== 'forward') throw new Error(`not a route to clusters: ${action.kind}`);
  const random = new SeededRandom(seed);
  const counts = new Map<string, number>();
  for (let i = 0; i < requests; i++) {
    const { name } = chooseCluster(action, random.next());
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const { name, weight } of clusters) {
    const share = (counts.get(name) ?? 0) / requests;
    if (weight === 0) expect(share, name).toBe(0);
    else expect(Math.abs(share - weight / total), `${name}: ${share}`).toBeLessThanOrEqual(tolerance);
  }
});
