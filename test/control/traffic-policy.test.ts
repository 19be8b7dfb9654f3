// What a DestinationRule becomes, field by field: through the control plane's translation and the proxy's own decoding.
import { describe, expect, test } from 'vitest';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import type { ClusterConfig } from '#proxy/config/cluster';
import { decodeCluster } from '#proxy/config/decode-cluster';
import { decodeListener } from '#proxy/config/decode-listener';
import { decodeRouteTable } from '#proxy/config/decode-route';
import { decoding } from '#proxy/config/findings';
import type { ForwardAction } from '#proxy/route/route';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { serviceYaml, snapshotOf, testProxy } from './fixture.ts';

const client = 'sidecar~10.1.0.9~client-1.default~default.svc.cluster.local';

/** A mesh with `reviews` (HTTP) and `db` (TCP), as the client's proxy sees it. */
function meshWith(yaml: string) {
  const services = [
    serviceYaml('reviews', { pods: { '10.1.0.1': 'v1', '10.1.0.2': 'v2' } }),
    serviceYaml('db', { port: 5432, portName: 'tcp', clusterIP: '10.96.0.5', pods: { '10.1.0.3': 'v1' } }),
  ];
  const view = new ViewFactory(snapshotOf([...services, yaml].join('\n---\n'))).view(testProxy(client));
  const translator = new Translator(new ResourceCache());
  const one = (type: TypeUrl, name: string) => {
    const resource = translator.translate(view, type, { wildcard: false, names: new Set([name]) }).get(name);
    if (!resource) throw new Error(`there is no ${name}`);
    return resource.body.value;
  };
  return {
    cluster: (name: string) => good(decoding((findings) => decodeCluster(Cluster.decode(one(typeUrl.cluster, name)), findings))),
    routes(name: string) {
      const table = RouteConfiguration.decode(one(typeUrl.route, name));
      return good(decoding((findings) => decodeRouteTable(table, '', findings)));
    },
    listener(name: string) {
      const all = translator.translate(view, typeUrl.listener, { wildcard: true, names: new Set() });
      return good(decoding((findings) => decodeListener(Listener.decode(all.get(name)!.body.value), findings)));
    },
  };
}

/** What the proxy makes of a resource; fails with its findings. */
function good<T>(decoded: { ok: true; value: T } | { ok: false; findings: readonly string[] }): T {
  expect(decoded).not.toHaveProperty('findings');
  return (decoded as { value: T }).value;
}

function ruleFor(host: string, policy: string, more = ''): string {
  return `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: ${host}-rule}\nspec:\n  host: ${host}\n  trafficPolicy: ${policy}\n${more}`;
}

const reviews = 'outbound|9080||reviews.default.svc.cluster.local';

const slowStart = { windowMs: 60_000, aggression: 1, weightMin: 0.1 };

