// The life of HTTP/2 connections through the proxy: draining, refusals, limits, timeouts, tunnels, slow readers.
import { createHash } from 'node:crypto';
import { type ClientHttp2Stream, constants, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import type { ClusterConfig } from '#proxy/config/cluster';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { http2Defaults } from '#proxy/config/http2-options';
import type { ForwardAction } from '#proxy/route/route';
import {
  block,
  type FieldPair,
  Frames,
  frame,
  getFields,
  headers,
  hello,
  lastData,
  post,
  reset,
  settings,
  type,
  uint32,
} from '../codec/http2/frames.ts';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, Peer, route, routeTable, TestProxy } from './fixture.ts';
import { answerOf, Http2Client, http2Peer } from './http2-peers.ts';

const opened = closer();
afterEach(opened.closeAll);

interface Changes {
  cluster?: Partial<ClusterConfig>;
  http?: Partial<HttpConnectionManagerConfig>;
  action?: Partial<ForwardAction>;
  clock?: ManualClock;
}

async function proxyTo(port: number, changes: Changes = {}) {
  const proxy = opened.add(new TestProxy(changes.clock ? { clock: changes.clock } : {}));
  proxy.runtime.clusters.set(cluster('up', [port], changes.cluster));
  const table = routeTable({ '*': route(forward('up', changes.action)) });
  const listening = await proxy.listen(httpListener(httpConfig(table, changes.http)));
  const upstream = proxy.runtime.clusters.get('up')!;
  return { proxy, port: listening, upstream, stats: () => proxy.listeners.httpStats.get('test') };
}

const http2Upstream = { cluster: { protocol: 'http2' } } as const;

/** An upstream of raw frames: hears of each request's stream, and is given the socket. */
async function rawUpstream(serve: (stream: number, write: (bytes: Buffer) => void, connection: number) => void) {
  let connections = 0;
  const peer = await Peer.listen((socket) => {
    const connection = ++connections;
    const frames = new Frames();
    let preface = 24;
    let served = 0;
    socket.write(settings());
    socket.on('data', (data) => {
      const skipped = Math.min(preface, data.length);
      preface -= skipped;
      frames.add(data.subarray(skipped));
      const heads = frames.seen.filter((seen) => seen.type === type.headers);
      for (; served < heads.length; served++) serve(heads[served]!.stream, (bytes) => socket.write(bytes), connection);
    });
  });
  return Object.assign(opened.add(peer), { connections: () => connections });
}

