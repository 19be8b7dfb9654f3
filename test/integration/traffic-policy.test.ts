// Traffic policies in a whole mesh: a rule is applied, every proxy takes it, and requests through the gateway go as it says.
import { expect, test } from 'vitest';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { useMesh } from './mesh-fixture.ts';
import { until } from './until.ts';

const mesh = useMesh();

const direct = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: direct}
spec:
  hosts: ["*"]
  gateways: [bookinfo-gateway]
  http: [{match: [{uri: {prefix: /reviews}}], route: [{destination: {host: reviews, port: {number: 9080}}}]}]
`;

const policy = (text: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, trafficPolicy: ${text}}
`;

const users = Array.from({ length: 24 }, (_, i) => `user-${i}`);

/** Which version of reviews answers each user. */
async function versions(): Promise<string[]> {
  return Promise.all(
    users.map(async (user) => {
      const { status, body } = await mesh.get('/reviews/0', { 'x-user': user });
      return /reviews-(v\d)/.exec(body)?.[1] ?? `${status} ${body.slice(0, 80)}`;
    }),
  );
}

test('consistent hashing: each user has a version of reviews, and keeps it', async () => {
  await mesh.apply(direct);
  await mesh.apply(policy('{loadBalancer: {consistentHash: {httpHeaderName: x-user, maglev: {tableSize: 1009}}}}'));
  await until('every user keeps a version', async () => {
    const first = await versions();
    const again = await versions();
    return (first.every((version, i) => /^v\d$/.test(version) && version === again[i]) && new Set(first).size > 1) || `${first} ${again}`;
  });
  const kept = await versions();
  for (let i = 0; i < 5; i++) expect(await versions()).toEqual(kept);
  await mesh.delete(destinationRuleKind, 'reviews');
  await mesh.delete(virtualServiceKind, 'direct');
});

test('every proxy takes a rule with everything in it, and traffic goes on', async () => {
  const everything = [
    'loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s, minimumPercent: 20, aggression: 2}, localityLbSetting: {failoverPriority: [version]}}',
    'outlierDetection: {consecutive5xxErrors: 3, consecutiveGatewayErrors: 2, interval: 1s, baseEjectionTime: 5s, maxEjectionPercent: 50, minHealthPercent: 10}',
    'retryBudget: {percent: 30, minRetryConcurrency: 5}',
    'connectionPool: {tcp: {maxConnections: 100, connectTimeout: 2s, tcpKeepalive: {time: 60s}, maxConnectionDuration: 60s}, http: {http1MaxPendingRequests: 50, maxRequestsPerConnection: 20, maxRetries: 4, idleTimeout: 10s}}',
  ];
  const { failures } = await mesh.during('/api/v1/products/0/reviews', async () => {
    await mesh.apply(policy(`{${everything.join(', ')}}`));
    await until('the rule is in effect', async () =>
      (await mesh.admin('productpage-v1', '/clusters')).body.includes(
        'outbound|9080||reviews.default.svc.cluster.local::default_priority::max_connections::100',
      ),
    );
    await mesh.untilSynced();
  });
  expect(failures).toEqual([]);
  expect((await mesh.admin('productpage-v1', '/stats')).body).toContain(
    'outbound|9080||reviews.default.svc.cluster.local.outlier_detection.ejections_active: 0',
  );
  await mesh.delete(destinationRuleKind, 'reviews');
});
