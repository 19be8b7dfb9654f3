// Filters that ask services: external authorization over gRPC and HTTP, and the rate limit service. With grpc-js as the services.
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { RouteAction } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { ExtAuthz, ExtAuthzPerRoute } from '#codec/protobuf/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz';
import { RateLimit } from '#codec/protobuf/generated/envoy/extensions/filters/http/ratelimit/v3/rate_limit';
import { AuthorizationService, type CheckRequest, CheckResponse } from '#codec/protobuf/generated/envoy/service/auth/v3/external_auth';
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequest,
  RateLimitResponse,
  RateLimitServiceService,
} from '#codec/protobuf/generated/envoy/service/ratelimit/v3/rls';
import { decodeRateLimits } from '#proxy/config/decode-rate-limits';
import { Findings } from '#proxy/config/findings';
import { extAuthzType } from '#proxy/filters/http/ext-authz';
import { rateLimitType } from '#proxy/filters/http/ratelimit';
import { Client, closer, cluster, forward, httpPeer, ok, Peer, route } from '../fixture.ts';
import { entry, findingsOf, get, perRoute, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

async function serve<T extends grpc.UntypedServiceImplementation>(definition: grpc.ServiceDefinition<T>, handlers: T): Promise<number> {
  const server = new grpc.Server();
  server.addService(definition, handlers);
  open.add({ close: () => server.forceShutdown() });
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
  );
}

const grpcService = { targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: 'service' } }, timeout: { seconds: 5 } } as const;
const serviceCluster = (port: number) => cluster('service', [port], { protocol: 'http2' });

describe('ext_authz over gRPC', () => {
  type Answer = Parameters<typeof CheckResponse.fromPartial>[0];

  async function start(answer: Answer | 'fail', changes: Parameters<typeof ExtAuthz.fromPartial>[0] = {}, filters = {}) {
    const asked: CheckRequest[] = [];
    const port = await serve(AuthorizationService, {
      check: (call: grpc.ServerUnaryCall<CheckRequest, CheckResponse>, done: grpc.sendUnaryData<CheckResponse>) => {
        asked.push(call.request);
        if (answer === 'fail') done({ code: grpc.status.INTERNAL, details: 'no' });
        else done(null, CheckResponse.fromPartial(answer));
      },
    });
    const upstream = open.add(await httpPeer(ok('served;')));
    const started = await startFiltered(open, {
      filters: [entry(extAuthzType, ExtAuthz, { services: { $case: 'grpcService', value: grpcService }, ...changes })],
      clusters: [cluster('a', [upstream.port]), serviceCluster(port)],
      routes: route(forward('a'), filters),
    });
    return { ...started, upstream, asked };
  }

  test('allowed: headers change both ways', async () => {
    const value = {
      headers: [{ header: { key: 'x-user', value: 'joe' } }],
      headersToRemove: ['x-secret'],
      responseHeadersToAdd: [{ header: { key: 'x-down', value: '1' } }],
    };
    const { send, upstream, asked } = await start({ httpResponse: { $case: 'okResponse', value } });
    expect(await send(get('/p?q', 'x-secret: 1', 'x-a: 1'), 'served;')).toContain('x-down: 1\r\n');
    expect(upstream.requests[0]).toContain('x-user: joe\r\n');
    expect(upstream.requests[0]).not.toContain('x-secret');
    expect(asked[0]?.attributes?.request?.http).toMatchObject({
      method: 'GET',
      path: '/p?q',
      host: 'a.test',
      scheme: 'http',
      protocol: 'HTTP/1.1',
      headers: { ':path': '/p?q', 'x-a': '1' },
    });
  });

  test('denied: status, headers and body of the service; UAEX', async () => {
    const value = { status: { code: 418 }, headers: [{ header: { key: 'X-Why', value: 'tea' } }], body: 'a teapot' };
    const { send, upstream, proxy } = await start({ status: { code: 7 }, httpResponse: { $case: 'deniedResponse', value } });
    expect(await send(get(), 'a teapot')).toMatch(/^HTTP\/1.1 418 [\s\S]*x-why: tea\r\n/);
    expect(upstream.requests).toEqual([]);
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'UAEX', details: 'ext_authz_denied' }]);
    expect(proxy.runtime.counters.get('http.test.ext_authz.denied').value).toBe(1);
  });

  test.each([
    { name: 'closed', changes: {}, status: 403, details: 'ext_authz_error' },
    { name: 'closed, with a status', changes: { statusOnError: { code: 503 } }, status: 503, details: 'ext_authz_error' },
    { name: 'open', changes: { failureModeAllow: true, failureModeAllowHeaderAdd: true }, status: 200, details: 'via_upstream' },
  ])('a service that fails: $name', async ({ changes, status, details }) => {
    const { send, upstream, proxy } = await start('fail', changes);
    expect(await send(get())).toContain(`HTTP/1.1 ${status} `);
    expect((await proxy.logged(1))[0]).toMatchObject({ details });
    if (status === 200) expect(upstream.requests[0]).toContain('x-envoy-auth-failure-mode-allowed: true\r\n');
  });

  const post = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody';

  test.each([
    { name: 'the body', withRequestBody: { maxRequestBytes: 10 }, status: 200, body: 'body', partial: undefined },
    { name: 'part of it', withRequestBody: { maxRequestBytes: 2, allowPartialMessage: true }, status: 200, body: 'bo', partial: 'true' },
    { name: 'too much', withRequestBody: { maxRequestBytes: 2 }, status: 413, body: undefined, partial: undefined },
  ])('is sent $name', async ({ withRequestBody, status, body, partial }) => {
    const { send, upstream, asked } = await start({}, { withRequestBody });
    expect(await send(post)).toContain(`HTTP/1.1 ${status} `);
    expect(asked[0]?.attributes?.request?.http?.body).toBe(body);
    expect(asked[0]?.attributes?.request?.http?.headers['x-envoy-auth-partial-body']).toBe(partial);
    if (status === 200) expect(upstream.requests[0]).toMatch(/\r\n\r\nbody$/);
  });

  test('a route says more, or switches it off', async () => {
    const settings = { override: { $case: 'checkSettings', value: { contextExtensions: { of: 'route' } } } } as const;
    const { send, asked } = await start({}, {}, { filters: perRoute(extAuthzType, ExtAuthzPerRoute, settings) });
    await send(get(), 'served;');
    expect(asked[0]?.attributes?.contextExtensions).toEqual({ of: 'route' });
    const off = perRoute(extAuthzType, ExtAuthzPerRoute, { override: { $case: 'disabled', value: true } });
    const second = await start('fail', {}, { filters: off });
    await second.send(get(), 'served;');
    expect(second.asked).toEqual([]);
  });
});

