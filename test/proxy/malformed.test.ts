// Requests that two hops could understand differently: each is refused, its connection closed, and nothing behind it is served.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client, cluster, forward, httpConfig, httpListener, httpPeer, ok, route, routeTable, TestProxy } from './fixture.ts';

let upstream: Awaited<ReturnType<typeof httpPeer>>;
let proxy: TestProxy;
let port: number;

beforeAll(async () => {
  upstream = await httpPeer(ok());
  proxy = new TestProxy();
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

const post = 'POST / HTTP/1.1\r\nhost: a\r\n';
const chunked = `${post}transfer-encoding: chunked\r\n\r\n`;

const heads: [name: string, bytes: string, status: number][] = [
  ['two content-lengths that differ', `${post}content-length: 0\r\ncontent-length: 44\r\n\r\n`, 400],
  ['two content-lengths that agree', `${post}content-length: 0\r\ncontent-length: 0\r\n\r\n`, 400],
  ['a list of content-lengths', `${post}content-length: 0, 44\r\n\r\n`, 400],
  ['content-length and chunked', `${post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n`, 400],
  ['chunked and content-length', `${post}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n`, 400],
  ['signed content-length', `${post}content-length: +0\r\n\r\n`, 400],
  ['negative content-length', `${post}content-length: -1\r\n\r\n`, 400],
  ['hexadecimal content-length', `${post}content-length: 0x0\r\n\r\n`, 400],
  ['empty content-length', `${post}content-length:\r\n\r\n`, 400],
  ['huge content-length', `${post}content-length: 99999999999999999999\r\n\r\n`, 400],
  ['content-length with a space inside', `${post}content-length: 0 0\r\n\r\n`, 400],
  ['transfer-encoding twice', `${post}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`, 400],
  ['transfer-encoding identity', `${post}transfer-encoding: identity\r\n\r\n`, 501],
  ['transfer-encoding gzip, chunked', `${post}transfer-encoding: gzip, chunked\r\n\r\n`, 501],
  ['transfer-encoding chunked, chunked', `${post}transfer-encoding: chunked, chunked\r\n\r\n`, 501],
  ['transfer-encoding xchunked', `${post}transfer-encoding: xchunked\r\n\r\n`, 501],
  ['transfer-encoding by vertical tab', `${post}transfer-encoding: \u000bchunked\r\n\r\n`, 400],
  ['space before the colon', `${post}transfer-encoding : chunked\r\n\r\n`, 400],
  ['tab before the colon', `${post}content-length\t: 0\r\n\r\n`, 400],
  ['folded transfer-encoding', `${post}transfer-encoding:\r\n chunked\r\n\r\n`, 400],
  ['folded header', `${post}x: a\r\n\tb\r\n\r\n`, 400],
  ['space before the first header', 'GET / HTTP/1.1\r\n host: a\r\n\r\n', 400],
  ['bare LF lines', 'GET / HTTP/1.1\nhost: a\n\n', 400],
  ['bare LF behind one header', 'GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n', 400],
  ['bare CR in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n', 400],
  ['bare CR behind the request line', 'GET / HTTP/1.1\rhost: a\r\n\r\n', 400],
  ['NUL in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: a\u0000b\r\n\r\n', 400],
  ['NUL in a name', 'GET / HTTP/1.1\r\nhost: a\r\nx\u0000: a\r\n\r\n', 400],
  ['control byte in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: \u0008\r\n\r\n', 400],
  ['control byte in the target', 'GET /\u0001 HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['no colon', 'GET / HTTP/1.1\r\nhost: a\r\nnonsense\r\n\r\n', 400],
  ['empty name', 'GET / HTTP/1.1\r\nhost: a\r\n: x\r\n\r\n', 400],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['empty host', 'GET / HTTP/1.1\r\nhost:\r\n\r\n', 400],
  ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400],
  ['two hosts that agree', 'GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n', 400],
  ['host with a path', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n', 400],
  ['host with userinfo', 'GET / HTTP/1.1\r\nhost: u@a\r\n\r\n', 400],
  ['host with a list', 'GET / HTTP/1.1\r\nhost: a, b\r\n\r\n', 400],
  ['host with a bad port', 'GET / HTTP/1.1\r\nhost: a:8x\r\n\r\n', 400],
  ['userinfo in the target', 'GET http://u:p@a/ HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['absolute form without a host', 'GET http:///x HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['target that is neither path nor URI', 'GET a/b HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['star for GET', 'GET * HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['fragment in the target', 'GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['space in the target', 'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nhost: a\r\n\r\n', 400],
  ['HTTP/1.0, which is not served here', 'GET / HTTP/1.0\r\nhost: a\r\n\r\n', 426],
  ['transfer-encoding in HTTP/1.0', 'POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n', 400],
  ['method too long', `${'A'.repeat(40)} / HTTP/1.1\r\nhost: a\r\n\r\n`, 400],
  ['TLS on a plain port', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000', 400],
  ['connection that names host', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: host\r\n\r\n', 400],
  ['connection that names content-length', `${post}content-length: 0\r\nconnection: close, Content-Length\r\n\r\n`, 400],
  ['an expectation nobody knows', `${post}expect: 200-maybe\r\n\r\n`, 417],
  ['CONNECT without a port', 'CONNECT a HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['CONNECT with a port out of range', 'CONNECT a:99999 HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['CONNECT with a body', 'CONNECT a:80 HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n', 400],
];

const bodies: [name: string, bytes: string][] = [
  ['chunk size that is not a number', `${chunked}x\r\n\r\n`],
  ['chunk size with a sign', `${chunked}+1\r\na\r\n0\r\n\r\n`],
  ['chunk size with 0x', `${chunked}0x1\r\na\r\n0\r\n\r\n`],
  ['chunk size behind a space', `${chunked} 1\r\na\r\n0\r\n\r\n`],
  ['chunk size before a space', `${chunked}1 \r\na\r\n0\r\n\r\n`],
  ['chunk size that overflows', `${chunked}ffffffffffffffff1\r\na\r\n0\r\n\r\n`],
  ['chunk size line with a bare LF', `${chunked}1\na\r\n0\r\n\r\n`],
  ['chunk that is longer than its size', `${chunked}1\r\nab\r\n0\r\n\r\n`],
  ['chunk that is shorter than its size', `${chunked}3\r\nab\r\n0\r\n\r\n`],
  ['chunk data followed by a bare LF', `${chunked}1\r\na\n0\r\n\r\n`],
  ['extension without end', `${chunked}1;${'a'.repeat(6000)}\r\na\r\n0\r\n\r\n`],
  ['control byte in an extension', `${chunked}1;a\u0000\r\na\r\n0\r\n\r\n`],
  ['bare LF in an extension', `${chunked}1;a\nb\r\na\r\n0\r\n\r\n`],
  ['folded trailer', `${chunked}0\r\nx: a\r\n b\r\n\r\n`],
  ['trailer with space before its colon', `${chunked}0\r\nx : a\r\n\r\n`],
];

const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n';

test.each(heads)('head: %s', async (_name, bytes, status) => {
  const before = upstream.requests.length;
  const client = await Client.connect(port);
  const text = await client.write(bytes + smuggled).closed();
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\r\nconnection: close\r\n`));
  expect(text.match(/HTTP\/1.1 /g)).toHaveLength(1);
  expect(upstream.requests.length).toBe(before);
});

test.each(bodies)('body: %s', async (_name, bytes) => {
  const client = await Client.connect(port);
  const text = await client.write(bytes + smuggled).closed();
  expect(text).toMatch(/^HTTP\/1.1 400 [\s\S]*\r\nconnection: close\r\n/);
  expect(text.match(/HTTP\/1.1 /g)).toHaveLength(1);
  expect(upstream.requests.some((request) => request.includes('smuggled'))).toBe(false);
});

test('the host beside an absolute target is replaced, so that only one is seen upstream', async () => {
  const client = await Client.connect(port);
  const text = await client.write('GET http://real:81/x HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n').closed();
  expect(text).toMatch(/^HTTP\/1.1 200 /);
  expect(upstream.requests.at(-1)).toMatch(/^GET \/x HTTP\/1.1\r\nhost: real:81\r\n(?![\s\S]*other)/);
});

test('after all of that, the proxy serves, and holds nothing', async () => {
  const client = await Client.connect(port);
  expect(await client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n').closed()).toMatch(/^HTTP\/1.1 200 /);
  const stats = [...proxy.listeners.httpStats.entries()][0]![1];
  expect(stats.downstream_rq_active).toBe(0);
  expect(proxy.runtime.clusters.get('a')!.stats.upstream_rq_active).toBe(0);
});
