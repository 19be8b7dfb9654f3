// Where clients and endpoints are, and what comes of it: priorities and weights of localities, as Istio makes them.
import { describe, expect, test } from 'vitest';
import { localityOfLabels } from '#api/locality';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { localityMatches } from '#control/mesh/locality';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { typeUrl } from '#xds/resource-type';
import { serviceYaml, snapshotOf, testProxy } from './fixture.ts';

const shop = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop}
spec:
  hosts: [shop.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints:
  - {address: 10.0.0.1, locality: eu/a/1, labels: {version: v1}}
  - {address: 10.0.0.2, locality: eu/a/2, labels: {version: v2}}
  - {address: 10.0.0.3, locality: eu/b, labels: {version: v1}}
  - {address: 10.0.0.4, locality: us/c, labels: {version: v2}}
  - {address: 10.0.0.5, locality: us/d, weight: 3}
  - {address: 10.0.0.6, locality: asia/e}
`;

/** A line for each locality: priority, locality, weight, the last part of each address. */
function assignment(locality: string, policy: string, labels: Record<string, string> = {}, mesh = ''): string[] {
  const [region, zone, subZone] = locality.split('/');
  const rule = `---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: shop}\nspec: {host: shop.example, trafficPolicy: ${policy}}`;
  const proxy = testProxy('sidecar~10.1.0.9~client-1.default~default.svc.cluster.local', { LABELS: labels }, 'envoy', {
    region,
    zone,
    subZone,
  });
  const config = `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh } })}`;
  const view = new ViewFactory(snapshotOf([shop + rule, config].join('\n'))).view(proxy);
  const name = 'outbound|80||shop.example';
  const resource = new Translator(new ResourceCache())
    .translate(view, typeUrl.endpoint, { wildcard: false, names: new Set([name]) })
    .get(name)!;
  return ClusterLoadAssignment.decode(resource.body.value).endpoints.map(({ priority, locality, loadBalancingWeight, lbEndpoints }) => {
    const addresses = lbEndpoints.map(({ hostIdentifier }) => {
      const address = hostIdentifier?.$case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
      return address?.$case === 'socketAddress' ? address.value.address.split('.').at(-1) : '?';
    });
    const place = [locality?.region, locality?.zone, locality?.subZone].filter(Boolean).join('/');
    return `${priority} ${place} ${loadBalancingWeight}: ${addresses.join(' ')}`;
  });
}

const alike = ['0 eu/a/1 1: 1', '0 eu/a/2 1: 2', '0 eu/b 1: 3', '0 us/c 1: 4', '0 us/d 3: 5', '0 asia/e 1: 6'];
const outliers = 'outlierDetection: {consecutive5xxErrors: 3}';
const setting = (text: string) => `{loadBalancer: {localityLbSetting: {${text}}}, ${outliers}}`;

describe('endpoints of a client, by its locality and the rule', () => {
  test.each<[what: string, locality: string, policy: string, expected: string[], labels?: Record<string, string>]>([
    ['without outlier detection nothing fails over', 'eu/a/1', '{}', alike],
    ['switched off', 'eu/a/1', setting('enabled: false'), alike],
    ['a client that is nowhere', '', `{${outliers}}`, alike],
    [
      'failover by distance',
      'eu/a/1',
      `{${outliers}}`,
      ['0 eu/a/1 1: 1', '1 eu/a/2 1: 2', '2 eu/b 1: 3', '3 us/c 1: 4', '3 us/d 3: 5', '3 asia/e 1: 6'],
    ],
    [
      'priorities have no gaps',
      'us/x',
      `{${outliers}}`,
      ['0 us/c 1: 4', '0 us/d 3: 5', '1 eu/a/1 1: 1', '1 eu/a/2 1: 2', '1 eu/b 1: 3', '1 asia/e 1: 6'],
    ],
    [
      'to a region that is named before the others',
      'eu/b',
      setting('failover: [{from: eu, to: asia}]'),
      ['0 eu/b 1: 3', '1 eu/a/1 1: 1', '1 eu/a/2 1: 2', '2 asia/e 1: 6', '3 us/c 1: 4', '3 us/d 3: 5'],
    ],
    [
      'by labels, in their order',
      'eu/a/1',
      setting('failoverPriority: [topology.kubernetes.io/region, version]'),
      ['0 eu/a/1 1: 1', '0 eu/b 1: 3', '1 eu/a/2 1: 2', '2 us/c 1: 4', '2 us/d 3: 5', '2 asia/e 1: 6'],
      { version: 'v1' },
    ],
    [
      'by a label with a value of its own',
      'eu/a/1',
      setting('failoverPriority: ["version=v2"]'),
      ['0 eu/a/2 1: 2', '0 us/c 1: 4', '1 eu/a/1 1: 1', '1 eu/b 1: 3', '1 us/d 3: 5', '1 asia/e 1: 6'],
    ],
    [
      'shares by the rule for the locality',
      'eu/a/1',
      setting('distribute: [{from: us/*, to: {us/*: 100}}, {from: eu/a/*, to: {"eu/a/*": 70, "us/*": 30}}]'),
      ['0 eu/a/1 35: 1', '0 eu/a/2 35: 2', '0 us/c 8: 4', '0 us/d 23: 5'],
    ],
    ['shares of 0 are none', 'eu/a/1', setting('distribute: [{from: eu/*, to: {eu/b: 100, us: 0}}]'), ['0 eu/b 100: 3']],
    ['no rule for the locality', 'asia/e', setting('distribute: [{from: us/*, to: {us/*: 100}}]'), alike],
  ])('%s', (_, locality, policy, expected, labels) => {
    expect(assignment(locality, policy, labels)).toEqual(expected);
  });
});

describe('what the mesh says holds where the rule says nothing', () => {
  const shares = ['0 eu/b 100: 3'];
  const mesh = 'localityLbSetting: {distribute: [{from: "*", to: {eu/b: 100}}]}';
  test.each([
    ['{}', mesh, shares],
    [`{${outliers}}`, 'localityLbSetting: {enabled: false}', alike],
    [setting('enabled: true'), 'localityLbSetting: {enabled: false}', assignment('eu/a/1', `{${outliers}}`)],
    [setting('enabled: false'), mesh, alike],
  ])('rule %s, mesh %s', (policy, config, expected) => {
    expect(assignment('eu/a/1', policy, {}, config)).toEqual(expected);
  });
});

test.each([
  [{ 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': 'z' }, 'r/z'],
  [{ 'topology.kubernetes.io/region': 'r', 'topology.istio.io/subzone': 's' }, 'r//s'],
  [{ 'istio-locality': 'r.z.s', 'topology.kubernetes.io/region': 'x' }, 'r/z/s'],
  [{}, ''],
])('labels %j stand for %s', (labels, locality) => {
  expect(localityOfLabels(labels)).toBe(locality);
});

test.each([
  ['a/b/c', '*', true],
  ['a/b/c', 'a', true],
  ['a/b/c', 'a/*', true],
  ['a/b/c', 'a/b/*', true],
  ['a/b/c', 'a/b/d', false],
  ['a/b/c', 'x/*', false],
  ['', 'a', false],
])('locality %s and pattern %s: %s', (locality, pattern, expected) => {
  expect(localityMatches(locality, pattern)).toBe(expected);
});

test("a pod's labels say where it is, and go before the zone of its slice", () => {
  const pods = serviceYaml('db', { pods: { '10.1.0.3': 'v1', '10.1.0.4': 'v2' } }).replace(
    '"labels":{"app":"db","version":"v1"}',
    '"labels":{"app":"db","version":"v1","topology.kubernetes.io/region":"eu","topology.kubernetes.io/zone":"a"}',
  );
  const endpoints = snapshotOf(pods.replaceAll('"conditions":{"ready":true}', '"zone":"z","conditions":{"ready":true}')).endpoints;
  expect(endpoints.get('db.default.svc.cluster.local')?.items.map(({ locality }) => locality)).toEqual(['eu/a', '/z']);
});