const answer = (stream: number, fields: FieldPair[] = [[':status', '200']]) => frame(type.headers, 5, stream, block(fields));
const goaway = (last: number, code = 0) => frame(type.goaway, 0, 0, uint32(last, code));
/** Lets what is under way in this process happen. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('upstream', () => {
  test('a stream that is refused is asked again, whatever the method', async () => {
    let asked = 0;
    const peer = await rawUpstream((stream, write) =>
      write(++asked === 1 ? reset(stream, constants.NGHTTP2_REFUSED_STREAM) : answer(stream)),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Client.connect(port));
    expect(await client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi').until('\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /);
    expect(asked).toBe(2);
  });

  test('a stream that is reset is a remote reset', async () => {
    const peer = await rawUpstream((stream, write) => write(reset(stream, 2)));
    const { port, proxy } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Client.connect(port));
    expect(await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('remote reset')).toMatch(/^HTTP\/1.1 503 /);
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'UR', details: 'upstream_reset_before_response_started{remote_reset}' }]);
  });

  test('GOAWAY: what it leaves out goes to a new connection, what it includes is answered', async () => {
    const peer = await rawUpstream((stream, write, connection) => {
      if (connection > 1)
        write(
          answer(stream, [
            [':status', '200'],
            ['x-by', 'second'],
          ]),
        );
      else if (stream === 3)
        write(
          Buffer.concat([
            goaway(1),
            answer(1, [
              [':status', '200'],
              ['x-by', 'first'],
            ]),
          ]),
        );
    });
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    const answers = await Promise.all([client.ask({ ':path': '/1' }), client.ask({ ':path': '/2' })]);
    expect(answers.map((given) => given.headers['x-by'])).toEqual(['first', 'second']);
    expect(peer.connections()).toBe(2);
  });

  test('requests beyond what the server takes get another connection', async () => {
    const held: (() => void)[] = [];
    const peer = opened.add(
      await http2Peer(
        (stream) => {
          held.push(() => stream.respond({ ':status': 200 }, { endStream: true }));
          if (held.length === 5) for (const release of held) release();
        },
        { maxConcurrentStreams: 2 },
      ),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    const warm = client.ask({ ':path': '/warm' });
    while (peer.requests.length === 0) await turn();
    const answers = await Promise.all([warm, ...[1, 2, 3, 4].map((i) => client.ask({ ':path': `/${i}` }))]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(peer.sessions).toBe(3);
  });

  test('where no more connections may be made, requests wait in line', async () => {
    const peer = opened.add(await http2Peer((stream) => stream.respond({ ':status': 200 }, { endStream: true })));
    const http2 = { ...http2Defaults, concurrentStreamsMax: 1 };
    const circuitBreaker = { connectionsMax: 1, pendingRequestsMax: 100, requestsMax: 100, retriesMax: 3 };
    const { port, upstream } = await proxyTo(peer.port, { cluster: { protocol: 'http2', http2, circuitBreaker } });
    const client = opened.add(await Http2Client.connect(port));
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.ask({ ':path': '/' })));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(peer.sessions).toBe(1);
    expect(upstream.stats).toMatchObject({ upstream_rq_pending_active: 0, upstream_cx_http2_total: 1 });
  });

  test.each([
    ['a malformed response', (stream: number) => answer(stream, [['a', 'b']]), 'UPE'],
    ['a header block that is none', (stream: number) => frame(type.headers, 5, stream, 'zz'), 'UPE'],
    ['a push', (stream: number) => frame(type.pushPromise, 4, stream, Buffer.concat([uint32(2), block(getFields)])), 'UPE'],
    ['101', (stream: number) => answer(stream, [[':status', '101']]), 'UPE'],
    ['DATA before the head', (stream: number) => lastData(stream, 'x'), 'UPE'],
    [
      'more body than declared',
      (stream: number) =>
        Buffer.concat([
          frame(
            type.headers,
            4,
            stream,
            block([
              [':status', '200'],
              ['content-length', '1'],
            ]),
          ),
          lastData(stream, 'xx'),
        ]),
      'UPE',
    ],
    ['an informational response that ends', (stream: number) => answer(stream, [[':status', '103']]), 'UPE'],
    ['a response to nothing', () => answer(77), 'UPE'],
  ])('%s is its fault', async (_what, respond, flags) => {
    const peer = await rawUpstream((stream, write) => write(respond(stream)));
    const { port, proxy } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Client.connect(port));
    client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    await client.closed();
    expect(await proxy.logged(1)).toMatchObject([{ flags }]);
  });

  test('a connection without requests ends when it is idle too long', async () => {
    const clock = new ManualClock();
    const peer = await rawUpstream((stream, write) => write(answer(stream)));
    const { port, upstream } = await proxyTo(peer.port, { cluster: { protocol: 'http2', idleTimeoutMs: 1000 }, clock });
    const client = opened.add(await Client.connect(port));
    await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('200 OK');
    clock.advance(1100);
    while (upstream.stats.upstream_cx_active > 0) await turn();
    expect(upstream.stats.upstream_cx_idle_timeout).toBe(1);
  });

  test('a connection whose pings are not answered is given up', async () => {
    const clock = new ManualClock();
    const http2 = { ...http2Defaults, keepaliveIntervalMs: 1000, keepaliveTimeoutMs: 500 };
    const peer = await rawUpstream((stream, write) => write(answer(stream)));
    const { port, upstream } = await proxyTo(peer.port, { cluster: { protocol: 'http2', http2 }, clock });
    const client = opened.add(await Client.connect(port));
    await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('200 OK');
    clock.advance(1100);
    await turn();
    clock.advance(600);
    while (upstream.stats.upstream_cx_active > 0) await turn();
    expect(upstream.http2Stats.keepalive_timeout).toBe(1);
  });

  test('use_downstream_protocol: HTTP/2 for HTTP/2, HTTP/1 for HTTP/1', async () => {
    const peer = opened.add(await http2Peer((stream) => stream.respond({ ':status': 200 }, { endStream: true })));
    const { port, upstream } = await proxyTo(peer.port, { cluster: { protocol: 'downstream' } });
    const client = opened.add(await Http2Client.connect(port));
    expect((await client.ask({ ':path': '/' })).status).toBe(200);
    expect(upstream.stats.upstream_cx_http1_total).toBe(0);
    const old = opened.add(await Client.connect(port));
    await old.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('HTTP/1.1 502');
    expect(upstream.stats.upstream_cx_http1_total).toBe(1);
  });
});

describe('downstream', () => {
  test('draining: what is under way is served, then the connection ends', async () => {
    let release = () => {};
    const peer = opened.add(
      await http2Peer((stream) => {
        release = () => stream.respond({ ':status': 200 }, { endStream: true });
      }),
    );
    const { proxy, port, stats } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    const asked = client.ask({ ':path': '/' });
    while (peer.requests.length === 0) await turn();
    const told = new Promise<number>((resolve) => client.session.once('goaway', (_code, last) => resolve(last)));
    const ended = new Promise<void>((resolve) => client.session.once('close', resolve));
    proxy.listeners.drain();
    expect(await told).toBe(0x7fffffff);
    release();
    expect((await asked).status).toBe(200);
    await ended;
    expect(stats().downstream_cx_drain_close).toBe(1);
  });

  test.each([
    ['http1', 'HTTP/1.1 400'],
    ['auto', undefined],
    ['http2', undefined],
  ] as const)('codec_type %s and the preface', async (codec, refused) => {
    const peer = opened.add(await httpPeer(ok()));
    const { port } = await proxyTo(peer.port, { http: { codec } });
    const client = opened.add(await Client.connect(port));
    client.socket.write(Buffer.concat([hello, headers(1)]));
    if (refused !== undefined) await client.until(refused);
    else await client.until('ok');
  });

  test('a preface that comes byte by byte', async () => {
    const peer = opened.add(await httpPeer(ok('it is there')));
    const { port, stats } = await proxyTo(peer.port);
    const client = opened.add(await Client.connect(port));
    for (const byte of Buffer.concat([hello, headers(1)])) {
      client.socket.write(Buffer.from([byte]));
      await turn();
    }
    await client.until('it is there');
    expect(stats()).toMatchObject({ downstream_cx_http2_total: 1, downstream_cx_http1_total: 0, downstream_rq_http2_total: 1 });
  });

  test('a head beyond the limits is answered 431, and others go on', async () => {
    const peer = opened.add(await httpPeer(ok()));
    const { port, proxy } = await proxyTo(peer.port);
    const client = opened.add(await Http2Client.connect(port));
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x-${i}`, 'v']));
    expect((await client.ask({ ':path': '/', ...many })).status).toBe(431);
    expect((await client.ask({ ':path': '/' })).status).toBe(200);
    expect(proxy.runtime.http2Stats.header_overflow).toBe(1);
  });

  test('a stream without a byte is timed out alone', async () => {
    const clock = new ManualClock();
    const peer = await rawUpstream((stream, write) => {
      if (stream > 1) write(answer(stream));
    });
    const { port, proxy } = await proxyTo(peer.port, { ...http2Upstream, http: { streamIdleTimeoutMs: 1000 }, clock });
    const client = opened.add(await Http2Client.connect(port));
    const silent = client.ask({ ':path': '/1' });
    while (proxy.runtime.clusters.get('up')!.stats.upstream_rq_active === 0) await turn();
    clock.advance(1100);
    expect((await silent).status).toBe(408);
    expect((await client.ask({ ':path': '/2' })).status).toBe(200);
    expect((await proxy.logged(2))[0]).toMatchObject({ flags: 'SI' });
  });

  test('an idle connection ends with GOAWAY', async () => {
    const clock = new ManualClock();
    const peer = opened.add(await httpPeer(ok()));
    const { port, stats } = await proxyTo(peer.port, { http: { idleTimeoutMs: 1000 }, clock });
    const client = opened.add(await Http2Client.connect(port));
    await client.ask({ ':path': '/' });
    const ended = new Promise<void>((resolve) => client.session.once('close', resolve));
    clock.advance(1100);
    await ended;
    expect(stats().downstream_cx_idle_timeout).toBe(1);
  });

  test('a client that goes away takes its requests with it', async () => {
    let gone = () => {};
    const closed = new Promise<void>((resolve) => (gone = resolve));
    const peer = opened.add(await http2Peer((stream) => stream.on('close', gone)));
    const { port, proxy } = await proxyTo(peer.port, http2Upstream);
    const client = await Http2Client.connect(port);
    client.ask({ ':path': '/' }).catch(() => {});
    while (peer.requests.length === 0) await turn();
    client.close();
    await closed;
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'DC', details: 'downstream_remote_disconnect' }]);
  });

  test('an answer that does not wait for the request ends it with NO_ERROR', async () => {
    const { port } = await proxyTo(1, { action: {} });
    const client = opened.add(await Client.connect(port));
    const frames = new Frames();
    client.socket.on('data', (data) => frames.add(data));
    client.socket.write(Buffer.concat([hello, post(1)]));
    while (!frames.seen.some((seen) => seen.type === type.rstStream)) await turn();
    expect(frames.answered).toEqual([1]);
    expect(frames.resets).toEqual([]);
  });
});

describe('messages in every combination', () => {
  const h1Answer =
    'HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n';

  test('trailers and informational responses: HTTP/1 to HTTP/2', async () => {
    const peer = opened.add(await httpPeer(h1Answer));
    const { port } = await proxyTo(peer.port);
    const client = opened.add(await Http2Client.connect(port));
    const stream = client.session.request({ ':path': '/', ':method': 'POST' });
    const given = await answerOf(stream, () => {
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-up': '1' }));
      stream.end('body');
    });
    expect(given).toMatchObject({ status: 200, body: 'abc', trailers: { 'x-sum': '7' }, informational: [103] });
  });

  test('trailers of requests and responses: HTTP/2 to HTTP/2', async () => {
    const peer = opened.add(
      await http2Peer((stream) => {
        stream.additionalHeaders({ ':status': 103, link: '<a>' });
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
        stream.end('abc');
      }),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    const stream = client.session.request({ ':path': '/', ':method': 'POST' }, { waitForTrailers: true } as object);
    const given = await answerOf(stream, () => {
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-up': '1' }));
      stream.end('body');
    });
    expect(given).toMatchObject({ status: 200, body: 'abc', trailers: { 'x-sum': '7' }, informational: [103] });
    expect(peer.requests[0]!.trailers).toMatchObject({ 'x-up': '1' });
  });

  test('trailers: HTTP/2 to HTTP/1', async () => {
    const peer = opened.add(
      await http2Peer((stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
        stream.end('abc');
      }),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Client.connect(port));
    expect(await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('x-sum')).toContain('3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n');
  });

  test('HEAD, 204 and 304 have no body, whatever their content-length says', async () => {
    const peer = await rawUpstream((stream, write) =>
      write(
        answer(stream, [
          [':status', '200'],
          ['content-length', '9'],
        ]),
      ),
    );
    const { port } = await proxyTo(peer.port, http2Upstream);
    const client = opened.add(await Http2Client.connect(port));
    expect(await client.ask({ ':path': '/', ':method': 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  test('cookies in crumbs are one line for HTTP/1', async () => {
    const peer = opened.add(await httpPeer(ok()));
    const { port } = await proxyTo(peer.port);
    const client = opened.add(await Client.connect(port));
    client.socket.write(Buffer.concat([hello, headers(1, [...getFields, ['cookie', 'a=b'], ['cookie', 'c=d']])]));
    await client.until('ok');
    expect(peer.requests[0]).toContain('\r\ncookie: a=b; c=d\r\n');
  });
});

describe('tunnels', () => {
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const extended = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', ':scheme': 'http', ':authority': 'a' };

  /** An HTTP/1 server that agrees to WebSocket, and then echoes. */
  const echoing = () =>
    Peer.listen((socket) => {
      let upgraded = false;
      socket.on('data', (data) => {
        if (upgraded) socket.write(data);
        else
          socket.write(
            /\r\nsec-websocket-key: [^\r\n]{24}\r\n/.test(data.toString('latin1'))
              ? 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'
              : 'HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n',
          );
        upgraded = true;
      });
      socket.on('end', () => socket.end());
    });

  async function talk(stream: ClientHttp2Stream): Promise<string> {
    const status = await new Promise((resolve) => stream.once('response', (given) => resolve(given[':status'])));
    stream.write('ping');
    const heard = await new Promise((resolve) => stream.once('data', resolve));
    stream.end();
    await new Promise((resolve) => stream.resume().once('close', resolve));
    return `${status} ${heard}`;
  }

  /** Node's client only asks so once it knows that it may. */
  const settled = (client: Http2Client) =>
    new Promise<void>((resolve) =>
      client.session.remoteSettings.enableConnectProtocol ? resolve() : client.session.once('remoteSettings', () => resolve()),
    );

  test('WebSocket over HTTP/2 to a server of HTTP/1', async () => {
    const peer = opened.add(await echoing());
    const { port } = await proxyTo(peer.port);
    const client = opened.add(await Http2Client.connect(port));
    await settled(client);
    expect(await talk(client.session.request(extended, { endStream: false }))).toBe('200 ping');
  });

  test('WebSocket over HTTP/1 to a server of HTTP/2', async () => {
    const server = await rawUpstream((stream, write) => {
      write(frame(type.headers, 4, stream, block([[':status', '200']])));
      write(lastData(stream, 'welcome'));
    });
    const { port } = await proxyTo(server.port, http2Upstream);
    // The server has not said that it knows extended CONNECT.
    const client = opened.add(await Client.connect(port));
    client.write(`GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key}\r\n\r\n`);
    await client.until('HTTP/1.1 502');

    const knowing = opened.add(
      await Peer.listen((socket) => {
        socket.write(settings([8, 1]));
        const frames = new Frames();
        let preface = 24;
        let answered = false;
        socket.on('data', (data) => {
          const skipped = Math.min(preface, data.length);
          preface -= skipped;
          frames.add(data.subarray(skipped));
          const asked = frames.seen.find((seen) => seen.type === type.headers);
          if (asked === undefined || answered) return;
          answered = true;
          socket.write(frame(type.headers, 4, asked.stream, block([[':status', '200']])));
          socket.write(frame(type.data, 0, asked.stream, 'welcome'));
        });
      }),
    );
    const second = await proxyTo(knowing.port, http2Upstream);
    const other = opened.add(await Client.connect(second.port));
    other.write(`GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key}\r\n\r\n`);
    const text = await other.until('welcome');
    expect(text).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
    expect(text).toContain(`sec-websocket-accept: ${accept}\r\n`);
    expect(text).toContain('upgrade: websocket\r\n');
  });
});

