// What Istio's reference says of rules beside their shape: defaults, precedence among resources, and what is easily got wrong.
import type { Case, Expectation, Outcome } from './case.ts';
import { object } from './town.ts';

const get = (path: string, expect: Outcome, more: Partial<Expectation> = {}): Expectation => ({
  url: `http://reviews:9080${path}`,
  expect,
  ...more,
});
const to = (subset: string) => `route: [{destination: {host: reviews, subset: ${subset}}}]`;
const rules = (host: string, ...http: string[]) => object('VirtualService', host, `hosts: [${host}], http: [{${http.join('}, {')}}]`);
const reviews = (...http: string[]) => rules('reviews', ...http);
const hosts = (host: string) => `route: [{destination: {host: ${host}}}]`;
const [v1, v2, v3] = ['reviews-v1', 'reviews-v2', 'reviews-v3'].map((reaches): Outcome => ({ reaches })) as [Outcome, Outcome, Outcome];
const grpc = { method: 'POST', headers: { 'content-type': 'application/grpc' } };
const taken = (age: number) => `namespace: default, creationTimestamp: "2026-01-0${age}T00:00:00Z"`;

const retries: Case[] = [
  {
    name: 'retryOn: statuses by number, beside words',
    fields: ['VirtualService http[].retries.retryOn'],
    yaml: rules('odd', `retries: {attempts: 5, retryOn: "reset, 429", backoff: 1ms}, ${hosts('odd')}`),
    calls: [{ url: 'http://odd:9080/', times: 10, expect: { reaches: 'odd-good' } }],
  },
  {
    name: 'retryOn: statuses of gRPC, which are not those of HTTP',
    fields: ['VirtualService http[].retries.retryOn'],
    yaml: rules('calls', `retries: {attempts: 5, retryOn: unavailable, backoff: 1ms}, ${hosts('calls')}`),
    calls: [{ url: 'http://calls:9080/', ...grpc, times: 10, expect: { reaches: 'calls-good' } }],
  },
  {
    name: 'retries without attempts are none',
    fields: ['VirtualService http[].retries.retryOn'],
    yaml:
      object('DestinationRule', 'odd', 'host: odd, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}') +
      rules('odd', `retries: {retryOn: "429"}, ${hosts('odd')}`),
    calls: [{ url: 'http://odd:9080/', together: 2, expect: { statuses: [200, 429] } }],
  },
  {
    name: 'retryRemoteLocalities: the next priority, when the own has been tried',
    fields: ['VirtualService http[].retries.retryRemoteLocalities'],
    yaml: `${object(
      'ServiceEntry',
      'near',
      'hosts: [near.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: POD(failing-v1), locality: r/a, ports: {http: 9080}}, {address: POD(outside-1), locality: s/a, ports: {http: 9080}}]',
    )}${object(
      'DestinationRule',
      'near',
      'host: near.example, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1000}, loadBalancer: {localityLbSetting: {enabled: true}}}',
    )}${rules('near.example', `retries: {attempts: 5, retryOn: 5xx, backoff: 1ms, retryRemoteLocalities: true}, ${hosts('near.example')}`)}`,
    calls: [{ url: 'http://near.example/', times: 5, expect: { reaches: 'outside-1' } }],
  },
];

