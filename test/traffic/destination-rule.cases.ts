// What the fields of a DestinationRule do to traffic. A traffic policy is the same wherever it stands: a case shows each of its fields, and
// others show the places.

import type { Case, Expectation, Outcome } from './case.ts';
import { impatient } from './town.ts';

const rule = (host: string, spec: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${host}, namespace: default}
spec: {host: ${host}, ${spec}}
`;
const threeSubsets = 'subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, {name: v3, labels: {version: v3}}]';
const reviews = (policy: string) => rule('reviews', `trafficPolicy: {${policy}}, ${threeSubsets}`);

const call = (expect: Outcome, more: Partial<Expectation> = {}): Expectation => ({ url: 'http://reviews:9080/', expect, ...more });
const thirds = { 'reviews-v1': 1 / 3, 'reviews-v2': 1 / 3, 'reviews-v3': 1 / 3 };
const sticks: Outcome = { sticks: true };

const balancers: Case[] = [
  ...['ROUND_ROBIN', 'RANDOM', 'LEAST_REQUEST', 'LEAST_CONN', 'UNSPECIFIED'].map((simple) => ({
    name: `simple: ${simple}`,
    fields: ['DestinationRule host', 'TrafficPolicy loadBalancer.simple'],
    yaml: reviews(`loadBalancer: {simple: ${simple}}`),
    calls: [call({ reaches: thirds }, { times: 300 })],
  })),
  {
    name: 'consistentHash: a header',
    fields: ['TrafficPolicy loadBalancer.consistentHash.httpHeaderName'],
    yaml: reviews('loadBalancer: {consistentHash: {httpHeaderName: x-user}}'),
    calls: ['ann', 'ben', 'cid'].map((user) => call(sticks, { times: 20, headers: { 'x-user': user } })),
  },
  {
    name: 'consistentHash: a query parameter, on a ring',
    fields: [
      'TrafficPolicy loadBalancer.consistentHash.httpQueryParameterName',
      'TrafficPolicy loadBalancer.consistentHash.ringHash.minimumRingSize',
    ],
    yaml: reviews('loadBalancer: {consistentHash: {httpQueryParameterName: user, ringHash: {minimumRingSize: 512}}}'),
    calls: ['ann', 'ben', 'cid'].map((user) => ({ url: `http://reviews:9080/?user=${user}`, times: 20, expect: sticks })),
  },
  {
    name: 'consistentHash: a cookie, by a table',
    fields: [
      'TrafficPolicy loadBalancer.consistentHash.httpCookie.name',
      'TrafficPolicy loadBalancer.consistentHash.httpCookie.path',
      'TrafficPolicy loadBalancer.consistentHash.httpCookie.ttl',
      'TrafficPolicy loadBalancer.consistentHash.maglev.tableSize',
    ],
    yaml: reviews('loadBalancer: {consistentHash: {httpCookie: {name: user, path: /p, ttl: 60s}, maglev: {tableSize: 1021}}}'),
    calls: [
      ...['ann', 'ben'].map((user) => call(sticks, { times: 20, headers: { cookie: `user=${user}` } })),
      call({ responseCookie: /^user="[^"]+"; Max-Age=60; Path=\/p; HttpOnly$/ }),
    ],
  },
  {
    name: 'consistentHash: the client’s address',
    fields: ['TrafficPolicy loadBalancer.consistentHash.useSourceIp', 'TrafficPolicy loadBalancer.consistentHash.minimumRingSize'],
    yaml: reviews('loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 512}}'),
    calls: [call(sticks, { times: 20 })],
  },
  {
    name: 'localityLbSetting: distribute',
    fields: [
      'TrafficPolicy loadBalancer.localityLbSetting.enabled',
      'TrafficPolicy loadBalancer.localityLbSetting.distribute[].from',
      'TrafficPolicy loadBalancer.localityLbSetting.distribute[].to',
    ],
    yaml: reviews('loadBalancer: {localityLbSetting: {enabled: true, distribute: [{from: "r/*", to: {"r/a/*": 80, "r/b/*": 20}}]}}'),
    calls: [call({ reaches: { 'reviews-v1': 0.8, 'reviews-v2': 0.1, 'reviews-v3': 0.1 } }, { times: 500 })],
  },
  {
    name: 'localityLbSetting: the own zone first, where failing endpoints are told',
    fields: [
      'TrafficPolicy loadBalancer.localityLbSetting.failover[].from',
      'TrafficPolicy loadBalancer.localityLbSetting.failover[].to',
      'TrafficPolicy outlierDetection.interval',
    ],
    yaml: reviews('outlierDetection: {interval: 1s}, loadBalancer: {localityLbSetting: {failover: [{from: r, to: s}]}}'),
    calls: [call({ reaches: 'reviews-v1' }, { times: 20 })],
  },
  {
    name: 'localityLbSetting: failoverPriority',
    fields: ['TrafficPolicy loadBalancer.localityLbSetting.failoverPriority'],
    yaml: reviews('outlierDetection: {interval: 1s}, loadBalancer: {localityLbSetting: {failoverPriority: ["version=v2"]}}'),
    calls: [call({ reaches: 'reviews-v2' }, { times: 20 })],
  },
];

