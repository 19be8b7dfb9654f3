import { describe, expect, test } from 'vitest';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { SeededRandom } from '#foundation/random';
import { decodeRouteTable } from '#proxy/config/decode-route';
import { decoding } from '#proxy/config/findings';
import type { RoutedRequest } from '#proxy/route/route';
import type { RouteTable } from '#proxy/route/route-table';

type Config = Parameters<typeof RouteConfiguration.fromPartial>[0];
type RouteConfig = NonNullable<NonNullable<Config['virtualHosts']>[number]['routes']>[number];

function tableOf(config: Config): RouteTable {
  const decoded = decoding((findings) => decodeRouteTable(RouteConfiguration.fromPartial(config), '1', findings));
  if (!decoded.ok) throw new Error(decoded.findings.join('\n'));
  return decoded.value;
}

function request(authority: string, path: string, headers: Record<string, string> = {}, method = 'GET'): RoutedRequest {
  return { authority, path, method, scheme: 'http', header: (name) => headers[name] };
}

const to = (name: string, match: RouteConfig['match']): RouteConfig => ({
  name,
  ...(match ? { match } : {}),
  action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: name } } },
});
const prefix = (value: string): RouteConfig['match'] => ({ pathSpecifier: { $case: 'prefix', value } });
const random = new SeededRandom(1);
const routeName = (table: RouteTable, r: RoutedRequest) => table.route(r, random)?.name;

describe('virtual hosts', () => {
  const table = tableOf({
    name: 'hosts',
    virtualHosts: [
      { name: 'exact', domains: ['reviews', 'reviews:9080'], routes: [to('exact', prefix('/'))] },
      { name: 'suffix', domains: ['*.example.com'], routes: [to('suffix', prefix('/'))] },
      { name: 'longer', domains: ['*.api.example.com'], routes: [to('longer', prefix('/'))] },
      { name: 'prefix', domains: ['intern.*'], routes: [to('prefix', prefix('/'))] },
      { name: 'any', domains: ['*'], routes: [to('any', prefix('/'))] },
    ],
  });
  test.each([
    ['reviews', 'exact'],
    ['REVIEWS:9080', 'exact'],
    ['reviews:80', 'any'],
    ['www.example.com', 'suffix'],
    ['v1.api.example.com', 'longer'],
    ['.example.com', 'any'],
    ['intern.net', 'prefix'],
    ['elsewhere', 'any'],
  ])('%s is answered by %s', (authority, expected) => {
    expect(routeName(table, request(authority, '/'))).toBe(expected);
  });
});

