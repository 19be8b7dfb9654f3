// What a proxy refuses is put down to the resources that it was made of, by the names in the refused resources' metadata.
import { expect, test } from 'vitest';
import { Discovery } from '#control/discovery/discovery';
import type { ProxyConnection } from '#control/discovery/proxy-connection';
import { refusalsOf } from '#control/discovery/refusals';
import { fold } from '#control/mesh/fold';
import { emptySnapshot } from '#control/mesh/snapshot';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { Delivery } from '#xds/delivery';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { serviceYaml, setsOf, testProxy } from './fixture.ts';

const rules = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews-routes}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings-routes}
spec: {hosts: [ratings], http: [{route: [{destination: {host: ratings}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings-policy}
spec: {host: ratings, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
`;

function connected(name: string, type: TypeUrl, names: readonly string[]) {
  const proxy = testProxy(`sidecar~10.0.0.1~${name}.default~default.svc.cluster.local`, { VIRTUAL_HOST_DISCOVERY: 'true' });
  const delivery = new Delivery();
  const interest = { wildcard: names.length === 0, names: new Set(names) };
  const connection = { proxy, subscriptions: new Map([[type, { delivery, interest }]]) } as unknown as ProxyConnection;
  return { connection, verdict: (message: string | undefined) => delivery.settle(delivery.send('r1'), message) };
}

test('of virtual hosts and of clusters, by every proxy that refuses them, until they are accepted', () => {
  const discovery = new Discovery(new ManualClock(), silentLogger);
  const yaml = [serviceYaml('reviews'), serviceYaml('ratings'), rules].join('\n---\n');
  discovery.setSnapshot(fold(emptySnapshot(), setsOf(yaml)).snapshot);
  const hosts = ['a', 'b'].map((name) => connected(name, typeUrl.virtualHost, ['9080']));
  const clusters = connected('c', typeUrl.cluster, []);
  for (const { connection } of [...hosts, clusters]) discovery.connect(connection);
  expect(refusalsOf(discovery)).toEqual([]);
  for (const { verdict } of hosts) verdict('9080/reviews.default.svc.cluster.local:9080: routes[0]: too odd');
  clusters.verdict('Error adding/updating cluster(s) outbound|9080||ratings.default.svc.cluster.local: no such balancer');
  expect(refusalsOf(discovery)).toEqual([
    {
      kind: 'VirtualService',
      namespace: 'default',
      name: 'reviews-routes',
      proxies: ['a.default', 'b.default'],
      reason: '9080/reviews.default.svc.cluster.local:9080: routes[0]: too odd',
    },
    {
      kind: 'DestinationRule',
      namespace: 'default',
      name: 'ratings-policy',
      proxies: ['c.default'],
      reason: 'Error adding/updating cluster(s) outbound|9080||ratings.default.svc.cluster.local: no such balancer',
    },
  ]);
  hosts[0]!.verdict(undefined);
  clusters.verdict(undefined);
  expect(refusalsOf(discovery).map(({ name, proxies }) => `${name} ${proxies}`)).toEqual(['reviews-routes b.default']);
});
