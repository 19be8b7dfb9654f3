// A client that begins in HTTP/1.1 and asks for HTTP/2 (`Upgrade: h2c`): who gets it, who goes on in HTTP/1.1, and what the connection is then.
import { afterEach, describe, expect, test } from 'vitest';
import { Http2Connection } from '#codec/http2/connection';
import { clientPreface } from '#codec/http2/frame';
import type { MessageHead } from '#codec/http2/message';
import { OutputBuffers } from '#codec/http2/output';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { http2Defaults } from '#proxy/config/http2-options';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, route, routeTable, TestProxy } from './fixture.ts';

const open = closer();
afterEach(open.closeAll);

/** SETTINGS_INITIAL_WINDOW_SIZE of 5. */
const smallWindow = Buffer.from([0, 4, 0, 0, 0, 5]).toString('base64url');
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const asking = (settings: string, more = '') =>
  `host: a\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: ${settings}\r\n${more}\r\n`;

async function started(changes: Partial<HttpConnectionManagerConfig> = {}) {
  const upstream = open.add(await httpPeer(ok('hello world')));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const config = httpConfig(routeTable({ '*': route(forward('a')) }), { codec: 'auto', ...changes });
  const client = open.add(await Client.connect(await proxy.listen(httpListener(config))));
  return { upstream, proxy, client };
}

interface Answer {
  status: number;
  body: string;
  ended: boolean;
}

/** What the client does once it has its 101: its own HTTP/2, whose first stream is the request that it has sent. */
class UpgradedClient {
  readonly codec: Http2Connection;
  readonly first: Answer;

  constructor(
    private readonly client: Client,
    bodiless: boolean,
  ) {
    const ignore = () => {};
    this.codec = new Http2Connection({
      role: 'client',
      limits: { ...http2Defaults, headerListBytesMax: 60_000, headersMax: 100 },
      buffers: new OutputBuffers(),
      nowMs: () => 0,
      events: {
        onRequest: ignore,
        onExcessiveRequest: ignore,
        onStreamClosed: ignore,
        onSettings: ignore,
        onGoaway: ignore,
        onPong: ignore,
        onOutput: ignore,
        onFailure: ({ reason }) => {
          throw new Error(reason);
        },
      },
    });
    this.first = this.ask(undefined, bodiless);
    client.socket.removeAllListeners('data');
    client.socket.on('data', (data: Buffer) => {
      this.codec.feed(data, 0, data.length);
      this.send();
    });
  }

  /** `path`: undefined for the request that was sent in HTTP/1.1. */
  ask(path: string | undefined, bodiless = false): Answer {
    const stream = this.codec.open();
    stream.bodiless = bodiless;
    const answer = { status: 0, body: '', ended: false };
    stream.events = {
      onHead: (head: MessageHead, fin) => {
        answer.status = head.status;
        answer.ended = fin;
      },
      onBody: (buffer, start, end, fin) => {
        answer.body += buffer.toString('utf8', start, end);
        answer.ended = fin;
        stream.consume(end - start);
      },
      onTrailers: () => {},
      onReset: (code) => {
        answer.body = `reset ${code}`;
        answer.ended = true;
      },
      onDrained: () => {},
    };
    if (path === undefined) return answer;
    const encoder = stream.beginHead();
    for (const [name, value] of Object.entries({ ':method': 'GET', ':scheme': 'http', ':authority': 'a', ':path': path })) {
      encoder.add(name, value);
    }
    stream.endHead(true);
    this.send();
    return answer;
  }

  start(): void {
    this.codec.start();
    this.send();
  }

  private send(): void {
    for (const { buffer, length } of this.codec.output.take()) this.client.socket.write(Buffer.from(buffer.subarray(0, length)));
    this.codec.drained();
  }
}

/** Resolves with the whole of the answer to the request that asked. */
async function upgraded(client: Client, request: string): Promise<UpgradedClient> {
  await client.write(request).until('101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n');
  const behind = Buffer.from(client.text.slice(client.text.indexOf('\r\n\r\n') + 4), 'latin1');
  const http2 = new UpgradedClient(client, request.startsWith('HEAD'));
  http2.start();
  http2.codec.feed(behind, 0, behind.length);
  return http2;
}