const headers = (...list: NonNullable<NonNullable<RouteConfig['match']>['headers']>): RouteConfig['match'] => ({
  ...prefix('/'),
  headers: list,
});
const matches: [string, RouteConfig['match'], RoutedRequest, boolean][] = [
  ['a prefix', prefix('/api'), request('a', '/apis?x=1'), true],
  ['a prefix that differs', prefix('/api'), request('a', '/ap'), false],
  ['an exact path without its query', { pathSpecifier: { $case: 'path', value: '/a' } }, request('a', '/a?b=c'), true],
  ['an exact path that goes on', { pathSpecifier: { $case: 'path', value: '/a' } }, request('a', '/a/b'), false],
  ['an exact path in another case', { pathSpecifier: { $case: 'path', value: '/A' }, caseSensitive: false }, request('a', '/a'), true],
  ['a separated prefix', { pathSpecifier: { $case: 'pathSeparatedPrefix', value: '/a' } }, request('a', '/a/b'), true],
  ['a separated prefix in mid-word', { pathSpecifier: { $case: 'pathSeparatedPrefix', value: '/a' } }, request('a', '/ab'), false],
  ['a regex, whole', { pathSpecifier: { $case: 'safeRegex', value: { regex: '/v[0-9]+' } } }, request('a', '/v12'), true],
  ['a regex, in part only', { pathSpecifier: { $case: 'safeRegex', value: { regex: '/v[0-9]+' } } }, request('a', '/v12/x'), false],
  // By backtracking this would take longer than the universe has been.
  [
    'a regex, at any length',
    { pathSpecifier: { $case: 'safeRegex', value: { regex: '/(a+)+b' } } },
    request('a', `/${'a'.repeat(8_000)}`),
    false,
  ],
  ['a regex with RE2 flags', { pathSpecifier: { $case: 'safeRegex', value: { regex: '(?i)/V[[:digit:]]' } } }, request('a', '/v1'), true],
  [
    'a header',
    headers({ name: 'End-User', headerMatchSpecifier: { $case: 'exactMatch', value: 'jason' } }),
    request('a', '/', { 'end-user': 'jason' }),
    true,
  ],
  [
    'an absent header',
    headers({ name: 'end-user', headerMatchSpecifier: { $case: 'exactMatch', value: 'jason' } }),
    request('a', '/'),
    false,
  ],
  [
    'a header that must be absent',
    headers({ name: 'x', headerMatchSpecifier: { $case: 'presentMatch', value: false } }),
    request('a', '/'),
    true,
  ],
  [
    'not this value',
    headers({ name: 'x', invertMatch: true, headerMatchSpecifier: { $case: 'exactMatch', value: '1' } }),
    request('a', '/', { x: '2' }),
    true,
  ],
  [
    'not this value, and absent',
    headers({ name: 'x', invertMatch: true, headerMatchSpecifier: { $case: 'exactMatch', value: '1' } }),
    request('a', '/'),
    false,
  ],
  [
    'a number in a range',
    headers({ name: 'x', headerMatchSpecifier: { $case: 'rangeMatch', value: { start: 1, end: 3 } } }),
    request('a', '/', { x: '2' }),
    true,
  ],
  [
    'a number at its end',
    headers({ name: 'x', headerMatchSpecifier: { $case: 'rangeMatch', value: { start: 1, end: 3 } } }),
    request('a', '/', { x: '3' }),
    false,
  ],
  [
    'a method',
    headers({ name: ':method', headerMatchSpecifier: { $case: 'exactMatch', value: 'POST' } }),
    request('a', '/', {}, 'POST'),
    true,
  ],
  [
    'a query parameter',
    {
      ...prefix('/'),
      queryParameters: [
        { name: 'q', queryParameterMatchSpecifier: { $case: 'stringMatch', value: { matchPattern: { $case: 'exact', value: '1' } } } },
      ],
    },
    request('a', '/?p=0&q=1#f'),
    true,
  ],
  [
    'a query parameter that is not there',
    { ...prefix('/'), queryParameters: [{ name: 'q', queryParameterMatchSpecifier: { $case: 'presentMatch', value: true } }] },
    request('a', '/?p=q'),
    false,
  ],
  ['CONNECT by a connect matcher', { pathSpecifier: { $case: 'connectMatcher', value: {} } }, request('db:3306', '', {}, 'CONNECT'), true],
  ['CONNECT by a prefix', prefix('/'), request('db:3306', '', {}, 'CONNECT'), false],
  ['nothing of no request', { ...prefix('/'), runtimeFraction: { defaultValue: { numerator: 0 } } }, request('a', '/'), false],
];

test.each(matches)('match: %s', (_what, match, r, expected) => {
  const table = tableOf({ name: 't', virtualHosts: [{ name: 'h', domains: ['*'], routes: [to('hit', match)] }] });
  expect(table.route(r, random) !== undefined).toBe(expected);
});

test('the first route that matches wins', () => {
  const table = tableOf({
    name: 't',
    virtualHosts: [{ name: 'h', domains: ['*'], routes: [to('a', prefix('/a')), to('rest', prefix('/')), to('never', prefix('/'))] }],
  });
  expect(routeName(table, request('x', '/a'))).toBe('a');
  expect(routeName(table, request('x', '/b'))).toBe('rest');
});

const action = (config: RouteConfig['action'], match = prefix('/')): RouteConfig => ({
  name: 'r',
  ...(match ? { match } : {}),
  ...(config ? { action: config } : {}),
});

