// Requests and responses through the whole data path, over real sockets: framing, interim responses, tunnels, back-pressure.
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { ForwardAction } from '#proxy/route/route';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, Peer, route, routeTable, TestProxy } from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

interface Options {
  config?: Partial<HttpConnectionManagerConfig>;
  action?: Partial<ForwardAction>;
}

async function proxyTo(upstream: Peer, { config, action }: Options = {}) {
  open.add(upstream);
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a', action)) }), config)));
  const client = open.add(await Client.connect(port));
  return { proxy, port, client, stats: proxy.runtime.clusters.get('a')!.stats };
}

async function proxyToAnswer(answer: Parameters<typeof httpPeer>[0], options?: Options) {
  const upstream = await httpPeer(answer);
  return { upstream, ...(await proxyTo(upstream, options)) };
}

/** What a request carries, whatever its chunks. */
function bodyOf(request: string): string {
  return request.slice(request.indexOf('\r\n\r\n') + 4).replace(/[0-9a-f]+\r\n([^\r]*)\r\n/g, '$1');
}

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

describe('connections', () => {
  test('a request goes through, with the headers of the mesh added and those of the hop removed', async () => {
    const { upstream, client, proxy } = await proxyToAnswer(ok('hello', 'x-from: upstream\r\nConnection: keep-alive\r\nserver: other\r\n'));
    client.write(
      'GET /a?b=c HTTP/1.1\r\nHost: svc:80\r\nUser-Agent: t\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n',
    );
    const text = await client.until('hello');
    expect(upstream.requests[0]).toMatch(
      /^GET \/a\?b=c HTTP\/1.1\r\nHost: svc:80\r\nUser-Agent: t\r\nx-forwarded-proto: http\r\nx-request-id: [0-9a-f-]{36}\r\nx-envoy-attempt-count: 1\r\n\r\n$/,
    );
    expect(text).toMatch(
      /^HTTP\/1.1 200 OK\r\ncontent-length: 5\r\nx-from: upstream\r\nx-envoy-upstream-service-time: \d+\r\nserver: istio-envoy\r\ndate: [^\r]+\r\n\r\nhello$/,
    );
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, flags: '-', details: 'via_upstream', attempts: 1, bytesSent: 5 }]);
  });

  test('one serves request after request, and so does the one upstream', async () => {
    const { upstream, client, stats } = await proxyToAnswer((_request, _socket, index) => ok(`answer ${index};`));
    for (let i = 0; i < 5; i++) await client.write(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`).until(`answer ${i};`);
    expect(upstream.requests.length).toBe(5);
    expect(stats).toMatchObject({ upstream_cx_total: 1, upstream_cx_active: 1, upstream_rq_2xx: 5, upstream_rq_active: 0 });
  });

  test('pipelined requests are answered in order', async () => {
    const { client } = await proxyToAnswer((request) => ok(`${/GET (\S+)/.exec(request)![1]};`));
    client.write(Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    const text = await client.until('/19;');
    expect(text.match(/\/\d+;/g)).toEqual(Array.from({ length: 20 }, (_, i) => `/${i};`));
  });

  test('pipelined requests with bodies are kept apart', async () => {
    const { upstream, client } = await proxyToAnswer((request) => ok(`${/POST (\S+)/.exec(request)![1]};`));
    const request = (i: number) => `POST /${i} HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n${i}${i}\r\n0\r\n\r\n`;
    client.write([0, 1, 2].map(request).join(''));
    await client.until('/2;');
    expect(upstream.requests.map((text) => text.split('\r\n\r\n')[1])).toEqual(['2\r\n00\r\n0', '2\r\n11\r\n0', '2\r\n22\r\n0']);
  });

  test('close is honoured, on both sides', async () => {
    const { client, stats } = await proxyToAnswer(ok('x', 'connection: close\r\n'));
    const text = await client.write('GET / HTTP/1.1\r\nhost: a\r\nConnection: close\r\n\r\n').closed();
    expect(text).toMatch(/\r\nconnection: close\r\n\r\nx$/);
    expect(stats.upstream_cx_active).toBe(0);
  });

  test('HTTP/1.0 is served where it is allowed, and gets no chunks', async () => {
    const chunks = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    const { upstream, client } = await proxyToAnswer(chunks, { config: { acceptHttp10: true } });
    const text = await client.write('GET / HTTP/1.0\r\nhost: a\r\n\r\n').closed();
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n(?![\s\S]*chunked)[\s\S]*connection: close\r\n\r\nabc$/);
    expect(upstream.requests[0]).toMatch(/^GET \/ HTTP\/1.1\r\n/);
  });

  test('HTTP/1.0 may ask to keep the connection', async () => {
    const { client } = await proxyToAnswer(ok('one;'), { config: { acceptHttp10: true } });
    const request = 'GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n';
    expect(await client.write(request).until('one;')).toMatch(/\r\nconnection: keep-alive\r\n/);
    await client.write(request).until(/one;[\s\S]*one;/);
  });
});

describe('framing', () => {
  const responses: [name: string, request: string, response: string, expected: RegExp][] = [
    ['content-length', get, ok('abc'), /content-length: 3\r\n[\s\S]*\r\n\r\nabc$/],
    [
      'chunked',
      get,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n',
      /chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n$/,
    ],
    [
      'trailers',
      get,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n',
      /1\r\na\r\n0\r\nx-sum: 7\r\n\r\n$/,
    ],
    ['no body', get, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', /content-length: 0\r\n[\s\S]*\r\n\r\n$/],
    ['204', get, 'HTTP/1.1 204 No Content\r\n\r\n', /^HTTP\/1.1 204 No Content\r\n(?![\s\S]*content-length)[\s\S]*\r\n\r\n$/],
    [
      '304 with a length',
      get,
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n',
      /^HTTP\/1.1 304 [\s\S]*content-length: 9\r\n[\s\S]*\r\n\r\n$/,
    ],
    ['HEAD', 'HEAD / HTTP/1.1\r\nhost: a\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n', /content-length: 9\r\n[\s\S]*\r\n\r\n$/],
    [
      'an interim response',
      get,
      `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${ok('a')}`,
      /^HTTP\/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP\/1.1 200 /,
    ],
    ['a status nobody knows', get, 'HTTP/1.1 299 Odd\r\ncontent-length: 0\r\n\r\n', /^HTTP\/1.1 299 Odd\r\n/],
    ['no reason', get, 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', /^HTTP\/1.1 200\r\n/],
  ];
  test.each(responses)('of responses: %s', async (_name, request, response, expected) => {
    const { client, stats } = await proxyToAnswer(response);
    for (let times = 1; times <= 2; times++) {
      client.text = '';
      expect(await client.write(request).until(expected)).toMatch(expected);
    }
    // What ended where it should leaves the connection good for the next.
    expect(stats.upstream_cx_total).toBe(1);
  });

  test('a response that ends with its connection is chunked for the client', async () => {
    const { client } = await proxyToAnswer((_request, socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
    await client.write(get).until(/transfer-encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n$/);
    expect(client.ended).toBe(false);
  });

  const requests: [name: string, sent: string, expected: RegExp][] = [
    ['content-length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc', /content-length: 3\r\n[\s\S]*\r\n\r\nabc$/],
    [
      'chunked',
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;e\r\na\r\n2\r\nbc\r\n0\r\n\r\n',
      /chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n$/,
    ],
    [
      'trailers',
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: v\r\nHost: evil\r\n\r\n',
      /1\r\na\r\n0\r\nx-t: v\r\n\r\n$/,
    ],
    ['an empty chunked body', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', /chunked\r\n\r\n0\r\n\r\n$/],
    ['no body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n', /content-length: 0\r\n[\s\S]*\r\n\r\n$/],
  ];
  test.each(requests)('of requests: %s, in one piece and byte by byte', async (_name, sent, expected) => {
    const { upstream, client } = await proxyToAnswer(ok('done;'));
    await client.write(sent).until('done;');
    expect(upstream.requests[0]).toMatch(expected);
    client.text = '';
    for (const byte of sent) {
      client.write(byte);
      await new Promise(setImmediate);
    }
    await client.until('done;');
    expect(upstream.requests.map(bodyOf)).toEqual([bodyOf(upstream.requests[0]!), bodyOf(upstream.requests[0]!)]);
  });

  test('bytes behind a response that is complete make its connection unfit for another', async () => {
    const { client, stats } = await proxyToAnswer(`${ok('a')}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison`);
    await client.write(get).until(/\r\n\r\na$/);
    client.text = '';
    expect(await client.write(get).until(/\r\n\r\na$/)).not.toContain('poison');
    expect(stats.upstream_cx_total).toBe(2);
  });

  const bad: [name: string, response: string][] = [
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['length and chunked', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(70_000)}`],
  ];
  test.each(bad)('an upstream that answers with %s gives 502', async (_name, response) => {
    const { client, proxy } = await proxyToAnswer(response);
    await client.write(get).until(/^HTTP\/1.1 502 [\s\S]*protocol error$/);
    expect(await proxy.logged(1)).toMatchObject([{ status: 502, flags: 'UPE' }]);
  });

  test('a response that is cut off cuts off the client', async () => {
    const { client, proxy } = await proxyToAnswer((_request, socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'));
    expect(await client.write(get).closed()).toMatch(/\r\n\r\nabc$/);
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, flags: 'UC' }]);
  });
});