const zones = (setting: string, endpoints: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: zones, namespace: default}
spec:
  hosts: [zones.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [${endpoints.replaceAll('}', ', ports: {http: 9080}}')}]
---${rule('zones.example', `trafficPolicy: {loadBalancer: {zoneAwareLbSetting: {${setting}}}}`)}`;
const shopping = (expect: Outcome, url = 'http://reviews:9080/'): Expectation => ({ from: 'shopper-a', url, times: 300, expect });

const byZone: Case[] = [
  {
    name: 'zoneAwareLbSetting: the own zone gets what it can take of what its callers bring',
    fields: ['TrafficPolicy loadBalancer.zoneAwareLbSetting.enabled', 'TrafficPolicy loadBalancer.zoneAwareLbSetting.minClusterSize'],
    yaml: reviews('loadBalancer: {zoneAwareLbSetting: {enabled: true, minClusterSize: 3}}'),
    calls: [
      // Half of the callers is in its zone, and a third of the endpoints: two of three calls stay.
      shopping({ reaches: { 'reviews-v1': 2 / 3, 'reviews-v2': 1 / 6, 'reviews-v3': 1 / 6 } }),
      // Who does not know its own workload calls anybody.
      call({ reaches: thirds }, { times: 300 }),
    ],
  },
  {
    name: 'zoneAwareLbSetting: with fewer endpoints than are asked for, zones do not count',
    fields: ['TrafficPolicy loadBalancer.zoneAwareLbSetting.minClusterSize'],
    yaml: reviews('loadBalancer: {zoneAwareLbSetting: {enabled: true, minClusterSize: 4}}'),
    calls: [shopping({ reaches: thirds })],
  },
  {
    name: 'zoneAwareLbSetting: switched off',
    fields: ['TrafficPolicy loadBalancer.zoneAwareLbSetting.enabled'],
    yaml: reviews('loadBalancer: {zoneAwareLbSetting: {enabled: false, minClusterSize: 1}}'),
    calls: [shopping({ reaches: thirds })],
  },
  {
    name: 'zoneAwareLbSetting: failoverPriority',
    fields: ['TrafficPolicy loadBalancer.zoneAwareLbSetting.failoverPriority'],
    yaml: reviews('loadBalancer: {zoneAwareLbSetting: {failoverPriority: ["version=v2"]}}'),
    calls: [shopping({ reaches: 'reviews-v2' })],
  },
  {
    name: 'zoneAwareLbSetting: the own region goes before others',
    fields: ['TrafficPolicy loadBalancer.zoneAwareLbSetting.enabled'],
    yaml: zones('enabled: true', '{address: POD(reviews-v1), locality: r/x}, {address: POD(reviews-v2), locality: s/x}'),
    calls: [shopping({ reaches: 'reviews-v1' }, 'http://zones.example/')],
  },
  {
    name: 'zoneAwareLbSetting: failover to a region that is named',
    fields: [
      'TrafficPolicy loadBalancer.zoneAwareLbSetting.failover[].from',
      'TrafficPolicy loadBalancer.zoneAwareLbSetting.failover[].to',
    ],
    yaml: zones('failover: [{from: r, to: t}]', '{address: POD(reviews-v1), locality: s/x}, {address: POD(reviews-v2), locality: t/x}'),
    calls: [shopping({ reaches: 'reviews-v2' }, 'http://zones.example/')],
  },
];

const byLoad: Case[] = [
  {
    name: 'backendUtilization: turns by what the endpoints report',
    fields: [
      'TrafficPolicy loadBalancer.backendUtilization.weightStabilizationPeriod',
      'TrafficPolicy loadBalancer.backendUtilization.weightUpdatePeriod',
      'TrafficPolicy loadBalancer.backendUtilization.weightExpirationPeriod',
      'TrafficPolicy loadBalancer.backendUtilization.errorUtilizationPenaltyPercent',
      'TrafficPolicy loadBalancer.backendUtilization.metricNamesForComputingUtilization',
    ],
    yaml: rule(
      'load',
      'trafficPolicy: {loadBalancer: {backendUtilization: {weightStabilizationPeriod: 0s, weightUpdatePeriod: 0.1s, weightExpirationPeriod: 60s, errorUtilizationPenaltyPercent: 100, metricNamesForComputingUtilization: [named_metrics.queue]}}}',
    ),
    calls: [
      // For as long as an update takes and more, so that both have been heard.
      { url: 'http://load:9080/', times: 300, expect: { status: 200 } },
      // 100 / (0.1 + 0.1) against 100 / 0.6
      { url: 'http://load:9080/', times: 500, expect: { reaches: { 'load-low': 0.75, 'load-high': 0.25 } } },
    ],
  },
];

const failing: Case[] = [
  {
    name: 'outlierDetection: an endpoint that fails is left out',
    fields: [
      'TrafficPolicy outlierDetection.consecutive5xxErrors',
      'TrafficPolicy outlierDetection.baseEjectionTime',
      'TrafficPolicy outlierDetection.maxEjectionPercent',
      'TrafficPolicy outlierDetection.minHealthPercent',
    ],
    yaml: rule(
      'half',
      'trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, baseEjectionTime: 300s, maxEjectionPercent: 100, minHealthPercent: 0}}',
    ),
    calls: [
      // Each try of the client's default retries counts: the bad half is found by the first call that meets it.
      { url: 'http://half:9080/', times: 10, expect: { status: 200 } },
      { url: 'http://half:9080/', times: 20, expect: { reaches: 'half-good' } },
    ],
  },
  {
    name: 'outlierDetection: gateway errors',
    fields: ['TrafficPolicy outlierDetection.consecutiveGatewayErrors'],
    yaml: rule(
      'half',
      'trafficPolicy: {outlierDetection: {consecutiveGatewayErrors: 1, consecutive5xxErrors: 0, baseEjectionTime: 300s, maxEjectionPercent: 100}}',
    ),
    calls: [
      { url: 'http://half:9080/', times: 10, expect: { status: 200 } },
      { url: 'http://half:9080/', times: 20, expect: { reaches: 'half-good' } },
    ],
  },
  {
    name: 'outlierDetection: which answers are failures',
    fields: ['TrafficPolicy outlierDetection.outlierDetectionHttpErrorCodes'],
    yaml: `${rule(
      'odd',
      'trafficPolicy: {outlierDetection: {outlierDetectionHttpErrorCodes: [418, 429], consecutive5xxErrors: 1, baseEjectionTime: 300s, maxEjectionPercent: 100}}',
    )}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: odd, namespace: default}