describe('a policy for a host becomes the configuration of its cluster', () => {
  test.each<[policy: string, config: Partial<ClusterConfig>]>([
    ['{}', { loadBalancer: { kind: 'least_request', choices: 2, bias: 1, slowStart: undefined } }],
    ['{loadBalancer: {simple: ROUND_ROBIN}}', { loadBalancer: { kind: 'round_robin', slowStart: undefined } }],
    ['{loadBalancer: {simple: RANDOM}}', { loadBalancer: { kind: 'random' } }],
    ['{loadBalancer: {simple: PASSTHROUGH}}', { loadBalancer: { kind: 'cluster_provided' }, discovery: { kind: 'original_dst' } }],
    [
      '{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 30s, minimumPercent: 20, aggression: 2}}}',
      { loadBalancer: { kind: 'round_robin', slowStart: { windowMs: 30_000, aggression: 2, weightMin: 0.2 } } },
    ],
    ['{loadBalancer: {warmupDurationSecs: 60s}}', { loadBalancer: { kind: 'least_request', choices: 2, bias: 1, slowStart } }],
    [
      '{loadBalancer: {consistentHash: {useSourceIp: true}}}',
      { loadBalancer: { kind: 'ring_hash', ringSizeMin: 1024, ringSizeMax: 8_388_608 } },
    ],
    [
      '{loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 77}}}',
      { loadBalancer: { kind: 'ring_hash', ringSizeMin: 77, ringSizeMax: 8_388_608 } },
    ],
    [
      '{loadBalancer: {consistentHash: {httpHeaderName: x, ringHash: {minimumRingSize: 99}}}}',
      { loadBalancer: { kind: 'ring_hash', ringSizeMin: 99, ringSizeMax: 8_388_608 } },
    ],
    [
      '{loadBalancer: {consistentHash: {httpHeaderName: x, maglev: {tableSize: 251}}}}',
      { loadBalancer: { kind: 'maglev', tableSize: 251 } },
    ],
    ['{loadBalancer: {consistentHash: {httpHeaderName: x, maglev: {}}}}', { loadBalancer: { kind: 'maglev', tableSize: 65_537 } }],
    ['{}', { priorities: { panicThreshold: 50, localityWeighted: true } }],
    ['{outlierDetection: {}}', { priorities: { panicThreshold: 0, localityWeighted: true } }],
    ['{outlierDetection: {minHealthPercent: 30}}', { priorities: { panicThreshold: 30, localityWeighted: true } }],
    ['{loadBalancer: {localityLbSetting: {enabled: false}}}', { priorities: { panicThreshold: 50, localityWeighted: false } }],
  ])('%s', (policy, config) => {
    expect(meshWith(ruleFor('reviews', policy)).cluster(reviews)).toMatchObject(config);
  });
});

describe('consistent hashing becomes hash policies of the routes', () => {
  const routeOf = (yaml: string) => {
    const table = meshWith(yaml).routes('9080');
    const request = { method: 'GET', path: '/', authority: 'reviews:9080', scheme: 'http', header: () => undefined };
    return (table.route(request, { next: () => 0 })!.action as ForwardAction).hashPolicies;
  };

  test.each([
    ['httpHeaderName: User', [{ kind: 'header', name: 'user', terminal: false }]],
    ['useSourceIp: true', [{ kind: 'source_ip', terminal: false }]],
    ['httpQueryParameterName: q', [{ kind: 'query_parameter', name: 'q', terminal: false }]],
    ['httpCookie: {name: c}', [{ kind: 'cookie', name: 'c', attributes: undefined, terminal: false }]],
    ['httpCookie: {name: c, ttl: 0s}', [{ kind: 'cookie', name: 'c', attributes: '; HttpOnly', terminal: false }]],
    [
      'httpCookie: {name: c, ttl: 90s, path: /a, attributes: [{name: SameSite, value: Lax}, {name: Secure, value: ""}]}',
      [{ kind: 'cookie', name: 'c', attributes: '; Max-Age=90; Path=/a; SameSite=Lax; Secure; HttpOnly', terminal: false }],
    ],
  ])('%s', (hash, policies) => {
    expect(routeOf(ruleFor('reviews', `{loadBalancer: {consistentHash: {${hash}}}}`))).toEqual(policies);
  });

  test('of a rule of a VirtualService, by the subset that it leads to', () => {
    const rule = ruleFor(
      'reviews',
      '{loadBalancer: {simple: RANDOM}}',
      '  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: user}}}}]',
    );
    const service = (subset: string) =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [reviews], http: [{route: [{destination: {host: reviews${subset}}}]}]}`;
    expect(routeOf(`${rule}\n---\n${service(', subset: v1')}`)).toEqual([{ kind: 'header', name: 'user', terminal: false }]);
    expect(routeOf(`${rule}\n---\n${service('')}`)).toEqual([]);
  });

  test('of a TCP service, by the source address alone', () => {
    const hashes = (hash: string) => {
      const { filterChains } = meshWith(ruleFor('db', `{loadBalancer: {consistentHash: {${hash}}}}`)).listener('10.96.0.5_5432');
      const filter = filterChains[0]?.filters[0];
      return filter?.kind === 'tcp_proxy' && filter.tcp.hashesSourceIp;
    };
    expect(hashes('useSourceIp: true')).toBe(true);
    expect(hashes('httpHeaderName: user')).toBe(false);
  });
});