test.each<[string, RouteConfig, RoutedRequest, string]>([
  [
    'https',
    action({ $case: 'redirect', value: { schemeRewriteSpecifier: { $case: 'httpsRedirect', value: true } } }),
    request('a.com:80', '/x?y'),
    'https://a.com/x?y',
  ],
  [
    'host and path',
    action({ $case: 'redirect', value: { hostRedirect: 'b.com', pathRewriteSpecifier: { $case: 'pathRedirect', value: '/z' } } }),
    request('a.com', '/x?y'),
    'http://b.com/z?y',
  ],
  ['port', action({ $case: 'redirect', value: { portRedirect: 8443 } }), request('a.com:80', '/x'), 'http://a.com:8443/x'],
  [
    'prefix',
    action(
      { $case: 'redirect', value: { pathRewriteSpecifier: { $case: 'prefixRewrite', value: '/new' }, stripQuery: true } },
      prefix('/old'),
    ),
    request('a', '/old/x?y'),
    'http://a/new/x',
  ],
])('redirect: %s', (_what, config, r, location) => {
  const route = tableOf({ name: 't', virtualHosts: [{ name: 'h', domains: ['*'], routes: [config] }] }).route(r, random);
  expect(route?.action.kind === 'redirect' && route.action.location(r)).toBe(location);
});

test.each<[string, RouteConfig, string, string]>([
  [
    'prefix',
    {
      ...action(undefined, prefix('/old/')),
      action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'c' }, prefixRewrite: '/' } },
    },
    '/old/a?b',
    '/a?b',
  ],
  [
    'regex with a group',
    action({
      $case: 'route',
      value: {
        clusterSpecifier: { $case: 'cluster', value: 'c' },
        regexRewrite: { pattern: { regex: '^/user/([0-9]+)' }, substitution: '/u$/\\1' },
      },
    }),
    '/user/12/x?y=/user/3',
    '/u$/12/x?y=/user/3',
  ],
])('rewrite: %s', (_what, config, from, expected) => {
  const route = tableOf({ name: 't', virtualHosts: [{ name: 'h', domains: ['*'], routes: [config] }] }).route(request('a', from), random);
  expect(route?.action.kind === 'forward' && route.action.path?.(from)).toBe(expected);
});

test.each<[string, Config, RegExp]>([
  [
    'a path specifier that is not known',
    { virtualHosts: [{ name: 'h', domains: ['*'], routes: [action({ $case: 'directResponse', value: { status: 200 } }, {})] }] },
    /virtual_hosts\[0\]\.routes\[0\]\.match: path specifier is missing/,
  ],
  [
    'a regex that does not compile',
    { virtualHosts: [{ name: 'h', domains: ['*'], routes: [to('r', { pathSpecifier: { $case: 'safeRegex', value: { regex: '(' } } })] }] },
    /match: missing closing \): `\(`/,
  ],
  [
    'a domain twice',
    {
      virtualHosts: [
        { name: 'a', domains: ['x'], routes: [] },
        { name: 'b', domains: ['X'], routes: [] },
      ],
    },
    /virtual_hosts\[1\]\.domains: X is in another/,
  ],
  [
    'weights of nought',
    {
      virtualHosts: [
        {
          name: 'h',
          domains: ['*'],
          routes: [
            action({
              $case: 'route',
              value: { clusterSpecifier: { $case: 'weightedClusters', value: { clusters: [{ name: 'a', weight: 0 }] } } },
            }),
          ],
        },
      ],
    },
    /weighted_clusters: the weights add up to 0/,
  ],
  [
    'a status out of range',
    { virtualHosts: [{ name: 'h', domains: ['*'], routes: [action({ $case: 'directResponse', value: { status: 700 } })] }] },
    /direct_response\.status: 700/,
  ],
  [
    'an unknown filter',
    {
      virtualHosts: [
        {
          name: 'h',
          domains: ['*'],
          routes: [
            { ...to('r', prefix('/')), typedPerFilterConfig: { 'envoy.filters.http.lua': { typeUrl: 'x', value: Buffer.alloc(0) } } },
          ],
        },
      ],
    },
    /filter envoy\.filters\.http\.lua is not known by x/,
  ],
])('refused: %s', (_what, config, expected) => {
  const decoded = decoding((findings) => decodeRouteTable(RouteConfiguration.fromPartial({ name: 't', ...config }), '1', findings));
  expect(decoded.ok).toBe(false);
  expect(decoded.ok ? '' : decoded.findings.join('\n')).toMatch(expected);
});
