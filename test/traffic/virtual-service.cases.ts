// What every field of a VirtualService does to traffic.
import type { Case, Expectation, Outcome } from './case.ts';

const url = 'http://reviews:9080';
const v1: Outcome = { reaches: 'reviews-v1' };
const v2: Outcome = { reaches: 'reviews-v2' };
const v3: Outcome = { reaches: 'reviews-v3' };

const counterOf = (what: string) => `vhost.reviews.default.svc.cluster.local:9080.route.mine.upstream_rq_${what}`;
const get = (path: string, expect: Outcome, more: Partial<Expectation> = {}): Expectation => ({ url: `${url}${path}`, expect, ...more });
const to = (subset: string) => `route: [{destination: {host: reviews, subset: ${subset}}}]`;

/** Rules for reviews, as YAML in flow style. */
const reviews = (...rules: string[]) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
${rules.map((rule) => `  - {${rule}}`).join('\n')}
`;

/** A match that leads to v2, before a rest that goes to v1. */
const matching = (match: string) => reviews(`match: [{${match}}], ${to('v2')}`, to('v1'));

const matches: Case[] = [
  {
    name: 'uri: exact',
    fields: ['VirtualService http[].match[].uri.exact'],
    yaml: matching('uri: {exact: /a/b}'),
    calls: [get('/a/b', v2), get('/a/b?q=1', v2), get('/a/b/', v1), get('/a/B', v1), get('/a', v1)],
  },
  {
    name: 'uri: prefix',
    fields: ['VirtualService http[].match[].uri.prefix'],
    yaml: matching('uri: {prefix: /a}'),
    calls: [get('/a', v2), get('/ab/c', v2), get('/b', v1)],
  },
  {
    name: 'uri: regex, as a whole',
    fields: ['VirtualService http[].match[].uri.regex'],
    yaml: matching('uri: {regex: "/a[0-9]+"}'),
    calls: [get('/a12', v2), get('/a', v1), get('/a12/b', v1)],
  },
  {
    name: 'ignoreUriCase',
    fields: ['VirtualService http[].match[].ignoreUriCase'],
    yaml: matching('uri: {prefix: /Path}, ignoreUriCase: true'),
    calls: [get('/pATH/x', v2), get('/pat', v1)],
  },
  {
    name: 'scheme',
    fields: [
      'VirtualService http[].match[].scheme.exact',
      'VirtualService http[].match[].scheme.prefix',
      'VirtualService http[].match[].scheme.regex',
    ],
    yaml: reviews(
      `match: [{uri: {exact: /exact}, scheme: {exact: https}}, {uri: {exact: /prefix}, scheme: {prefix: httpsx}}, {uri: {exact: /regex}, scheme: {regex: "h.*p"}}], ${to('v2')}`,
      to('v1'),
    ),
    calls: [get('/exact', v1), get('/prefix', v1), get('/regex', v2)],
  },
  {
    name: 'method',
    fields: [
      'VirtualService http[].match[].method.exact',
      'VirtualService http[].match[].method.prefix',
      'VirtualService http[].match[].method.regex',
    ],
    yaml: reviews(`match: [{method: {exact: POST}}, {method: {prefix: PU}}, {method: {regex: "DEL|OPT.*"}}], ${to('v2')}`, to('v1')),
    calls: [get('/', v1), get('/', v2, { method: 'POST' }), get('/', v2, { method: 'PUT' }), get('/', v2, { method: 'OPTIONS' })],
  },
  {
    name: 'authority',
    fields: [
      'VirtualService http[].match[].authority.exact',
      'VirtualService http[].match[].authority.prefix',
      'VirtualService http[].match[].authority.regex',
    ],
    yaml: reviews(
      `match: [{authority: {exact: "reviews.default:9080"}}, {authority: {prefix: "reviews.default.svc:"}}, {authority: {regex: ".*local.*"}}], ${to('v2')}`,
      to('v1'),
    ),
    calls: [
      get('/', v1),
      { url: 'http://reviews.default:9080/', expect: v2 },
      { url: 'http://reviews.default.svc:9080/', expect: v2 },
      { url: 'http://reviews.default.svc.cluster.local:9080/', expect: v2 },
    ],
  },
  {
    name: 'headers: the authority, under either of its names',
    fields: ['VirtualService http[].match[].headers.*.exact'],
    yaml: reviews(
      `match: [{headers: {":authority": {exact: "reviews.default:9080"}}}, {headers: {host: {exact: "reviews.default.svc:9080"}}}], ${to('v2')}`,
      to('v1'),
    ),
    calls: [get('/', v1), { url: 'http://reviews.default:9080/', expect: v2 }, { url: 'http://reviews.default.svc:9080/', expect: v2 }],
  },
  {
    name: 'headers: exact, prefix, regex, and merely there',
    fields: [
      'VirtualService http[].match[].headers.*.exact',
      'VirtualService http[].match[].headers.*.prefix',
      'VirtualService http[].match[].headers.*.regex',
    ],
    yaml: reviews(
      `match: [{headers: {x-user: {exact: jason}}}, {headers: {x-role: {prefix: adm}}}, {headers: {x-age: {regex: "[0-9]{2}"}}}, {headers: {x-any: {}}}], ${to('v2')}`,
      to('v1'),
    ),
    calls: [
      get('/', v1),
      get('/', v2, { headers: { 'x-user': 'jason' } }),
      get('/', v1, { headers: { 'x-user': 'Jason' } }),
      get('/', v2, { headers: { 'x-role': 'admin' } }),
      get('/', v2, { headers: { 'x-age': '42' } }),
      get('/', v1, { headers: { 'x-age': '142' } }),
      get('/', v2, { headers: { 'x-any': 'thing' } }),
    ],
  },
  {
    name: 'all conditions of a match hold together, one match is enough',
    fields: ['VirtualService http[].match[].headers.*.exact'],
    yaml: reviews(`match: [{uri: {prefix: /a}, headers: {x-user: {exact: jason}}}, {uri: {exact: /b/b}}], ${to('v2')}`, to('v1')),
    calls: [
      get('/a', v1),
      get('/a', v2, { headers: { 'x-user': 'jason' } }),
      get('/b/b', v2),
      get('/c', v1, { headers: { 'x-user': 'jason' } }),
    ],
  },
  {
    name: 'withoutHeaders',
    fields: [
      'VirtualService http[].match[].withoutHeaders.*.exact',
      'VirtualService http[].match[].withoutHeaders.*.prefix',
      'VirtualService http[].match[].withoutHeaders.*.regex',
    ],
    yaml: reviews(
      `match: [{uri: {exact: /e}, withoutHeaders: {x-user: {exact: jason}}}, {uri: {exact: /p}, withoutHeaders: {x-user: {prefix: ja}}}, {uri: {exact: /r}, withoutHeaders: {x-user: {regex: "j.*"}}}, {uri: {exact: /n}, withoutHeaders: {x-user: {}}}], ${to('v2')}`,
      to('v1'),
    ),
    calls: ['/e', '/p', '/r', '/n'].flatMap((path) => [get(path, v2), get(path, v1, { headers: { 'x-user': 'jason' } })]),
  },
  {
    name: 'queryParams',
    fields: [
      'VirtualService http[].match[].queryParams.*.exact',
      'VirtualService http[].match[].queryParams.*.prefix',
      'VirtualService http[].match[].queryParams.*.regex',
    ],
    yaml: reviews(
      `match: [{queryParams: {e: {exact: "1"}}}, {queryParams: {p: {prefix: "1"}}}, {queryParams: {r: {regex: "[0-9]"}}}], ${to('v2')}`,
      to('v1'),
    ),
    calls: [get('/', v1), get('/?e=1', v2), get('/?e=2', v1), get('/?p=12', v2), get('/?r=7', v2), get('/?r=77', v1)],
  },
  {
    name: 'port',
    fields: ['VirtualService http[].match[].port'],
    yaml: reviews(`match: [{port: 9080}], ${to('v2')}`, `match: [{port: 80}], ${to('v3')}`, to('v1')),
    calls: [get('/', v2)],
  },
  {
    name: 'sourceLabels',
    fields: ['VirtualService http[].match[].sourceLabels'],
    yaml: reviews(`match: [{sourceLabels: {app: client}}], ${to('v2')}`, to('v1')),
    calls: [get('/', v2), { url: 'http://reviews.default:9080/', from: 'stranger', expect: v1 }],
  },
  {
    name: 'sourceNamespace',
    fields: ['VirtualService http[].match[].sourceNamespace'],
    yaml: matching('sourceNamespace: other'),
    calls: [get('/', v1), { url: 'http://reviews.default:9080/', from: 'stranger', expect: v2 }],
  },
  {
    name: 'statPrefix: answers are counted by themselves',
    fields: ['VirtualService http[].match[].statPrefix'],
    yaml: reviews(`match: [{uri: {prefix: /a}, statPrefix: mine}], ${to('v2')}`, to('v1')),
    calls: [
      get('/a', v2, { times: 3 }),
      get('/b', {
        ...v1,
        counted: { [counterOf('completed')]: 3, [counterOf('2xx')]: 3, [counterOf('200')]: 3, [counterOf('5xx')]: undefined },
      }),
    ],
  },
  {
    name: 'the first rule that matches has it; none: 404',
    fields: ['VirtualService http[].name', 'VirtualService http[].match[].name'],
    yaml: reviews(
      `name: first, match: [{name: a, uri: {prefix: /a}}], ${to('v1')}`,
      `name: second, match: [{uri: {prefix: /a/b}}, {uri: {prefix: /c}}], ${to('v2')}`,
    ),
    calls: [get('/a/b', v1), get('/c', v2), get('/d', { status: 404 })],
  },
];

const actions: Case[] = [
  {
    name: 'route: weights',
    fields: [
      'VirtualService http[].route[].weight',
      'VirtualService http[].route[].destination.host',
      'VirtualService http[].route[].destination.subset',
    ],
    yaml: reviews(
      `route: [{destination: {host: reviews, subset: v1}, weight: 75}, {destination: {host: reviews, subset: v2}, weight: 25}, {destination: {host: reviews, subset: v3}, weight: 0}]`,
    ),
    calls: [get('/', { reaches: { 'reviews-v1': 0.75, 'reviews-v2': 0.25 } }, { times: 10_000, deviations: 0 })],
  },
  {
    name: 'route: another service, its port',
    fields: ['VirtualService http[].route[].destination.port.number'],
    yaml: reviews('route: [{destination: {host: ratings, port: {number: 9080}}}]'),
    calls: [get('/', { reaches: 'ratings-v1', headers: { host: 'reviews:9080' } })],
  },
  {
    name: 'headers of a rule and of a destination: set, add, remove, both ways',
    fields: [
      'VirtualService http[].headers.request.set',
      'VirtualService http[].headers.request.add',
      'VirtualService http[].headers.request.remove',
      'VirtualService http[].headers.response.set',
      'VirtualService http[].headers.response.add',
      'VirtualService http[].headers.response.remove',
      'VirtualService http[].route[].headers.request.set',
      'VirtualService http[].route[].headers.request.add',
      'VirtualService http[].route[].headers.request.remove',
      'VirtualService http[].route[].headers.response.set',
      'VirtualService http[].route[].headers.response.add',
      'VirtualService http[].route[].headers.response.remove',
    ],
    yaml: reviews(
      `headers: {request: {set: {x-set: rule}, add: {x-add: rule}, remove: [x-gone]}, response: {set: {x-set: rule}, add: {x-add: rule}, remove: [x-echo-none]}},
     route: [{destination: {host: reviews, subset: v1}, weight: 100, headers: {request: {set: {x-set-2: route}, add: {x-add: route}, remove: [x-gone-2]}, response: {set: {x-set-2: route}, add: {x-add: route}, remove: [content-type]}}}]`,
    ),
    calls: [
      get(
        '/',
        {
          headers: { 'x-set': 'rule', 'x-set-2': 'route', 'x-add': 'mine, rule, route', 'x-gone': undefined, 'x-gone-2': undefined },
          responseHeaders: { 'x-set': 'rule', 'x-set-2': 'route', 'x-add': 'rule, route', 'content-type': undefined },
        },
        { headers: { 'x-set': 'mine', 'x-add': 'mine', 'x-gone': 'mine', 'x-gone-2': 'mine' } },
      ),
    ],
  },
  {
    name: 'redirect: uri, authority, code',
    fields: [
      'VirtualService http[].redirect.uri',
      'VirtualService http[].redirect.authority',
      'VirtualService http[].redirect.redirectCode',
    ],
    yaml: reviews('redirect: {uri: /new, authority: other.example.com, redirectCode: 308}'),
    calls: [get('/old', { status: 308, responseHeaders: { location: 'http://other.example.com/new' } })],
  },
  {
    name: 'redirect: scheme, port',
    fields: ['VirtualService http[].redirect.scheme', 'VirtualService http[].redirect.port'],
    yaml: reviews('redirect: {scheme: https, port: 8443}'),
    calls: [get('/p?q=1', { status: 301, responseHeaders: { location: 'https://reviews:8443/p?q=1' } })],
  },
  {
    name: 'redirect: derivePort',
    fields: ['VirtualService http[].redirect.derivePort'],
    yaml: reviews(
      'match: [{uri: {exact: /default}}], redirect: {authority: other.example.com, derivePort: FROM_PROTOCOL_DEFAULT}',
      'redirect: {authority: other.example.com, derivePort: FROM_REQUEST_PORT}',
    ),
    calls: [
      get('/default', { status: 301, responseHeaders: { location: 'http://other.example.com/default' } }),
      get('/request', { status: 301, responseHeaders: { location: 'http://other.example.com:9080/request' } }),
    ],
  },
  {
    name: 'directResponse',
    fields: [
      'VirtualService http[].directResponse.status',
      'VirtualService http[].directResponse.body.string',
      'VirtualService http[].directResponse.body.bytes',
    ],
    yaml: reviews(
      'match: [{uri: {exact: /s/t}}], directResponse: {status: 418, body: {string: teapot}}',
      'directResponse: {status: 503, body: {bytes: aGVsbG8=}}',
    ),
    calls: [get('/s/t', { status: 418, body: 'teapot' }), get('/b', { status: 503, body: 'hello' })],
  },
  {
    name: 'rewrite: uri and authority',
    fields: ['VirtualService http[].rewrite.uri', 'VirtualService http[].rewrite.authority'],
    yaml: reviews(`match: [{uri: {prefix: /old}}], rewrite: {uri: /new, authority: inner.example.com}, ${to('v1')}`),
    calls: [get('/old/a?q=1', { url: '/new/a?q=1', headers: { host: 'inner.example.com' } })],
  },
  {
    name: 'rewrite: uriRegexRewrite',
    fields: ['VirtualService http[].rewrite.uriRegexRewrite.match', 'VirtualService http[].rewrite.uriRegexRewrite.rewrite'],
    yaml: reviews(`rewrite: {uriRegexRewrite: {match: "/users/([0-9]+)", rewrite: "/people/\\\\1"}}, ${to('v1')}`),
    calls: [get('/users/42?q=1', { url: '/people/42?q=1' })],
  },
  {
    name: 'timeout',
    fields: ['VirtualService http[].timeout'],
    yaml: reviews('timeout: 50ms, route: [{destination: {host: silent}}]'),
    calls: [get('/', { status: 504 })],
  },
  {
    name: 'retries: as many attempts as asked for',
    fields: ['VirtualService http[].retries.attempts', 'VirtualService http[].retries.retryOn', 'VirtualService http[].retries.backoff'],
    yaml: reviews('retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}, route: [{destination: {host: failing}}]'),
    calls: [get('/', { status: 503, body: 'failing' })],
  },
  {
    name: 'retries: another host than the last, each with a timeout of its own',
    fields: ['VirtualService http[].retries.perTryTimeout'],
    yaml: reviews('retries: {attempts: 1, perTryTimeout: 50ms, retryOn: gateway-error}, route: [{destination: {host: silent}}]'),
    calls: [get('/', { status: 504 })],
  },
  {
    name: 'fault: abort',
    fields: ['VirtualService http[].fault.abort.httpStatus', 'VirtualService http[].fault.abort.percentage.value'],
    yaml: reviews(
      `match: [{uri: {exact: /all/calls}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, ${to('v1')}`,
      `fault: {abort: {httpStatus: 418, percentage: {value: 0}}}, ${to('v1')}`,
    ),
    calls: [get('/all/calls', { status: 418 }), get('/none', v1)],
  },
  {
    name: 'fault: delay',
    fields: ['VirtualService http[].fault.delay.fixedDelay', 'VirtualService http[].fault.delay.percentage.value'],
    yaml: reviews(`timeout: 40ms, fault: {delay: {fixedDelay: 80ms, percentage: {value: 100}}}, ${to('v1')}`),
    // The delay goes before the timeout, which is the route's.
    calls: [get('/', v1)],
  },
];

const cors = (more = '') =>
  reviews(
    `corsPolicy: {allowOrigins: [{exact: "http://exact.example"}, {prefix: "http://prefix"}, {regex: "http://[a-z]+[.]regex"}], allowMethods: [GET, PUT], allowHeaders: [x-in], exposeHeaders: [x-out], maxAge: 60s, allowCredentials: true${more}}, ${to('v1')}`,
  );
const preflight = (origin: string) => ({ method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } });

const later: Case[] = [
  {
    name: 'redirect: prefixRewrite',
    fields: ['VirtualService http[].redirect.prefixRewrite'],
    yaml: reviews('match: [{uri: {prefix: /old}}], redirect: {prefixRewrite: /new}'),
    calls: [get('/old/a?q=1', { status: 301, responseHeaders: { location: 'http://reviews:9080/new/a?q=1' } })],
  },
  {
    name: 'corsPolicy: preflights are answered, and answers say who may read them',
    fields: [
      'VirtualService http[].corsPolicy.allowOrigins[].exact',
      'VirtualService http[].corsPolicy.allowOrigins[].prefix',
      'VirtualService http[].corsPolicy.allowOrigins[].regex',
      'VirtualService http[].corsPolicy.allowMethods',
      'VirtualService http[].corsPolicy.allowHeaders',
      'VirtualService http[].corsPolicy.exposeHeaders',
      'VirtualService http[].corsPolicy.maxAge',
      'VirtualService http[].corsPolicy.allowCredentials',
    ],
    yaml: cors(),
    calls: [
      ...['http://exact.example', 'http://prefix.example', 'http://abc.regex'].map((origin) =>
        get(
          '/',
          {
            responseHeaders: {
              'access-control-allow-origin': origin,
              'access-control-allow-methods': 'GET,PUT',
              'access-control-allow-headers': 'x-in',
              'access-control-max-age': '60',
              'access-control-allow-credentials': 'true',
            },
          },
          preflight(origin),
        ),
      ),
      get(
        '/',
        { ...v1, responseHeaders: { 'access-control-allow-origin': 'http://exact.example', 'access-control-expose-headers': 'x-out' } },
        { headers: { origin: 'http://exact.example' } },
      ),
      get('/', { ...v1, responseHeaders: { 'access-control-allow-origin': undefined } }, { headers: { origin: 'http://other.example' } }),
    ],
  },
  {
    name: 'corsPolicy: unmatchedPreflights',
    fields: ['VirtualService http[].corsPolicy.unmatchedPreflights'],
    yaml: cors(', unmatchedPreflights: IGNORE'),
    calls: [get('/', { status: 200, body: '', responseHeaders: { 'x-echo': undefined } }, preflight('http://other.example'))],
  },
  {
    name: 'delegate',
    fields: ['VirtualService http[].delegate.name', 'VirtualService http[].delegate.namespace'],
    yaml: `${reviews('match: [{uri: {prefix: /d}}], delegate: {name: inner, namespace: other}', to('v1'))}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: inner, namespace: other}
spec:
  http:
  - {match: [{uri: {prefix: /d/3}}], route: [{destination: {host: reviews.default.svc.cluster.local, subset: v3}}]}
  - {route: [{destination: {host: reviews.default.svc.cluster.local, subset: v2}}]}
`,
    calls: [get('/d/3', v3), get('/d', v2), get('/', v1)],
  },
  {
    name: 'mirror: a copy goes to another service, and its answer nowhere',
    fields: [
      'VirtualService http[].mirror.host',
      'VirtualService http[].mirror.subset',
      'VirtualService http[].mirror.port.number',
      'VirtualService http[].mirrorPercentage.value',
    ],
    yaml: reviews(`mirror: {host: reviews, subset: v2, port: {number: 9080}}, mirrorPercentage: {value: 100}, ${to('v1')}`),
    calls: [get('/copied', { ...v1, copies: ['reviews-v2'] }, { method: 'POST', body: 'hello' })],
  },
  {
    name: 'mirrors: several, each with its percentage',
    fields: [
      'VirtualService http[].mirrors[].destination.host',
      'VirtualService http[].mirrors[].destination.subset',
      'VirtualService http[].mirrors[].destination.port.number',
      'VirtualService http[].mirrors[].percentage.value',
    ],
    yaml: reviews(
      `mirrors: [{destination: {host: reviews, subset: v2, port: {number: 9080}}, percentage: {value: 100}}, {destination: {host: ratings}}, {destination: {host: reviews, subset: v3}, percentage: {value: 0}}], ${to('v1')}`,
    ),
    calls: [get('/copied', { ...v1, copies: ['ratings-v1', 'reviews-v2'] })],
  },
  {
    name: 'fault: a gRPC status',
    fields: ['VirtualService http[].fault.abort.grpcStatus'],
    yaml: reviews(`fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}, ${to('v1')}`),
    calls: [
      get(
        '/',
        { status: 200, responseHeaders: { 'grpc-status': '14' } },
        { method: 'POST', headers: { 'content-type': 'application/grpc' } },
      ),
      get('/', { status: 503 }),
    ],
  },
  {
    name: 'retries: another host than the one that failed',
    fields: ['VirtualService http[].retries.retryIgnorePreviousHosts'],
    yaml: reviews(
      'retries: {attempts: 3, retryOn: 5xx, backoff: 1ms, retryIgnorePreviousHosts: true}, route: [{destination: {host: half}}]',
    ),
    calls: [get('/', { reaches: 'half-good' }, { times: 20 })],
  },
];

const binding: Case[] = [
  {
    name: 'hosts: a wildcard, the more specific first',
    fields: ['VirtualService hosts'],
    yaml: `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wild, namespace: default}