describe('expectations', () => {
  test('100-continue is passed up, and the 100 down; then the body goes', async () => {
    const upstream = await Peer.listen((socket) => {
      let text = '';
      socket.on('data', (data) => {
        const waiting = !text.includes('\r\n\r\n');
        text += data.toString();
        if (waiting && text.includes('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        if (text.endsWith('body')) socket.write(ok(`${/expect: (\S+)/i.exec(text)?.[1]};`));
      });
    });
    const { client } = await proxyTo(upstream);
    await client
      .write('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n')
      .until('HTTP/1.1 100 Continue\r\n\r\n');
    expect(await client.write('body').until('100-continue;')).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/);
  });

  test('an answer before the body has come ends the connection behind it', async () => {
    const { client, proxy, stats } = await proxyTo(
      await Peer.listen((socket) => void socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno'))),
    );
    const text = await client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc').closed();
    expect(text).toMatch(/^HTTP\/1.1 413 [\s\S]*\r\n\r\nno$/);
    expect(await proxy.logged(1)).toMatchObject([{ status: 413 }]);
    expect(stats.upstream_rq_active).toBe(0);
  });
});

describe('tunnels', () => {
  /** Agrees to everything, then answers each piece with itself in capitals. */
  const shouter = (head: string) =>
    Peer.listen((socket) => {
      let agreed = head === '';
      socket.on('data', (data) => {
        if (agreed) socket.write(data.toString().toUpperCase());
        else socket.write(head);
        agreed = true;
      });
      socket.on('end', () => socket.end('BYE'));
    });

  test('an upgrade becomes one, both ways, each end for itself', async () => {
    const upstream = await shouter('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
    const { client, proxy } = await proxyTo(upstream);
    client.write('GET /ws HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(await client.until('\r\n\r\n')).toMatch(
      /^HTTP\/1.1 101 Switching Protocols\r\n[\s\S]*connection: upgrade\r\nupgrade: websocket\r\n\r\n$/,
    );
    await client.write('hello').until('HELLO');
    client.socket.end('more');
    expect(await client.closed()).toMatch(/HELLOMOREBYE$/);
    expect(await proxy.logged(1)).toMatchObject([{ status: 101, bytesReceived: 9, bytesSent: 12 }]);
  });

  test('an upgrade that is refused upstream is an ordinary response', async () => {
    const { client } = await proxyToAnswer(ok('no;'));
    const request = 'GET /ws HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    await client.write(request).until('no;');
    await client.write(get).until(/no;[\s\S]*no;/);
  });

  test('an upgrade to what is not allowed is refused', async () => {
    const { client, upstream } = await proxyToAnswer(ok());
    await client.write('GET / HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n').until(/^HTTP\/1.1 403 /);
    expect(upstream.requests).toEqual([]);
  });

  test('h2c is not taken up where HTTP/1 alone is spoken: the request goes on without', async () => {
    const { client, upstream } = await proxyToAnswer(ok('plain;'), { config: { codec: 'http1' } });
    await client
      .write('GET / HTTP/1.1\r\nhost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n')
      .until(/^HTTP\/1.1 200 [\s\S]*plain;/);
    expect(upstream.requests[0]).not.toMatch(/upgrade|settings/i);
  });

  test('CONNECT ends here where a route allows it: a connection to the cluster, bytes both ways', async () => {
    const { client, proxy } = await proxyTo(await shouter(''), { action: { upgradeTypes: new Set(['connect']) } });
    client.write('CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n');
    expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK\r\n(?![\s\S]*(?:content-length|transfer-encoding))/);
    await client.write('query').until('QUERY');
    client.socket.end();
    expect(await client.closed()).toMatch(/QUERYBYE$/);
    expect(await proxy.logged(1)).toMatchObject([{ method: 'CONNECT', status: 200, flags: '-' }]);
  });

  test('CONNECT is refused elsewhere', async () => {
    const { client } = await proxyTo(await shouter(''));
    await client.write('CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n').until(/^HTTP\/1.1 403 /);
  });

  test('CONNECT to nobody gives 503', async () => {
    const upstream = await shouter('');
    const { client } = await proxyTo(upstream, { action: { upgradeTypes: new Set(['connect']) } });
    await upstream.close();
    await client.write('CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n').until(/^HTTP\/1.1 503 [\s\S]*Connection refused$/);
  });
});

describe('large bodies', () => {
  const size = 32 * 1024 * 1024;
  const body = Buffer.alloc(size);
  for (let i = 0; i < size; i += 4) body.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i);
  const digest = createHash('sha256').update(body).digest('hex');

  test.each(['content-length', 'chunked', 'close'])('of responses come whole through back-pressure: %s', async (coding) => {
    const upstream = await Peer.listen((socket) => {
      socket.once('data', () => {
        const framing = { 'content-length': `content-length: ${size}`, chunked: 'transfer-encoding: chunked', close: 'x: y' }[coding];
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
        if (coding === 'chunked') socket.write(`${size.toString(16)}\r\n`);
        socket.write(body);
        if (coding === 'chunked') socket.write('\r\n0\r\n\r\n');
        if (coding === 'close') socket.end();
      });
    });
    const { port, proxy } = await proxyTo(upstream, { config: { acceptHttp10: true } });
    const socket = connect(port, '127.0.0.1');
    open.add({ close: () => void socket.destroy() });
    socket.write('GET / HTTP/1.0\r\nhost: a\r\nconnection: close\r\n\r\n');
    // A reader that stops now and then.
    const parts: Buffer[] = [];
    for await (const part of socket) {
      parts.push(part as Buffer);
      if (parts.length % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const all = Buffer.concat(parts);
    const received = all.subarray(all.indexOf('\r\n\r\n') + 4);
    expect(received.length).toBe(size);
    expect(createHash('sha256').update(received).digest('hex')).toBe(digest);
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, flags: '-', bytesSent: size }]);
  });

  test('of requests come whole, and a client that outruns its upstream is made to wait', async () => {
    const hash = createHash('sha256');
    let received = 0;
    let release = () => {};
    const mayRead = new Promise<void>((resolve) => (release = resolve));
    const upstream = await Peer.listen((socket) => {
      socket.pause();
      let head = true;
      socket.on('data', (data) => {
        let part = data;
        if (head) part = data.subarray(data.indexOf('\r\n\r\n') + 4);
        head = false;
        hash.update(part);
        received += part.length;
        if (received === size) socket.write(ok(hash.digest('hex')));
      });
      void mayRead.then(() => socket.resume());
    });
    const { client, proxy } = await proxyTo(upstream);
    client.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${size}\r\n\r\n`);
    let written = 0;
    let stuck = 0;
    // Writes until the kernel's buffers and the proxy's limit are full: far less than the whole.
    for (; written < size && stuck < 50; await new Promise((resolve) => setImmediate(resolve))) {
      if (client.socket.writableLength > 0) {
        stuck++;
        continue;
      }
      stuck = 0;
      client.socket.write(body.subarray(written, (written += 65_536)));
    }
    expect(written).toBeLessThan(size);
    const held = proxy.runtime.clusters.get('a')!.stats;
    expect(held.upstream_rq_active).toBe(1);
    release();
    client.socket.write(body.subarray(written));
    expect(await client.until(/[0-9a-f]{64}$/)).toContain(digest);
    expect(await proxy.logged(1)).toMatchObject([{ bytesReceived: size }]);
  });
});