const actions: Case[] = [
  {
    name: 'fault: without a percentage no request has one',
    fields: ['VirtualService http[].fault.abort.httpStatus', 'VirtualService http[].fault.delay.fixedDelay'],
    yaml: reviews(`fault: {abort: {httpStatus: 418}, delay: {fixedDelay: 300s}}, ${to('v1')}`),
    calls: [get('/', v1, { times: 5 })],
  },
  {
    name: 'fault: delay, in percent as it once was',
    fields: ['VirtualService http[].fault.delay.percent'],
    yaml: reviews(`timeout: 40ms, fault: {delay: {fixedDelay: 1ms, percent: 100}}, ${to('v1')}`),
    calls: [get('/', v1)],
  },
  {
    name: 'redirect: the port that the scheme implies is left out',
    fields: ['VirtualService http[].redirect.port', 'VirtualService http[].redirect.derivePort'],
    yaml: `${reviews('redirect: {scheme: https, authority: other.example.com, port: 443}')}${rules(
      'plain.example.com',
      'redirect: {authority: other.example.com, derivePort: FROM_REQUEST_PORT}',
    )}`,
    calls: [
      get('/p', { status: 301, responseHeaders: { location: 'https://other.example.com/p' } }),
      { url: 'http://plain.example.com/p', expect: { status: 301, responseHeaders: { location: 'http://other.example.com/p' } } },
    ],
  },
  {
    name: 'headers: the host, which only a request has, by the rule or by its one destination',
    fields: ['VirtualService http[].headers.request.set', 'VirtualService http[].route[].headers.request.set'],
    yaml: reviews(
      'match: [{uri: {exact: /rule}}], headers: {request: {set: {host: rule.example}}, response: {set: {host: no.example}}}, route: [{destination: {host: reviews, subset: v1}, headers: {request: {set: {Host: route.example}}}}]',
      'match: [{uri: {exact: /add}}], headers: {request: {add: {":authority": add.example}}}, route: [{destination: {host: reviews, subset: v1}}]',
      'route: [{destination: {host: reviews, subset: v1}, headers: {request: {set: {Host: route.example}, remove: [":path"]}}}]',
    ),
    calls: [
      get('/rule', { headers: { host: 'rule.example' }, responseHeaders: { host: undefined } }),
      get('/add', { headers: { host: 'add.example' } }),
      get('/route', { headers: { host: 'route.example' } }),
    ],
  },
  {
    name: 'rewrite: a path as a whole where it was matched as a whole, the query apart',
    fields: ['VirtualService http[].rewrite.uri'],
    yaml: reviews(
      `match: [{uri: {exact: /exact}}], rewrite: {uri: /new}, ${to('v1')}`,
      `match: [{uri: {regex: "/r[a-z]+/.*"}}], rewrite: {uri: /new}, ${to('v1')}`,
      `match: [{uri: {prefix: /PRE}, ignoreUriCase: true}], rewrite: {uri: /new}, ${to('v1')}`,
      `rewrite: {uri: /new}, ${to('v1')}`,
    ),
    calls: [
      get('/exact?q=1', { url: '/new?q=1' }),
      get('/regex/a/b?q=1', { url: '/new?q=1' }),
      get('/pre/a?q=1', { url: '/new/a?q=1' }),
      get('/other', { url: '/newother' }),
    ],
  },
  {
    name: 'rewrite: uriRegexRewrite changes what it finds, everywhere in the path',
    fields: ['VirtualService http[].rewrite.uriRegexRewrite.match'],
    yaml: reviews(`rewrite: {uriRegexRewrite: {match: "o+", rewrite: "-\\\\0-"}}, ${to('v1')}`),
    calls: [get('/foo/bo?q=oo', { url: '/f-oo-/b-o-?q=oo' })],
  },
  {
    name: 'mirror: the old forms of its percentage',
    fields: ['VirtualService http[].mirrorPercent'],
    yaml: reviews(`mirror: {host: reviews, subset: v2}, mirrorPercent: 100, ${to('v1')}`),
    calls: [get('/copied', { ...v1, copies: ['reviews-v2'] })],
  },
  {
    name: 'mirror: the oldest form, and 0 percent',
    fields: ['VirtualService http[].mirror_percent'],
    yaml: reviews(
      `mirror: {host: reviews, subset: v2}, mirror_percent: 0, mirrors: [{destination: {host: reviews, subset: v3}}], ${to('v1')}`,
    ),
    calls: [get('/copied', { ...v1, copies: ['reviews-v3'] })],
  },
  {
    name: 'corsPolicy: allowOrigin, and preflights of other origins, which go on unless they are ignored',
    fields: ['VirtualService http[].corsPolicy.allowOrigin', 'VirtualService http[].corsPolicy.unmatchedPreflights'],
    yaml: reviews(`corsPolicy: {allowOrigin: ["http://a.example"], allowMethods: [PUT], unmatchedPreflights: FORWARD}, ${to('v1')}`),
    calls: ['http://a.example', 'http://b.example'].map((origin) =>
      get(
        '/',
        origin === 'http://a.example'
          ? { body: '', responseHeaders: { 'access-control-allow-origin': origin } }
          : { ...v1, method: 'OPTIONS' },
        { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } },
      ),
    ),
  },
];

