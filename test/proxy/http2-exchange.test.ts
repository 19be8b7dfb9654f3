// Whole exchanges over HTTP/2, in every combination with HTTP/1, against Node's own HTTP/2.
import { afterEach, describe, expect, test } from 'vitest';
import type { ClusterConfig } from '#proxy/config/cluster';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, route, routeTable, TestProxy } from './fixture.ts';
import { Http2Client, http2Peer } from './http2-peers.ts';

const opened = closer();
afterEach(opened.closeAll);

async function proxyTo(port: number, changes: { cluster?: Partial<ClusterConfig>; http?: Partial<HttpConnectionManagerConfig> } = {}) {
  const proxy = opened.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('up', [port], changes.cluster));
  const listening = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('up')) }), changes.http)));
  return { proxy, port: listening };
}

const http2Upstream = { cluster: { protocol: 'http2' } } as const;

describe('a request and its response', () => {
  test('HTTP/2 in, HTTP/1 out', async () => {
    const peer = opened.add(await httpPeer(ok('hello', 'x-answer: 42\r\n')));
    const { port } = await proxyTo(peer.port);
    const client = opened.add(await Http2Client.connect(port));
    const answer = await client.ask({ ':path': '/a?b=c', ':authority': 'svc.example', 'x-test': 'yes' });
    expect(answer).toMatchObject({ status: 200, body: 'hello', headers: { 'x-answer': '42', server: 'istio-envoy' } });
    expect(peer.requests[0]).toMatch(/^GET \/a\?b=c HTTP\/1\.1\r\nhost: svc\.example\r\n/);
    expect(peer.requests[0]).toContain('x-test: yes\r\n');
  });

  test('HTTP/2 in, HTTP/2 out', async () => {
    const peer = opened.add(
      await http2Peer((stream, _headers, body) => {
        stream.respond({ ':status': 201, 'x-answer': '42' });
        stream.end(`got ${body}`);
      }),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    const answer = await client.ask({ ':method': 'POST', ':path': '/x', ':authority': 'svc.example' }, 'some body');
    expect(answer).toMatchObject({ status: 201, body: 'got some body', headers: { 'x-answer': '42' } });
    expect(peer.requests[0]!.headers).toMatchObject({ ':path': '/x', ':authority': 'svc.example', ':scheme': 'http' });
  });

  test('HTTP/1 in, HTTP/2 out', async () => {
    const peer = opened.add(
      await http2Peer((stream, _headers, body) => {
        stream.respond({ ':status': 200, 'x-answer': '42' });
        stream.end(`got ${body}`);
      }),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Client.connect(port));
    client.write('POST /y HTTP/1.1\r\nhost: svc.example\r\ncontent-length: 3\r\nte: trailers\r\n\r\nabc');
    expect(await client.until('got abc')).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*x-answer: 42\r\n/);
    expect(peer.requests[0]!.headers).toMatchObject({ ':path': '/y', 'content-length': '3', te: 'trailers' });
  });

  test('many at once share one connection upstream', async () => {
    const peer = opened.add(
      await http2Peer((stream, headers) => {
        stream.respond({ ':status': 200 });
        stream.end(String(headers[':path']));
      }),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    const paths = Array.from({ length: 50 }, (_, i) => `/${i}`);
    const answers = await Promise.all(paths.map((path) => client.ask({ ':path': path })));
    expect(answers.map(({ body }) => body)).toEqual(paths);
    expect(peer.sessions).toBe(1);
  });

  test('large bodies pass both ways whole', async () => {
    const peer = opened.add(
      await http2Peer((stream, _headers, body) => {
        stream.respond({ ':status': 200 });
        stream.end(body);
      }),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    const body = Array.from({ length: 300_000 }, (_, i) => `line ${i}`).join('\n');
    const answer = await client.ask({ ':method': 'POST', ':path': '/' }, body);
    expect(answer.body.length).toBe(body.length);
    expect(answer.body === body).toBe(true);
  });
});
