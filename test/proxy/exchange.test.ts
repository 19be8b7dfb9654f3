// Requests and responses through the whole data path, over real sockets.
import { afterEach, expect, test } from 'vitest';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, route, routeTable, TestProxy } from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

async function proxyTo(answer: Parameters<typeof httpPeer>[0]) {
  const upstream = open.add(await httpPeer(answer));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
  const client = open.add(await Client.connect(port));
  return { upstream, proxy, port, client };
}

test('a request goes through, with the headers of the mesh added and those of the hop removed', async () => {
  const { upstream, client, proxy } = await proxyTo(ok('hello', 'x-from: upstream\r\nConnection: keep-alive\r\nserver: other\r\n'));
  client.write(
    'GET /a?b=c HTTP/1.1\r\nHost: svc:80\r\nUser-Agent: t\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n',
  );
  const text = await client.until('hello');
  expect(upstream.requests[0]).toMatch(
    /^GET \/a\?b=c HTTP\/1.1\r\nhost: svc:80\r\nUser-Agent: t\r\nx-forwarded-proto: http\r\nx-request-id: [0-9a-f-]{36}\r\nx-envoy-attempt-count: 1\r\n\r\n$/,
  );
  expect(text).toMatch(
    /^HTTP\/1.1 200 OK\r\ncontent-length: 5\r\nx-from: upstream\r\nx-envoy-upstream-service-time: \d+\r\nserver: istio-envoy\r\ndate: [^\r]+\r\n\r\nhello$/,
  );
  expect(await proxy.logged(1)).toMatchObject([{ status: 200, flags: '-', details: 'via_upstream', attempts: 1, bytesSent: 5 }]);
});

test('a connection serves request after request, and so does the one upstream', async () => {
  const { upstream, client, proxy } = await proxyTo((_request, _socket, index) => ok(`answer ${index};`));
  for (let i = 0; i < 5; i++) await client.write(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`).until(`answer ${i};`);
  expect(upstream.requests.length).toBe(5);
  expect(proxy.runtime.clusters.get('a')!.stats).toMatchObject({
    upstream_cx_total: 1,
    upstream_cx_active: 1,
    upstream_rq_2xx: 5,
    upstream_rq_active: 0,
  });
});

test('pipelined requests are answered in order', async () => {
  const { client } = await proxyTo((request) => ok(`${/GET (\S+)/.exec(request)![1]};`));
  client.write(Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  const text = await client.until('/19;');
  expect(text.match(/\/\d+;/g)).toEqual(Array.from({ length: 20 }, (_, i) => `/${i};`));
});