spec: {hosts: [odd], http: [{retries: {attempts: 5, retryOn: "429"}, route: [{destination: {host: odd}}]}]}
`,
    calls: [
      { url: 'http://odd:9080/', times: 10, expect: { status: 200 } },
      // No call is tried twice any more.
      { url: 'http://odd:9080/', times: 20, expect: { reaches: 'odd-good', headers: { 'x-envoy-attempt-count': '1' } } },
    ],
  },
  {
    name: 'connectionPool: requests beyond what is allowed are refused',
    fields: ['TrafficPolicy connectionPool.http.http2MaxRequests', 'TrafficPolicy connectionPool.http.maxRetries'],
    yaml: `${rule('silent', 'trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1, maxRetries: 1}}}')}---${impatient('silent')}`,
    calls: [{ url: 'http://silent:9080/', together: 4, expect: { statuses: [503, 503, 503, 504] } }],
  },
  {
    name: 'connectionPool: connections, and who may wait for them',
    fields: ['TrafficPolicy connectionPool.tcp.maxConnections', 'TrafficPolicy connectionPool.http.http1MaxPendingRequests'],
    yaml: `${rule('silent', 'trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}')}---${impatient('silent')}`,
    calls: [{ url: 'http://silent:9080/', together: 8, expect: { statuses: [503, 503, 503, 503, 503, 503] } }],
  },
  {
    name: 'connectionPool: idle connections are kept alive',
    fields: [
      'TrafficPolicy connectionPool.tcp.tcpKeepalive.time',
      'TrafficPolicy connectionPool.tcp.tcpKeepalive.probes',
      'TrafficPolicy connectionPool.tcp.tcpKeepalive.interval',
    ],
    yaml: reviews('connectionPool: {tcp: {tcpKeepalive: {time: 60s, probes: 4, interval: 7s}}}'),
    // A connection from before serves one more request as it was made.
    calls: [
      call({ status: 200 }, { times: 3 }),
      call({ keptAlive: { probes: 4, intervalSeconds: 7 } }, { times: 3 }),
      { url: 'http://ratings:9080/', expect: { keptAlive: false } },
    ],
  },
  {
    name: 'connectionPool: requests per connection',
    fields: ['TrafficPolicy connectionPool.http.maxRequestsPerConnection'],
    yaml: reviews('connectionPool: {http: {maxRequestsPerConnection: 1}}'),
    calls: [call({ connects: true }, { times: 6 })],
  },
];

const places: Case[] = [
  {
    name: 'a subset’s policy goes before the rule’s',
    fields: ['DestinationRule subsets[].name', 'DestinationRule subsets[].labels', 'DestinationRule subsets[].trafficPolicy'],
    yaml: `${rule('reviews', 'trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: b, labels: {app: reviews}, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}}]')}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{match: [{uri: {prefix: /b}}], route: [{destination: {host: reviews, subset: b}}]}, {route: [{destination: {host: reviews}}]}]}
