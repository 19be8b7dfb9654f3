// The PROXY protocol over sockets: what an upstream is told, what a listener believes, and what it refuses.
import { afterEach, describe, expect, test } from 'vitest';
import { encodeProxyHeader } from '#codec/proxy-protocol/header';
import { ManualClock } from '#foundation/clock';
import type { FilterChain, ProxyProtocolConfig } from '#proxy/config/listener';
import {
  Client,
  closer,
  cluster,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  matchAnything,
  ok,
  Peer,
  route,
  routeTable,
  TestProxy,
  tcpListener,
} from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

const required: ProxyProtocolConfig = { optional: false, disallowed: [] };

/** An upstream that sends back whatever it gets. */
const echo = () => Peer.listen((socket) => void socket.pipe(socket));

describe('an upstream is told', () => {
  test('of a TCP connection, who is at its ends, before its bytes', async () => {
    const upstream = open.add(await echo());
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port], { proxyProtocol: 'v1' }));
    const port = await proxy.listen(tcpListener({ clusters: [{ name: 'a', weight: 1 }] }));
    const client = open.add(await Client.connect(port, { address: '127.0.0.9' }));
    const text = await client.write('hello').until('hello');
    expect(text).toBe(`PROXY TCP4 127.0.0.9 127.0.0.1 ${client.socket.localPort} ${port}\r\nhello`);
  });

  test.each([
    ['v1', 'PROXY UNKNOWN\r\n'],
    ['v2', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'],
  ] as const)('of HTTP connections, which are of no one client, nothing: %s', async (proxyProtocol, header) => {
    let seen = '';
    const upstream = open.add(
      await Peer.listen((socket) =>
        socket.on('data', (data) => {
          seen += data.toString('latin1');
          if (seen.endsWith('\r\n\r\n')) socket.write(ok('x;'));
        }),
      ),
    );
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port], { proxyProtocol }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const client = open.add(await Client.connect(port));
    for (const _ of [1, 2]) {
      client.text = '';
      await client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n').until('x;');
    }
    expect(seen.startsWith(`${header}GET / HTTP/1.1\r\n`)).toBe(true);
    expect(seen.split(header)).toHaveLength(2);
  });
});

const told = { source: { address: '10.9.8.7', port: 1234 }, destination: { address: '10.0.0.1', port: 80 } };

describe('a listener', () => {
  test.each(['v1', 'v2'] as const)('takes the client from the header, %s, in whatever pieces', async (version) => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port]));
    const http = httpConfig(routeTable({ '*': route(forward('a')) }), { useRemoteAddress: true });
    const port = await proxy.listen(httpListener(http, { proxyProtocol: required }));
    const client = open.add(await Client.connect(port));
    const bytes = `${encodeProxyHeader(version, told).toString('latin1')}GET / HTTP/1.1\r\nhost: x\r\n\r\n`;
    for (const piece of [bytes.slice(0, 3), bytes.slice(3, 20), bytes.slice(20)]) {
      await new Promise<void>((resolve) => client.socket.write(piece, 'latin1', () => resolve()));
    }
    await client.until('x;');
    expect(upstream.requests[0]).toContain('\r\nx-forwarded-for: 10.9.8.7\r\n');
  });

  test.each([
    { from: '203.0.113.9', kept: false },
    { from: '10.9.8.7', kept: true },
  ])('what steers the mesh is taken from clients outside of it: $from', async ({ from, kept }) => {
    const upstream = open.add(await httpPeer(ok('x;')));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port]));
    const http = httpConfig(routeTable({ '*': route(forward('a')) }), { useRemoteAddress: true });
    const port = await proxy.listen(httpListener(http, { proxyProtocol: required }));
    const header = encodeProxyHeader('v1', { ...told, source: { address: from, port: 1 } }).toString('latin1');
    const steering = 'X-Envoy-Retry-On: 5xx\r\nx-envoy-internal: true\r\nx-envoy-external-address: 1.1.1.1\r\nx-request-id: mine\r\n';
    await open
      .add(await Client.connect(port))
      .write(`${header}GET / HTTP/1.1\r\nhost: x\r\n${steering}\r\n`)
      .until('x;');
    const sent = ['Envoy-Retry-On: 5xx', 'envoy-internal: true', 'request-id: mine', 'address: 1.1.1.1'].filter((line) =>
      upstream.requests[0]!.includes(line),
    );
    expect(sent).toHaveLength(kept ? 4 : 0);
    expect(upstream.requests[0]!.includes(`x-envoy-external-address: ${from}\r\n`)).toBe(!kept);
  });

  test('chooses the filter chain by the destination of the header', async () => {
    const [a, b] = [open.add(await Peer.listen((socket) => socket.end('a'))), open.add(await Peer.listen((socket) => socket.end('b')))];
    const proxy = open.add(new TestProxy());
    for (const [name, peer] of Object.entries({ a, b })) proxy.runtime.clusters.set(cluster(name, [peer.port]));
    const base = tcpListener({ clusters: [{ name: 'a', weight: 1 }] }, { proxyProtocol: required });
    const other = tcpListener({ clusters: [{ name: 'b', weight: 1 }] }).filterChains[0]!;
    const forPort80: FilterChain = { ...other, name: 'b', match: { ...matchAnything, destinationPort: 80 } };
    const port = await proxy.listen({ ...base, filterChains: [...base.filterChains, forPort80] });
    const from = async (header: string) =>
      open
        .add(await Client.connect(port))
        .write(header)
        .closed();
    expect(await from(encodeProxyHeader('v1', told).toString())).toBe('b');
    expect(await from('PROXY UNKNOWN\r\n')).toBe('a');
  });

  test.each<[what: string, config: ProxyProtocolConfig, sent: string, served: boolean]>([
    ['something else', required, 'hello', false],
    ['something else, where that may be', { ...required, optional: true }, 'hello', true],
    ['a malformed header, even there', { ...required, optional: true }, 'PROXY TCP9 x\r\nhello', false],
    ['a version that is not allowed', { ...required, disallowed: ['v1'] }, 'PROXY UNKNOWN\r\nhello', false],
    ['a header', required, 'PROXY UNKNOWN\r\nhello', true],
  ])('and %s', async (_, proxyProtocol, sent, served) => {
    const upstream = open.add(await echo());
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port]));
    const port = await proxy.listen(tcpListener({ clusters: [{ name: 'a', weight: 1 }] }, { proxyProtocol }));
    const client = open.add(await Client.connect(port)).write(sent);
    if (served) expect(await client.until('hello')).toBe('hello');
    else expect(await client.closed()).toBe('');
  });

  test('a client that says nothing is given up', async () => {
    const clock = new ManualClock();
    const proxy = open.add(new TestProxy({ clock }));
    const config = tcpListener({ clusters: [{ name: 'a', weight: 1 }] }, { proxyProtocol: required, inspectionTimeoutMs: 1000 });
    const port = await proxy.listen(config);
    const client = open.add(await Client.connect(port)).write('PROXY TC');
    const turn = setInterval(() => clock.advance(500), 1);
    try {
      expect(await client.closed()).toBe('');
    } finally {
      clearInterval(turn);
    }
  });
});