describe('slow readers', () => {
  test.each(['http1', 'http2'] as const)('a client that does not read stops its %s upstream', async (protocol) => {
    let sent = 0;
    const total = 64 * 1024 * 1024;
    const chunk = Buffer.alloc(65_536);
    const pour = (stream: NodeJS.WritableStream) => {
      let more = true;
      while (more && sent < total) {
        more = stream.write(chunk);
        sent += chunk.length;
      }
      if (sent < total) stream.once('drain', () => pour(stream));
      else if (protocol === 'http2') stream.end();
    };
    const http1 = (_request: string, socket: Socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
      pour(socket);
      return undefined;
    };
    const http2 = (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200 });
      pour(stream);
    };
    const peer = opened.add(protocol === 'http2' ? await http2Peer(http2) : await httpPeer(http1));
    const { port } = await proxyTo(peer.port, { cluster: { protocol } });
    const client = opened.add(await Http2Client.connect(port));
    const stream = client.session.request({ ':path': '/' });
    await new Promise((resolve) => stream.once('response', resolve));
    // Nobody reads: what is sent comes to rest at the windows and the buffers of sockets.
    let before = -1;
    while (before !== sent) {
      before = sent;
      for (let i = 0; i < 50; i++) await turn();
    }
    expect(sent).toBeLessThan(total / 2);
    let received = 0;
    stream.on('data', (data: Buffer) => {
      received += data.length;
    });
    await new Promise((resolve) => stream.once('end', resolve));
    expect(received).toBe(total);
  });
});
