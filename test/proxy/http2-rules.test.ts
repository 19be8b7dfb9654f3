// The rules of test/codec/http2/server-rules.ts once more, through a whole proxy over a socket, with an HTTP/1 upstream behind it.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { http2Defaults } from '#proxy/config/http2-options';
import { Frames, headers, hello, ping } from '../codec/http2/frames.ts';
import { type Expected, ruleLimits, serverRules } from '../codec/http2/server-rules.ts';
import { closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, route, routeTable, TestProxy } from './fixture.ts';

const opened = closer();
let port = 0;

beforeAll(async () => {
  const peer = opened.add(await httpPeer(ok('hello')));
  const proxy = opened.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('up', [peer.port]));
  const { concurrentStreamsMax, streamWindowBytes, connectionWindowBytes } = ruleLimits;
  const http2 = { ...http2Defaults, concurrentStreamsMax, streamWindowBytes, connectionWindowBytes };
  port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('up')) }), { http2 })));
});
afterAll(opened.closeAll);

/** Sends `bytes` and resolves with the frames that have come when `done` says so, or the connection ends. */
function exchange(bytes: Buffer, done: (frames: Frames) => boolean): Promise<Frames> {
  return new Promise((resolve, reject) => {
    const frames = new Frames();
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = () => {
      socket.destroy();
      resolve(frames);
    };
    socket.on('error', reject);
    socket.on('data', (data) => {
      frames.add(data);
      if (done(frames)) finish();
    });
    socket.on('end', finish);
    socket.write(bytes);
  });
}

function isMet(expected: Expected, frames: Frames): boolean {
  if ('goaway' in expected) return frames.goaway !== undefined;
  if (frames.pongs('probing!') === 0) return false;
  if ('reset' in expected) return frames.resets.length >= expected.reset.length;
  return !('answered' in expected) || expected.answered.every((stream) => frames.answered.includes(stream));
}

describe('the proxy, as a server', () => {
  test.each(serverRules.map((rule) => [`${rule.section}: ${rule.what}`, rule] as const))(
    '%s',
    async (_name, { send, expect: expected }) => {
      const frames = await exchange(Buffer.concat([send, ping('probing!')]), (seen) => isMet(expected, seen));
      if ('goaway' in expected) expect({ goaway: frames.goaway }).toEqual(expected);
      else expect(frames.goaway).toBeUndefined();
      if ('reset' in expected) expect(frames.resets).toEqual(expected.reset);
      if ('answered' in expected) expect(frames.answered).toEqual(expect.arrayContaining(expected.answered));
    },
  );

  test('other connections are none the worse', async () => {
    const frames = await exchange(Buffer.concat([hello, headers(1)]), ({ answered }) => answered.includes(1));
    expect(frames.answered).toEqual([1]);
  });
});