describe('ext_authz over HTTP', () => {
  const names = (...values: string[]) => ({ patterns: values.map((value) => ({ matchPattern: { $case: 'exact', value } as const })) });
  const httpService = {
    serverUri: { uri: 'http://auth', httpUpstreamType: { $case: 'cluster', value: 'auth' } as const, timeout: { seconds: 5 } },
    pathPrefix: '/check',
    authorizationRequest: { allowedHeaders: names('x-a'), headersToAdd: [{ key: 'x-added', value: '1' }] },
    authorizationResponse: { allowedUpstreamHeaders: names('x-user'), allowedClientHeadersOnSuccess: names('x-down') },
  };

  test.each([
    { name: 'allowed', answer: ok('', 'x-user: joe\r\nx-other: 1\r\nx-down: 2\r\n'), status: 200 },
    { name: 'denied', answer: 'HTTP/1.1 401 No\r\nwww-authenticate: Basic\r\ncontent-length: 3\r\n\r\nno!', status: 401 },
    { name: 'failed', answer: 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n', status: 403 },
  ])('$name', async ({ answer, status }) => {
    const auth = open.add(await httpPeer(answer));
    const upstream = open.add(await httpPeer(ok('served;')));
    const { send } = await startFiltered(open, {
      filters: [entry(extAuthzType, ExtAuthz, { services: { $case: 'httpService', value: httpService } })],
      clusters: [cluster('a', [upstream.port]), cluster('auth', [auth.port])],
      routes: route(forward('a')),
    });
    const response = await send(get('/p', 'x-a: 1', 'x-b: 2', 'authorization: me'), /\r\n\r\n(served;|no!)?$/);
    expect(response).toContain(`HTTP/1.1 ${status} `);
    expect(auth.requests[0]).toMatch(/^GET \/check\/p HTTP\/1.1\r\nhost: a.test\r\n/);
    for (const line of ['x-a: 1', 'x-added: 1', 'authorization: me']) expect(auth.requests[0]).toContain(`${line}\r\n`);
    expect(auth.requests[0]).not.toContain('x-b');
    if (status === 200) {
      expect(upstream.requests[0]).toContain('x-user: joe\r\n');
      expect(upstream.requests[0]).not.toContain('x-other');
      expect(response).toContain('x-down: 2\r\n');
    }
    if (status === 401) expect(response).toContain('www-authenticate: Basic\r\n');
  });
});

describe('ratelimit', () => {
  type Answer = Parameters<typeof RateLimitResponse.fromPartial>[0];
  const rateLimits = RouteAction.fromPartial({
    rateLimits: [
      {
        actions: [
          { actionSpecifier: { $case: 'genericKey', value: { descriptorValue: 'all' } } },
          { actionSpecifier: { $case: 'requestHeaders', value: { headerName: 'X-User', descriptorKey: 'user' } } },
        ],
      },
      { actions: [{ actionSpecifier: { $case: 'remoteAddress', value: {} } }] },
      { actions: [{ actionSpecifier: { $case: 'destinationCluster', value: {} } }], stage: 1 },
    ],
  }).rateLimits;
  const limits = () => {
    const findings = new Findings();
    const own = decodeRateLimits(rateLimits, '', findings);
    expect(findings.list).toEqual([]);
    return { own, host: [] };
  };

  async function start(answer: Answer | 'fail', changes: Parameters<typeof RateLimit.fromPartial>[0] = {}) {
    const asked: RateLimitRequest[] = [];
    const port = await serve(RateLimitServiceService, {
      shouldRateLimit: (call: grpc.ServerUnaryCall<RateLimitRequest, RateLimitResponse>, done: grpc.sendUnaryData<RateLimitResponse>) => {
        asked.push(call.request);
        if (answer === 'fail') done({ code: grpc.status.UNAVAILABLE, details: 'no' });
        else done(null, RateLimitResponse.fromPartial(answer));
      },
    });
    const upstream = open.add(await httpPeer(ok('served;')));
    const config = { domain: 'd', rateLimitService: { grpcService }, timeout: { seconds: 5 }, ...changes };
    const started = await startFiltered(open, {
      filters: [entry(rateLimitType, RateLimit, config)],
      clusters: [cluster('a', [upstream.port]), serviceCluster(port)],
      routes: route(forward('a', { rateLimits: limits() })),
    });
    return { ...started, upstream, asked };
  }

  const limited = {
    overallCode: Code.OVER_LIMIT,
    statuses: [{ code: Code.OVER_LIMIT, currentLimit: { requestsPerUnit: 5 }, limitRemaining: 0, durationUntilReset: { seconds: 9 } }],
  };

  test('the service is told the descriptors, and its headers go both ways', async () => {
    const { send, upstream, asked } = await start({
      overallCode: Code.OK,
      requestHeadersToAdd: [{ key: 'x-up', value: '1' }],
      responseHeadersToAdd: [{ key: 'x-down', value: '2' }],
    });
    expect(await send(get('/', 'x-user: joe'), 'served;')).toContain('x-down: 2\r\n');
    expect(upstream.requests[0]).toContain('x-up: 1\r\n');
    expect(asked[0]?.domain).toBe('d');
    expect(asked[0]?.descriptors.map(({ entries }) => entries)).toEqual([
      [
        { key: 'generic_key', value: 'all' },
        { key: 'user', value: 'joe' },
      ],
      [{ key: 'remote_address', value: '127.0.0.1' }],
    ]);
  });

  test('a descriptor that cannot be made is left out; another stage has its own', async () => {
    const { send, asked } = await start({ overallCode: Code.OK });
    await send(get(), 'served;');
    expect(asked[0]?.descriptors.length).toBe(1);
    const other = await start({ overallCode: Code.OK }, { stage: 1 });
    await other.send(get(), 'served;');
    expect(other.asked[0]?.descriptors.map(({ entries }) => entries)).toEqual([[{ key: 'destination_cluster', value: 'a' }]]);
  });

  test('over the limit: 429, RL, and the headers of the draft', async () => {
    const { send, upstream, proxy } = await start(limited, { enableXRatelimitHeaders: 1 });
    const answer = await send(get());
    expect(answer).toContain('HTTP/1.1 429 ');
    for (const line of ['x-envoy-ratelimited: true', 'x-ratelimit-limit: 5', 'x-ratelimit-remaining: 0', 'x-ratelimit-reset: 9']) {
      expect(answer).toContain(`${line}\r\n`);
    }
    expect(upstream.requests).toEqual([]);
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'RL', details: 'request_rate_limited' }]);
  });

  test.each([
    { name: 'open', failureModeDeny: false, status: 200, flags: '-' },
    { name: 'closed', failureModeDeny: true, status: 500, flags: 'RLSE' },
  ])('a service that fails: $name', async ({ failureModeDeny, status, flags }) => {
    const { send, proxy } = await start('fail', { failureModeDeny });
    expect(await send(get())).toContain(`HTTP/1.1 ${status} `);
    expect(await proxy.logged(1)).toMatchObject([{ flags }]);
  });

  test('a client that leaves while the service is silent leaves nothing behind', async () => {
    const silent = open.add(await Peer.listen((socket) => void socket.resume()));
    const { proxy, port } = await startFiltered(open, {
      filters: [entry(rateLimitType, RateLimit, { domain: 'd', rateLimitService: { grpcService }, timeout: { seconds: 60 } })],
      clusters: [serviceCluster(silent.port)],
      routes: route(forward('a', { rateLimits: limits() })),
    });
    const client = open.add(await Client.connect(port)).write(get());
    while (silent.sockets.size === 0) await new Promise(setImmediate);
    client.close();
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'DC' }]);
    expect(proxy.runtime.clusters.get('service')?.stats.upstream_rq_active).toBe(0);
  });

  test('what is not supported is named', () => {
    const google = { targetSpecifier: { $case: 'googleGrpc', value: {} } } as const;
    expect(findingsOf(rateLimitType, RateLimit, { domain: 'd', rateLimitService: { grpcService: google } })).toEqual([
      'filter.rate_limit_service: googleGrpc is not supported: envoy_grpc is',
    ]);
  });
});
