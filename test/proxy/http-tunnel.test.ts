// TCP through an HTTP proxy: by CONNECT and by POST, over HTTP/1 and HTTP/2, in large and in vain.
import { afterEach, describe, expect, test } from 'vitest';
import { Client, closer, cluster, httpPeer, Peer, TestProxy, tcpListener } from './fixture.ts';
import { http2TunnelPeer } from './http2-peers.ts';

const open = closer();
afterEach(() => open.closeAll());

const target = 'far.example:443';

async function through(port: number, protocol: 'http1' | 'http2', post?: { path: string }) {
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [port], { protocol }));
  const tunnel = { target, post, headers: [['x-by', 'lateen']] as const };
  const listening = await proxy.listen(tcpListener({ clusters: [{ name: 'a', weight: 1 }], tunnel }));
  return { proxy, client: open.add(await Client.connect(listening)) };
}

/** An HTTP/1 proxy that answers a head with `answer`, and then sends back what it gets. */
async function tunnelPeer(answer: string): Promise<Peer & { heads: string[] }> {
  const heads: string[] = [];
  const peer = await Peer.listen((socket) => {
    let text = '';
    let established = false;
    socket.on('end', () => socket.end());
    socket.on('data', (data) => {
      if (established) {
        socket.write(data);
        return;
      }
      text += data.toString('latin1');
      const end = text.indexOf('\r\n\r\n') + 4;
      if (end < 4) return;
      heads.push(text.slice(0, end));
      established = true;
      socket.write(answer + text.slice(end), 'latin1');
    });
  });
  return Object.assign(peer, { heads });
}

const long = 'x'.repeat(3_000_000);

describe('over HTTP/1', () => {
  test('by CONNECT: both ways, much of it, each way to its end', async () => {
    const upstream = open.add(await tunnelPeer('HTTP/1.1 200 OK\r\n\r\n'));
    const { client, proxy } = await through(upstream.port, 'http1');
    await client.write('hello').until('hello');
    expect(upstream.heads).toEqual([`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\nx-by: lateen\r\n\r\n`]);
    client.write(long);
    client.socket.end();
    expect((await client.closed()).length).toBe(5 + long.length);
    expect(await proxy.logged(1)).toMatchObject([{ flags: '-', bytesSent: 5 + long.length }]);
  });

  test('by POST: as chunks, which go back as chunks', async () => {
    const upstream = open.add(await tunnelPeer('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'));
    const { client } = await through(upstream.port, 'http1', { path: '/tunnel' });
    await client.write('hello').until('hello');
    expect(upstream.heads[0]).toMatch(/^POST \/tunnel HTTP\/1.1\r\nhost: far.example:443\r\n/);
    expect(upstream.heads[0]).toContain('transfer-encoding: chunked');
    client.socket.end();
    expect(await client.closed()).toBe('hello');
  });

  test('a proxy that refuses: the connection ends, and says why', async () => {
    const upstream = open.add(await httpPeer('HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno'));
    const { client, proxy } = await through(upstream.port, 'http1');
    expect(await client.closed()).toBe('');
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'UF', termination: 'upstream_connection_failure' }]);
  });

  test('a proxy that goes away: the connection ends', async () => {
    const upstream = open.add(await tunnelPeer('HTTP/1.1 200 OK\r\n\r\n'));
    const { client } = await through(upstream.port, 'http1');
    await client.write('hello').until('hello');
    for (const socket of upstream.sockets) socket.destroy();
    expect(await client.closed()).toBe('hello');
  });
});

test.each([
  ['CONNECT', undefined],
  ['POST', { path: '/tunnel' }],
])('over HTTP/2 by %s: many connections share one', async (method, post) => {
  const upstream = open.add(await http2TunnelPeer());
  const { client, proxy } = await through(upstream.port, 'http2', post);
  await client.write('hello').until('hello');
  const second = open.add(await Client.connect(proxy.port()));
  await second.write('again').until('again');
  expect(upstream.sessions).toBe(1);
  expect(upstream.heads[0]).toMatchObject({ ':method': method, ':authority': target, 'x-by': 'lateen' });
  client.write(long);
  client.socket.end();
  expect((await client.closed()).length).toBe(5 + long.length);
});
