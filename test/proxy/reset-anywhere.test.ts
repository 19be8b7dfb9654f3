// Connections reset at every byte of an exchange, by either side, in either protocol: one line in the log, the right flag, nothing left
// behind, and a connection beside it that does not notice.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { block, frame, headers, hello, post, settings, type } from '../codec/http2/frames.ts';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, Peer, route, routeTable, TestProxy } from './fixture.ts';
import { http2Peer } from './http2-peers.ts';

const opened = closer();
afterEach(opened.closeAll);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const protocols = ['http1', 'http2'] as const;
type Protocol = (typeof protocols)[number];

const requests: Record<Protocol, Buffer> = {
  http1: Buffer.from('POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n'),
  http2: Buffer.concat([hello, post(1), frame(type.data, 0, 1, 'abc'), headers(1, [['x-sum', '7']])]),
};
const responses: Record<Protocol, Buffer> = {
  http1: Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n'),
  http2: Buffer.concat([
    settings(),
    frame(type.headers, 4, 1, block([[':status', '200']])),
    frame(type.data, 0, 1, 'abc'),
    headers(1, [['x-sum', '7']]),
  ]),
};

async function proxyTo(peer: { port: number; close(): Promise<void> }, protocol: Protocol) {
  opened.add(peer);
  const other = opened.add(await httpPeer(ok('served;')));
  const proxy = opened.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('up', [peer.port], { protocol }));
  proxy.runtime.clusters.set(cluster('other', [other.port]));
  const table = routeTable({ '/other': route(forward('other')), '*': route(forward('up')) });
  const port = await proxy.listen(httpListener(httpConfig(table)));
  const beside = opened.add(await Client.connect(port));
  const askBeside = async () => {
    beside.text = '';
    await beside.write('GET /other HTTP/1.1\r\nhost: a\r\n\r\n').until('served;');
  };
  await askBeside();
  const quiet = async () => {
    const { stats } = proxy.runtime.clusters.get('up')!;
    const downstream = proxy.listeners.httpStats.get('test')!;
    while (downstream.downstream_cx_active > 1 || downstream.downstream_rq_active > 0) await turn();
    while (stats.upstream_rq_active > 0 || stats.upstream_rq_pending_active > 0) await turn();
  };
  return { proxy, port, askBeside, quiet };
}

const goodPeer = (protocol: Protocol) =>
  protocol === 'http1' ? httpPeer(ok()) : http2Peer((stream) => stream.respond({ ':status': 200 }, { endStream: true }));

/** Sends the first `count` bytes and resets the connection once they have gone. */
async function sendAndReset(port: number, bytes: Buffer): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  // Now and then the proxy has looked at them, now and then it has not.
  if (bytes.length % 2 === 0) for (let i = 0; i < 4; i++) await turn();
  socket.resetAndDestroy();
}

describe.each(protocols)('a client of %s', (downstream) => {
  test.each(protocols)('that resets anywhere; %s upstream', async (upstream) => {
    const { proxy, port, askBeside, quiet } = await proxyTo(await goodPeer(upstream), upstream);
    const request = requests[downstream];
    for (let cut = 0; cut <= request.length; cut++) {
      await sendAndReset(port, request.subarray(0, cut));
      await quiet();
    }
    await askBeside();
    const { stats, http2Stats } = proxy.runtime.clusters.get('up')!;
    expect(stats).toMatchObject({ upstream_rq_active: 0, upstream_rq_pending_active: 0 });
    expect([http2Stats.streams_active, proxy.runtime.http2Stats.streams_active]).toEqual([0, 0]);
    const flags = new Set(proxy.log.map((line) => line.flags));
    expect(flags).toContain('DC');
    expect([...flags].filter((each) => each !== 'DC' && each !== '-')).toEqual([]);
    // Each exchange that began is told of once: those whose head had come.
    expect(proxy.log.length).toBeLessThanOrEqual(request.length + 3);
  });
});

describe.each(protocols)('an upstream of %s', (upstream) => {
  /** Resets after so many bytes of the request, or of the response. */
  function brittlePeer(at: { received?: number; sent?: number }): Promise<Peer> {
    return Peer.listen((socket: Socket) => {
      let received = 0;
      let answered = false;
      socket.on('data', (data) => {
        received += data.length;
        if (at.received !== undefined && received >= at.received) socket.resetAndDestroy();
        if (at.sent === undefined || answered) return;
        answered = true;
        socket.write(responses[upstream].subarray(0, at.sent), () => socket.resetAndDestroy());
      });
    });
  }

  test.each(protocols)('that resets anywhere; a client of %s', async (downstream) => {
    const at: { received?: number; sent?: number } = {};
    const { proxy, port, askBeside, quiet } = await proxyTo(await brittlePeer(at), upstream);
    const whole = responses[upstream].length;
    const points = [
      ...Array.from({ length: 40 }, (_, i) => ({ received: 1 + i * 4, sent: undefined })),
      ...Array.from({ length: whole }, (_, sent) => ({ received: undefined, sent })),
    ];
    for (const [i, point] of points.entries()) {
      Object.assign(at, point);
      const client = await Client.connect(port);
      client.socket.write(requests[downstream]);
      const log = await proxy.logged(i + 2);
      // The client knows: an answer of ours, or what it got does not end.
      expect(log.at(-1)!.flags, JSON.stringify(point)).toMatch(/^(?:UC|UPE|UF|UR)$/);
      client.close();
      await quiet();
    }
    await askBeside();
    const { stats, http2Stats } = proxy.runtime.clusters.get('up')!;
    expect(stats).toMatchObject({ upstream_cx_active: 0, upstream_rq_active: 0, upstream_rq_pending_active: 0 });
    expect([http2Stats.streams_active, proxy.runtime.http2Stats.streams_active]).toEqual([0, 0]);
    expect(proxy.log.length).toBe(points.length + 2);
  });
});