const precedence: Case[] = [
  {
    name: 'hosts: of two resources for one host the older decides, in the mesh',
    fields: ['VirtualService hosts'],
    yaml:
      object('VirtualService', 'a-younger', `hosts: [reviews], http: [{${to('v2')}}]`, taken(2)) +
      object(
        'VirtualService',
        'b-older',
        `hosts: [reviews.default.svc.cluster.local], http: [{match: [{uri: {prefix: /a}}], ${to('v1')}}]`,
        taken(1),
      ),
    calls: [get('/a', v1), get('/b', { status: 404 })],
  },
  {
    name: 'gateways: rules of two resources for one host follow one another, the older first',
    fields: ['VirtualService gateways'],
    yaml:
      object(
        'Gateway',
        'edge',
        'selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"]}]',
      ) +
      object(
        'VirtualService',
        'a-younger',
        `hosts: [shop.example.com], gateways: [edge], http: [{match: [{uri: {prefix: /a}}], ${to('v2')}}, {${to('v3')}}]`,
        taken(2),
      ) +
      object(
        'VirtualService',
        'b-older',
        `hosts: [shop.example.com], gateways: [edge], http: [{match: [{uri: {prefix: /a/b}}], ${to('v1')}}]`,
        taken(1),
      ),
    calls: [
      { via: 'gateway', url: 'http://shop.example.com:8000/a/b', expect: v1 },
      { via: 'gateway', url: 'http://shop.example.com:8000/a', expect: v2 },
      { via: 'gateway', url: 'http://shop.example.com:8000/', expect: v3 },
    ],
  },
  {
    name: 'hosts: a short name is one of the namespace of the rule, and so are those of its destinations',
    fields: ['VirtualService hosts', 'VirtualService http[].route[].destination.host'],
    yaml:
      object(
        'VirtualService',
        'far',
        'hosts: [far], http: [{match: [{uri: {prefix: /far}}], route: [{destination: {host: far}}]}, {directResponse: {status: 418}}]',
        'namespace: other',
      ) + object('VirtualService', 'reviews', 'hosts: [reviews], http: [{directResponse: {status: 418}}]', 'namespace: other'),
    calls: [
      { url: 'http://far.other:9080/far', expect: { reaches: 'far-v1' } },
      { url: 'http://far.other:9080/', expect: { status: 418 } },
      get('/', {}),
    ],
  },
  {
    name: 'hosts: of wildcards the longest decides, and a name before any',
    fields: ['VirtualService hosts'],
    yaml: ['*.example.com', '*.b.example.com', 'a.b.example.com']
      .map((host, i) => object('VirtualService', `wild-${i}`, `hosts: ["${host}"], http: [{${to(`v${i + 1}`)}}]`, taken(3 - i)))
      .join(''),
    calls: [
      { url: 'http://x.example.com/', expect: v1 },
      { url: 'http://x.b.example.com/', expect: v2 },
      { url: 'http://a.b.example.com/', expect: v3 },
    ],
  },
  {
    name: 'delegate: what it leaves open the root says; a rule that could not match both is none',
    fields: ['VirtualService http[].delegate.name'],
    yaml:
      reviews(
        `match: [{uri: {prefix: /d}, headers: {x-root: {}}}], headers: {request: {set: {x-by: root}}}, delegate: {name: inner}`,
        'directResponse: {status: 418}',
      ) +
      object(
        'VirtualService',
        'inner',
        `http: [{match: [{uri: {prefix: /e}}], ${to('v3')}}, {match: [{uri: {prefix: /d/2}}], headers: {request: {set: {x-by: inner}}}, ${to('v2')}}, {${to('v1')}}]`,
      ),
    calls: [
      get('/d/2', { ...v2, headers: { 'x-by': 'inner' } }, { headers: { 'x-root': '1' } }),
      get('/d/1', { ...v1, headers: { 'x-by': 'root' } }, { headers: { 'x-root': '1' } }),
      get('/d/1', { status: 418 }),
      get('/e', { status: 418 }, { headers: { 'x-root': '1' } }),
    ],
  },
  {
    name: 'match: gateways of a match stand in for those of the resource',
    fields: ['VirtualService http[].match[].gateways'],
    yaml: object(
      'VirtualService',
      'reviews',
      `hosts: [reviews], gateways: [nowhere], http: [{match: [{gateways: [nowhere]}], ${to('v1')}}, {${to('v2')}}]`,
    ),
    calls: [
      { url: 'http://reviews:9080/', times: 60, expect: { reaches: { 'reviews-v1': 1 / 3, 'reviews-v2': 1 / 3, 'reviews-v3': 1 / 3 } } },
    ],
  },
  {
    name: 'tcp: for the labels and the namespace of the client',
    fields: ['VirtualService tcp[].match[].sourceLabels', 'VirtualService tcp[].match[].sourceNamespace'],
    yaml:
      object(
        'VirtualService',
        'two-ports',
        'hosts: [two-ports], tcp: [{match: [{sourceNamespace: other}, {sourceLabels: {app: nobody}}], route: [{destination: {host: far.other.svc.cluster.local, port: {number: 9080}}}]}, {match: [{sourceLabels: {app: client}, sourceNamespace: default}], route: [{destination: {host: ratings, port: {number: 9080}}}]}]',
      ) +
      object(
        'Sidecar',
        'client',
        'workloadSelector: {labels: {app: client}}, egress: [{port: {number: 7070, protocol: TCP, name: tcp}, bind: 127.0.0.1, hosts: ["./*"]}, {hosts: ["*/*"]}]',
      ),
    calls: [{ at: 'LOOPBACK(client):7070', url: 'http://any/', expect: { reaches: 'ratings-v1' } }],
  },
];

export const routingCases: readonly Case[] = [...retries, ...actions, ...precedence];