describe('with the upgrade', () => {
  test('the first request is answered on stream 1, later ones on theirs; the upstream sees nothing of it', async () => {
    const { upstream, proxy, client } = await started();
    const http2 = await upgraded(client, `GET /first HTTP/1.1\r\nx-test: yes\r\n${asking('')}`);
    await expect.poll(() => http2.first).toEqual({ status: 200, body: 'hello world', ended: true });
    const second = http2.ask('/second');
    await expect.poll(() => second).toEqual({ status: 200, body: 'hello world', ended: true });
    expect(upstream.requests[0]).toMatch(/^GET \/first HTTP\/1\.1\r\nhost: a\r\n/);
    expect(upstream.requests[0]).toContain('x-test: yes\r\n');
    expect(upstream.requests[0]).not.toMatch(/upgrade|http2-settings/i);
    expect(await proxy.logged(2)).toMatchObject([{ path: '/first' }, { path: '/second' }]);
  });

  test('what it said in its header holds: a window of 5', async () => {
    const { client } = await started();
    await client.write(`GET / HTTP/1.1\r\n${asking(smallWindow)}`).until('101 Switching Protocols');
    client.socket.write(clientPreface);
    client.socket.write(emptySettings);
    await client.until('hello');
    // Not before the client has opened the window.
    client.socket.write(Buffer.from([0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0, 0, 6]));
    expect(await client.until(' world')).not.toContain('hello world');
  });

  test('nothing but settings goes to a client that has not spoken HTTP/2 yet, nor to the upstream for it', async () => {
    const { upstream, client } = await started();
    await client.write(`GET / HTTP/1.1\r\n${asking('')}`).until('101 Switching Protocols');
    // All but the last byte of what makes it a client of HTTP/2.
    client.socket.write(Buffer.concat([clientPreface, emptySettings.subarray(0, -1)]));
    // Another connection's exchange comes and goes meanwhile.
    const other = open.add(await Client.connect(client.socket.remotePort!));
    await other.write('GET /other HTTP/1.1\r\nhost: a\r\n\r\n').until('hello world');
    expect(upstream.requests.join()).not.toContain('GET / ');
    client.socket.write(emptySettings.subarray(-1));
    await client.until('hello world');
  });

  test('a HEAD has no body', async () => {
    const { client } = await started();
    const http2 = await upgraded(client, `HEAD / HTTP/1.1\r\n${asking('')}`);
    await expect.poll(() => http2.first).toEqual({ status: 200, body: '', ended: true });
  });

  test('bytes that are no HTTP/2 end it', async () => {
    const { client } = await started();
    await client.write(`GET / HTTP/1.1\r\n${asking('')}GET / HTTP/1.1\r\nhost: a\r\n\r\n`).closed();
    expect(client.text).toContain('101 Switching Protocols');
    expect(client.text).not.toContain('HTTP/1.1 200');
  });
});

test.each([
  ['a request with a body', 'POST', asking('', 'content-length: 2\r\n').concat('ab'), {}],
  ['settings that are none', 'GET', asking('AAA'), {}],
  ['settings that HTTP/2 forbids', 'GET', asking(Buffer.from([0, 2, 0, 0, 0, 2]).toString('base64url')), {}],
  ['settings given twice', 'GET', asking('', 'http2-settings: AAMAAABk\r\n'), {}],
  ['settings that connection does not name', 'GET', 'host: a\r\nconnection: Upgrade\r\nupgrade: h2c\r\nhttp2-settings: \r\n\r\n', {}],
  ['a listener of HTTP/1 alone', 'GET', asking(''), { codec: 'http1' as const }],
])('%s goes on in HTTP/1.1', async (_name, method, rest, changes) => {
  const { client, upstream } = await started(changes);
  await client.write(`${method} / HTTP/1.1\r\n${rest}`).until('hello world');
  expect(client.text).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(upstream.requests[0]).not.toMatch(/upgrade: h2c/i);
});