`,
    calls: [
      { url: 'http://reviews:9080/b', headers: { 'x-user': 'ann' }, times: 20, expect: sticks },
      { url: 'http://reviews:9080/', headers: { 'x-user': 'ann' }, times: 300, expect: { reaches: thirds } },
    ],
  },
  {
    name: 'a port’s settings stand in for all of the rule’s',
    fields: ['DestinationRule trafficPolicy.portLevelSettings[].port.number', 'DestinationRule trafficPolicy.portLevelSettings[]'],
    yaml: reviews(
      'loadBalancer: {simple: RANDOM}, portLevelSettings: [{port: {number: 9080}, loadBalancer: {consistentHash: {httpHeaderName: x-user}}}]',
    ),
    calls: [call(sticks, { times: 20, headers: { 'x-user': 'ann' } })],
  },
  {
    name: 'exportTo',
    fields: ['DestinationRule exportTo'],
    yaml: rule('reviews', `exportTo: ["."], trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}, ${threeSubsets}`),
    calls: [
      call(sticks, { times: 20, headers: { 'x-user': 'ann' } }),
      { url: 'http://reviews.default:9080/', from: 'stranger', headers: { 'x-user': 'ann' }, times: 300, expect: { reaches: thirds } },
    ],
  },
  {
    name: 'workloadSelector: of the client',
    fields: ['DestinationRule workloadSelector.matchLabels'],
    yaml: `${rule('ratings', 'workloadSelector: {matchLabels: {app: client}}, subsets: [{name: mine, labels: {version: v1}}]')}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: default}
spec: {hosts: [ratings], http: [{route: [{destination: {host: ratings, subset: mine}}]}]}
`,
    calls: [
      { url: 'http://ratings:9080/', expect: { reaches: 'ratings-v1' } },
      { url: 'http://ratings.default:9080/', from: 'stranger', expect: { status: 503 } },
    ],
  },
];

export const destinationRuleCases: readonly Case[] = [...balancers, ...byZone, ...byLoad, ...failing, ...places];
