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
import { http2Defaults } from '#proxy/config/http2-options';
import { priorityDefault, type ZoneAwareConfig } from '#proxy/config/load-balancer';
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
  const view = new ViewFactory(snapshotOf([...services, yaml].join('\n---\n'))).view(testProxy(client, { LABELS: { app: 'client' } }));
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

const unlimited = {
  connectionsMax: 4_294_967_295,
  pendingRequestsMax: 4_294_967_295,
  requestsMax: 4_294_967_295,
  retriesMax: 4_294_967_295,
};

const utilization = { kind: 'utilization' } as const;
const zones = (changes: Partial<ZoneAwareConfig>) => ({ ...priorityDefault, zoneAware: { ...priorityDefault.zoneAware, ...changes } });

const slowStart = { windowMs: 60_000, aggression: 1, weightMin: 0.1 };

describe('a policy for a host becomes the configuration of its cluster', () => {
  test.each<[policy: string, config: Partial<ClusterConfig>]>([
    ['{connectionPool: {tcp: {idleTimeout: 7s}}}', { idleTimeoutMs: 7000 }],
    ['{connectionPool: {tcp: {idleTimeout: 7s}, http: {idleTimeout: 4s}}}', { idleTimeoutMs: 4000 }],
    ['{tls: {mode: SIMPLE}}', { autoSni: true, autoSanValidation: true }],
    ['{tls: {mode: SIMPLE, sni: other.example}}', { autoSni: false, autoSanValidation: false }],
    ['{tls: {mode: SIMPLE, subjectAltNames: [other.example]}}', { autoSni: true, autoSanValidation: false }],
    ['{tls: {mode: ISTIO_MUTUAL}}', { autoSni: false, autoSanValidation: false }],
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
    ['{}', { priorities: priorityDefault }],
    ['{outlierDetection: {}}', { priorities: { ...priorityDefault, panicThreshold: 0 } }],
    ['{outlierDetection: {minHealthPercent: 30}}', { priorities: { ...priorityDefault, panicThreshold: 30 } }],
    ['{loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}', { priorities: priorityDefault }],
    [
      '{outlierDetection: {}, loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}',
      { priorities: { ...priorityDefault, panicThreshold: 0, localityWeighted: true } },
    ],
    [
      '{loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 70, b: 30}}]}}}',
      { priorities: { ...priorityDefault, localityWeighted: true } },
    ],
    ['{loadBalancer: {zoneAwareLbSetting: {enabled: true}}}', { priorities: priorityDefault }],
    ['{loadBalancer: {zoneAwareLbSetting: {enabled: true, minClusterSize: 2}}}', { priorities: zones({ endpointsMin: 2 }) }],
    ['{loadBalancer: {zoneAwareLbSetting: {enabled: false}}}', { priorities: zones({ routedPercent: 0 }) }],
    [
      '{loadBalancer: {backendUtilization: {}}}',
      { loadBalancer: { ...utilization, blackoutMs: 10_000, expirationMs: 180_000, updateMs: 1000, errorPenalty: 1, metricNames: [] } },
    ],
    [
      '{loadBalancer: {backendUtilization: {weightStabilizationPeriod: 0s, weightExpirationPeriod: 9s, weightUpdatePeriod: 2s, errorUtilizationPenaltyPercent: 150, metricNamesForComputingUtilization: [named_metrics.queue]}}}',
      {
        loadBalancer: {
          ...utilization,
          blackoutMs: 0,
          expirationMs: 9000,
          updateMs: 2000,
          errorPenalty: 1.5,
          metricNames: ['named_metrics.queue'],
        },
      },
    ],
    [
      '{connectionPool: {tcp: {maxConnections: 7, connectTimeout: 3s, maxConnectionDuration: 90s, tcpKeepalive: {time: 60s, probes: 3}}}}',
      {
        circuitBreaker: { ...unlimited, connectionsMax: 7 },
        connectTimeoutMs: 3000,
        connectionMsMax: 90_000,
        keepalive: { timeMs: 60_000, probes: 3, intervalSeconds: undefined },
      },
    ],
    [
      '{connectionPool: {http: {http1MaxPendingRequests: 5, http2MaxRequests: 6, maxRequestsPerConnection: 8, maxRetries: 9, idleTimeout: 4s}}}',
      {
        circuitBreaker: { ...unlimited, pendingRequestsMax: 5, requestsMax: 6, retriesMax: 9 },
        maxRequestsPerConnection: 8,
        idleTimeoutMs: 4000,
      },
    ],
    [
      '{connectionPool: {http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 11, http2KeepAlive: {interval: 10s, timeout: 2s}}}}',
      { protocol: 'http2', http2: { ...http2Defaults, concurrentStreamsMax: 11, keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 2000 } },
    ],
    ['{connectionPool: {http: {useClientProtocol: true}}}', { protocol: 'downstream' }],
    [
      '{retryBudget: {percent: 30, minRetryConcurrency: 2}}',
      { circuitBreaker: { ...unlimited, retryBudget: { percent: 30, retriesMin: 2, intervalMs: 0 } } },
    ],
    [
      '{retryBudget: {budgetInterval: 10s}}',
      { circuitBreaker: { ...unlimited, retryBudget: { percent: 20, retriesMin: 3, intervalMs: 10_000 } } },
    ],
    ['{retryBudget: {}}', { circuitBreaker: { ...unlimited, retryBudget: { percent: 20, retriesMin: 3, intervalMs: 0 } } }],
    ['{proxyProtocol: {version: V2}}', { proxyProtocol: 'v2', tls: undefined }],
    ['{proxyProtocol: {}}', { proxyProtocol: 'v1' }],
    [
      '{proxyProtocol: {}, tls: {mode: SIMPLE, sni: a.example}}',
      { proxyProtocol: 'v1', tls: expect.objectContaining({ serverName: 'a.example' }) },
    ],
    ['{loadBalancer: {localityLbSetting: {enabled: false}}}', { priorities: priorityDefault }],
  ])('%s', (policy, config) => {
    expect(meshWith(ruleFor('reviews', policy)).cluster(reviews)).toMatchObject(config);
  });
});

