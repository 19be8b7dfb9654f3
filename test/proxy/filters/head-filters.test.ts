// Filters that look at heads alone: header mutation, health checks, and filters that are off but for some routes.
import { afterEach, expect, test } from 'vitest';
import { HeaderValueOption_HeaderAppendAction as Append } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import {
  HeaderMutation,
  HeaderMutationPerRoute,
} from '#codec/protobuf/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation';
import { HealthCheck } from '#codec/protobuf/generated/envoy/extensions/filters/http/health_check/v3/health_check';
import { headerMutationType } from '#proxy/filters/http/header-mutation';
import { healthCheckType } from '#proxy/filters/http/health-check';
import { closer, cluster, forward, httpPeer, ok, route } from '../fixture.ts';
import { entry, get, perRoute, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

const add = (key: string, value: string, appendAction = Append.APPEND_IF_EXISTS_OR_ADD) =>
  ({ action: { $case: 'append', value: { header: { key, value }, appendAction } } }) as const;
const remove = (value: string) => ({ action: { $case: 'remove', value } }) as const;
const mutations = {
  requestMutations: [remove('x-a'), add('x-a', 'new'), add('x-b', '2', Append.OVERWRITE_IF_EXISTS_OR_ADD)],
  responseMutations: [add('x-r', 'down'), remove('x-secret')],
};

test('headers change in order, both ways, and a route adds its own', async () => {
  const upstream = open.add(await httpPeer(ok('ok', 'x-secret: 1\r\n')));
  const filters = perRoute(headerMutationType, HeaderMutationPerRoute, { mutations: { requestMutations: [add('x-route', 'yes')] } });
  const { send } = await startFiltered(open, {
    filters: [entry(headerMutationType, HeaderMutation, { mutations })],
    clusters: [cluster('a', [upstream.port])],
    routes: route(forward('a'), { filters }),
  });
  const answer = await send(get('/', 'x-a: old', 'x-b: 1'), 'ok');
  expect(upstream.requests[0]).toMatch(/x-a: new\r\nx-b: 2\r\nx-route: yes\r\n/);
  expect(upstream.requests[0]).not.toMatch(/old|x-b: 1/);
  expect(answer).toContain('x-r: down\r\n');
  expect(answer).not.toContain('x-secret');
});

test.each([
  { name: 'half', percent: 50, endpoints: [{}, { health: 'unhealthy' as const }], status: 200 },
  { name: 'more than half', percent: 51, endpoints: [{}, { health: 'unhealthy' as const }], status: 503 },
])('a health check asks for $name of the endpoints', async ({ percent, endpoints, status }) => {
  const upstream = open.add(await httpPeer(ok()));
  const a = cluster('a', [upstream.port, 9]);
  const config = {
    passThroughMode: false,
    clusterMinHealthyPercentages: { a: { value: percent } },
    headers: [{ name: ':path', headerMatchSpecifier: { $case: 'exactMatch', value: '/healthz' } as const }],
  };
  const { send } = await startFiltered(open, {
    filters: [entry(healthCheckType, HealthCheck, config)],
    clusters: [{ ...a, endpoints: a.endpoints.map((each, i) => ({ ...each, ...endpoints[i] })) }],
    routes: { '/': route(forward('a')) },
  });
  expect(await send(get('/healthz'))).toContain(`HTTP/1.1 ${status} `);
  expect(await send(get('/'), 'ok')).toContain('HTTP/1.1 200 ');
});

test('a filter that is off acts for routes that configure it', async () => {
  const upstream = open.add(await httpPeer(ok()));
  const off = { ...entry(headerMutationType, HeaderMutation, { mutations }), disabled: true };
  const { send } = await startFiltered(open, {
    filters: [off],
    clusters: [cluster('a', [upstream.port])],
    routes: {
      '/off': route(forward('a')),
      '/on': route(forward('a'), { filters: perRoute(headerMutationType, HeaderMutationPerRoute, {}) }),
    },
  });
  await send(get('/off', 'x-a: old'), 'ok');
  await send(get('/on', 'x-a: old'), 'ok');
  expect(upstream.requests.map((request) => /x-a: \w+/.exec(request)?.[0])).toEqual(['x-a: old', 'x-a: new']);
});