spec: {hosts: ["*.example.com"], http: [{${to('v2')}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: exact, namespace: default}
spec: {hosts: [a.example.com], http: [{${to('v3')}}]}
`,
    calls: [
      { url: 'http://b.example.com/', expect: v2 },
      { url: 'http://a.example.com/', expect: v3 },
    ],
  },
  {
    name: 'exportTo',
    fields: ['VirtualService exportTo'],
    yaml: reviews(to('v2')).replace('  http:', '  exportTo: ["."]\n  http:'),
    calls: [
      get('/', v2),
      {
        url: 'http://reviews.default:9080/',
        from: 'stranger',
        times: 30,
        expect: { reaches: { 'reviews-v1': 1 / 3, 'reviews-v2': 1 / 3, 'reviews-v3': 1 / 3 } },
      },
    ],
  },
  {
    name: 'gateways: of the resource, and of a match',
    fields: ['VirtualService gateways', 'VirtualService http[].match[].gateways'],
    yaml: `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  gateways: [edge, mesh]
  http:
  - {match: [{gateways: [mesh]}], ${to('v2')}}
  - {${to('v3')}}
`,
    calls: [get('/', v2), { via: 'gateway', url: 'http://reviews.default.svc.cluster.local:8000/', expect: v3 }],
  },
];

export const virtualServiceCases: readonly Case[] = [...matches, ...actions, ...later, ...binding];
