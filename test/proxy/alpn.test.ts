// What TLS to upstreams agrees on by ALPN: the protocol that is spoken there (`auto_config`), and what is offered (Istio's `alpn` filter).
import type http from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { FilterConfig } from '#codec/protobuf/generated/istio/alpn';
import { istioAlpnType } from '#proxy/filters/http/istio-alpn';
import { routerType } from '#proxy/filters/http/router';
import { configured } from '#proxy/http/http-filter';
import { type IssuedCertificate, TestAuthority } from '../certificates.ts';
import { Client, closer, cluster, deadPort, forward, httpConfig, httpListener, route, routeTable, TestProxy } from './fixture.ts';
import { clientTls, trusting } from './tls-fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

let authority: TestAuthority;
let own: IssuedCertificate;

beforeAll(async () => {
  authority = await TestAuthority.create();
  own = await authority.issue({ commonName: 'server', dnsNames: ['bookinfo.test'] });
});

type Speaks = 'h2 and http/1.1' | 'http/1.1' | 'nothing by ALPN';

/** Answers with the version of HTTP that it was asked in. */
async function serve(speaks: Speaks, port = 0): Promise<{ port: number; connections(): number; close(): Promise<void> }> {
  const answer = (request: { httpVersion: string }, response: Pick<http.ServerResponse, 'end'>) => response.end(request.httpVersion);
  const identity = { cert: own.certificate, key: own.key };
  const server: Server =
    speaks === 'h2 and http/1.1'
      ? createSecureServer({ ...identity, allowHTTP1: true }, (request: Http2ServerRequest, response: Http2ServerResponse) =>
          response.end(request.httpVersion),
        )
      : createServer({ ...identity, ...(speaks === 'http/1.1' && { ALPNProtocols: ['http/1.1'] }) }, answer);
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return open.add({ port: (server.address() as AddressInfo).port, connections: () => connections, close });
}

async function automatic(upstreamPort: number): Promise<{ proxy: TestProxy; port: number }> {
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstreamPort], { protocol: 'auto', tls: clientTls({ validation: trusting(authority) }) }));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
  return { proxy, port };
}

async function ask(port: number): Promise<string> {
  const client = open.add(await Client.connect(port));
  await client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n').closed();
  return `${client.text.slice(9, 12)} ${client.text.split('\r\n\r\n')[1] ?? ''}`;
}

test.each<[Speaks, string]>([
  ['h2 and http/1.1', '2.0'],
  ['http/1.1', '1.1'],
  ['nothing by ALPN', '1.1'],
])('a server that speaks %s is asked in HTTP/%s, the first request by the connection that found out', async (speaks, version) => {
  const server = await serve(speaks);
  const { proxy, port } = await automatic(server.port);
  expect(await ask(port)).toContain(`200 `);
  expect(await ask(port)).toContain(version);
  expect(server.connections()).toBe(1);
  expect(proxy.runtime.clusters.get('a')?.stats).toMatchObject({ upstream_cx_total: 1, upstream_rq_pending_active: 0 });
});

test('requests that come while nobody knows wait together', async () => {
  const server = await serve('h2 and http/1.1');
  const { proxy, port } = await automatic(server.port);
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(port)));
  expect(answers.every((answer) => answer.includes('2.0'))).toBe(true);
  expect(server.connections()).toBe(1);
  expect(proxy.runtime.clusters.get('a')?.stats).toMatchObject({ upstream_rq_pending_active: 0 });
});

test('a server that speaks HTTP/2 no more is asked again what it speaks', async () => {
  const before = await serve('h2 and http/1.1');
  const { port } = await automatic(before.port);
  expect(await ask(port)).toContain('2.0');
  await before.close();
  await serve('http/1.1', before.port);
  const answers: string[] = [];
  for (let i = 0; i < 3; i++) answers.push(await ask(port));
  expect(answers.at(-1)).toContain('200 ');
  expect(answers.at(-1)).toContain('1.1');
});

test('nobody there: 503, and nothing stays pending', async () => {
  const { proxy, port } = await automatic(await deadPort());
  expect(await ask(port)).toMatch(/^503 /);
  expect(proxy.runtime.clusters.get('a')?.stats).toMatchObject({ upstream_rq_pending_active: 0, upstream_cx_connect_fail: 1 });
});

const override = FilterConfig.encode(
  FilterConfig.fromPartial({
    alpnOverride: [
      { upstreamProtocol: 1, alpnOverride: ['istio-http/1.1', 'istio', 'http/1.1'] },
      { upstreamProtocol: 2, alpnOverride: ['istio-h2', 'istio', 'h2'] },
    ],
  }),
).finish();

test.each([
  ['the filter’s words', {}, [['istio-http/1.1', 'istio', 'http/1.1']]],
  ['its own words, where its metadata say so', { keepsAlpn: true }, [['own']]],
])('a cluster offers %s', async (_name, changes, expected) => {
  const offered: string[][] = [];
  const server = createServer({
    cert: own.certificate,
    key: own.key,
    ALPNCallback: ({ protocols }) => {
      offered.push(protocols);
      return protocols[0];
    },
  });
  server.on('request', (_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.add({ close: () => server.closeAllConnections() });
  open.add({ close: () => void server.close() });
  const proxy = open.add(new TestProxy());
  const tls = clientTls({ validation: trusting(authority), applicationProtocols: ['own'] });
  proxy.runtime.clusters.set(cluster('a', [(server.address() as AddressInfo).port], { tls, ...changes }));
  const config = httpConfig(routeTable({ '*': route(forward('a')) }));
  const alpn = configured(istioAlpnType, 'istio.alpn', istioAlpnType.decode(override, '', undefined as never)!);
  const port = await proxy.listen(
    httpListener({ ...config, httpFilters: [alpn, ...config.httpFilters.filter(({ type }) => type === routerType)] }),
  );
  expect(await ask(port)).toContain('200 ');
  expect(offered).toEqual(expected);
});