describe('consistent hashing becomes hash policies of the routes', () => {
  const actionOf = (yaml: string) => {
    const table = meshWith(yaml).routes('9080');
    const request = { method: 'GET', path: '/', authority: 'reviews:9080', scheme: 'http', header: () => undefined };
    return table.route(request, { next: () => 0 })!.action as ForwardAction;
  };
  const routeOf = (yaml: string) => actionOf(yaml).hashPolicies;

  test.each([
    ['', false],
    ['retries: {attempts: 2, retryIgnorePreviousHosts: true}, ', true],
    ['retries: {attempts: 2, retryIgnorePreviousHosts: false}, ', false],
    ['retries: {attempts: 2}, ', false],
  ])('and a second try goes where the first went, unless the rule says otherwise: %s', (retries, elsewhere) => {
    const rule = `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [reviews], http: [{${retries}route: [{destination: {host: reviews}}]}]}`;
    const hashed = ruleFor('reviews', '{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}');
    const avoids = (...yaml: string[]) => actionOf(yaml.join('\n---\n')).retry?.avoidPreviousHosts;
    expect(avoids(hashed, rule)).toBe(elsewhere);
    if (retries === '') expect(avoids(rule)).toBe(true);
  });

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

  test('connection limits of a TCP service are those of its connections', () => {
    const pool = '{connectionPool: {tcp: {idleTimeout: 30s, maxConnectionDuration: 60s}}}';
    const filter = meshWith(ruleFor('db', pool)).listener('10.96.0.5_5432').filterChains[0]?.filters[0];
    expect(filter).toMatchObject({ kind: 'tcp_proxy', tcp: { idleTimeoutMs: 30_000, connectionMsMax: 60_000 } });
  });

  test.each([
    ['{targetHost: far.example, targetPort: 443}', { target: 'far.example:443', post: undefined, headers: [] }],
    ['{protocol: POST, targetHost: "2001:db8::1", targetPort: 443}', { target: '[2001:db8::1]:443', post: { path: '/' }, headers: [] }],
  ])('connections of a TCP service go through a tunnel: %s', (tunnel, expected) => {
    const filter = meshWith(ruleFor('db', `{tunnel: ${tunnel}}`)).listener('10.96.0.5_5432').filterChains[0]?.filters[0];
    expect(filter).toMatchObject({ kind: 'tcp_proxy', tcp: { tunnel: expected } });
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

test.each([
  ['retryRemoteLocalities: true', 2],
  ['retryRemoteLocalities: false', 0],
])('retries with %s: after %d tries, another priority', (retries, triesPerPriority) => {
  const service = `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [reviews], http: [{retries: {attempts: 3, ${retries}}, route: [{destination: {host: reviews}}]}]}`;
  const table = meshWith(service).routes('9080');
  const request = { method: 'GET', path: '/', authority: 'reviews:9080', scheme: 'http', header: () => undefined };
  const action = table.route(request, { next: () => 0 })!.action as ForwardAction;
  expect(action.retry).toMatchObject({ triesPerPriority });
});

describe('which rule holds', () => {
  const rule = (name: string, spec: string, namespace = 'default') =>
    `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "2026-01-0${name.length}T00:00:00Z"}\nspec: ${spec}`;
  const host = 'reviews.default.svc.cluster.local';
  const limit = (connections: number) => `trafficPolicy: {connectionPool: {tcp: {maxConnections: ${connections}}}}`;

  test.each<[what: string, rules: string[], connectionsMax: number]>([
    ['the older of two for the same host', [rule('b', `{host: reviews, ${limit(1)}}`), rule('aa', `{host: reviews, ${limit(2)}}`)], 1],
    [
      'the whole host before a wildcard',
      [rule('a', `{host: "*.default.svc.cluster.local", ${limit(1)}}`), rule('bb', `{host: reviews, ${limit(2)}}`)],
      2,
    ],
    ['a wildcard where there is nothing else', [rule('a', `{host: "*.svc.cluster.local", ${limit(1)}}`)], 1],
    [
      'the namespace before the root namespace',
      [rule('a', `{host: ${host}, ${limit(1)}}`, 'istio-system'), rule('bb', `{host: reviews, ${limit(2)}}`)],
      2,
    ],
    ['the root namespace for all', [rule('a', `{host: ${host}, ${limit(1)}}`, 'istio-system')], 1],
    ['not one of another namespace', [rule('a', `{host: ${host}, ${limit(1)}}`, 'elsewhere')], 4_294_967_295],
    ['not one that is not exported here', [rule('a', `{host: ${host}, exportTo: [.], ${limit(1)}}`, 'istio-system')], 4_294_967_295],
    [
      'one for the labels of the client before those for all',
      [
        rule('a', `{host: reviews, ${limit(1)}}`),
        rule('bb', `{host: reviews, workloadSelector: {matchLabels: {app: client}}, ${limit(2)}}`),
      ],
      2,
    ],
    [
      'not one for the labels of others',
      [
        rule('a', `{host: reviews, workloadSelector: {matchLabels: {app: other}}, ${limit(1)}}`),
        rule('bb', `{host: reviews, ${limit(2)}}`),
      ],
      2,
    ],
    [
      'a port before the host',
      [
        rule(
          'a',
          `{host: reviews, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}, portLevelSettings: [{port: {number: 9080}, connectionPool: {tcp: {maxConnections: 2}}}]}}`,
        ),
      ],
      2,
    ],
    [
      'not what is said of another port',
      [
        rule(
          'a',
          `{host: reviews, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}, portLevelSettings: [{port: {number: 1}, connectionPool: {tcp: {maxConnections: 2}}}]}}`,
        ),
      ],
      1,
    ],
  ])('%s', (_, rules, connectionsMax) => {
    expect(meshWith(rules.join('\n---\n')).cluster(reviews).circuitBreaker.connectionsMax).toBe(connectionsMax);
  });

  test('a subset takes from its rule what it does not say itself', () => {
    const subsets = 'subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]';
    const mesh = meshWith(rule('a', `{host: reviews, ${limit(5)}, ${subsets}}`));
    expect(mesh.cluster('outbound|9080|v1|reviews.default.svc.cluster.local')).toMatchObject({
      loadBalancer: { kind: 'random' },
      circuitBreaker: { connectionsMax: 5 },
    });
  });
});
