// CORS as browsers meet it: preflights, simple requests, origins that are not allowed.
import { afterEach, expect, test } from 'vitest';
import { CorsPolicy } from '#codec/protobuf/generated/envoy/extensions/filters/http/cors/v3/cors';
import { corsType } from '#proxy/filters/http/cors';
import { configured } from '#proxy/http/http-filter';
import { closer, cluster, forward, httpPeer, ok, route } from '../fixture.ts';
import { get, perRoute, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

const exact = (value: string) => ({ matchPattern: { $case: 'exact', value } as const });
const policy = {
  allowOriginStringMatch: [
    exact('https://a.test'),
    { matchPattern: { $case: 'prefix', value: 'https://pre.' } as const },
    { matchPattern: { $case: 'safeRegex', value: { regex: 'https://[a-z]+\\.regex\\.test' } } as const },
  ],
  allowMethods: 'GET,POST',
  allowHeaders: 'x-a,x-b',
  exposeHeaders: 'x-c',
  maxAge: '86400',
  allowCredentials: true,
};
const preflight = (origin: string) => get('/', `origin: ${origin}`, 'access-control-request-method: POST').replace('GET', 'OPTIONS');

async function start(value: Parameters<typeof CorsPolicy.fromPartial>[0]) {
  const upstream = open.add(await httpPeer(ok('served;')));
  const { send, proxy } = await startFiltered(open, {
    filters: [configured(corsType, 'filter', undefined)],
    clusters: [cluster('a', [upstream.port])],
    routes: route(forward('a'), { filters: perRoute(corsType, CorsPolicy, value) }),
  });
  return { send, proxy, upstream };
}

test.each([['https://a.test'], ['https://pre.any'], ['https://x.regex.test']])('a preflight of %s is answered', async (origin) => {
  const { send, proxy, upstream } = await start(policy);
  const answer = await send(preflight(origin));
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  for (const line of [
    `access-control-allow-origin: ${origin}`,
    'access-control-allow-methods: GET,POST',
    'access-control-allow-headers: x-a,x-b',
    'access-control-max-age: 86400',
    'access-control-allow-credentials: true',
  ]) {
    expect(answer).toContain(`${line}\r\n`);
  }
  expect(upstream.requests).toEqual([]);
  expect(await proxy.logged(1)).toMatchObject([{ details: 'cors_response' }]);
});

test.each([
  { name: 'unmatched preflights go on by default', forwardNotMatchingPreflights: undefined, forwarded: 1 },
  { name: 'unmatched preflights are answered without CORS', forwardNotMatchingPreflights: false, forwarded: 0 },
])('$name', async ({ forwardNotMatchingPreflights, forwarded }) => {
  const { send, upstream } = await start({ ...policy, forwardNotMatchingPreflights });
  const answer = await send(preflight('https://evil.test'));
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(answer).not.toContain('access-control');
  expect(upstream.requests.length).toBe(forwarded);
});

test.each([
  { name: 'an allowed origin may read', value: policy, origin: 'https://a.test', may: true },
  { name: 'another may not', value: policy, origin: 'https://b.test', may: false },
  { name: 'a star takes every origin', value: { allowOriginStringMatch: [exact('*')] }, origin: 'https://b.test', may: true },
  {
    name: 'a filter that is off says nothing',
    value: { ...policy, filterEnabled: { defaultValue: { numerator: 0 } } },
    origin: 'https://a.test',
    may: false,
  },
])('$name', async ({ value, origin, may }) => {
  const { send } = await start(value);
  const answer = await send(get('/', `origin: ${origin}`), 'served;');
  expect(answer.includes(`access-control-allow-origin: ${origin}\r\n`)).toBe(may);
  expect(answer.includes('access-control-expose-headers: x-c\r\n')).toBe(may && 'exposeHeaders' in value);
});
