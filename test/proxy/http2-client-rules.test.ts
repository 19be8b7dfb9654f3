// The rules of test/codec/http2/client-rules.ts through a whole proxy: it is the client, and the server behind it keeps or breaks them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientRule, clientRules } from '../codec/http2/client-rules.ts';
import { block, Frames, frame, lastData, settings, type } from '../codec/http2/frames.ts';
import { Client, closer, cluster, forward, httpConfig, httpListener, Peer, route, routeTable, TestProxy } from './fixture.ts';

const prefaceBytes = 24;
const opened = closer();
let port = 0;
let proxy: TestProxy;
let upstream: Peer;
let rule: ClientRule;
/** What has come on each connection of the rule under test. */
let connections: Frames[] = [];
/** Told of each frame that comes. */
let heard = () => {};

beforeAll(async () => {
  upstream = opened.add(
    await Peer.listen((socket) => {
      const frames = new Frames();
      connections.push(frames);
      const isFirst = connections.length === 1;
      let preface = prefaceBytes;
      let served = 0;
      socket.write(isFirst ? rule.greeting : settings());
      socket.on('data', (bytes) => {
        const skipped = Math.min(preface, bytes.length);
        preface -= skipped;
        frames.add(bytes.subarray(skipped));
        const asked = frames.seen.filter((seen) => seen.type === type.headers);
        for (; served < asked.length; served++) {
          const { stream } = asked[served]!;
          const again = Buffer.concat([frame(type.headers, 4, stream, block([[':status', '200']])), lastData(stream, 'again')]);
          socket.write(isFirst && stream === 1 ? rule.send : again);
        }
        heard();
      });
      socket.on('end', () => socket.end());
    }),
  );
  proxy = opened.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port], { protocol: 'http2' }));
  port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
});
afterAll(opened.closeAll);

/** Resolves when it holds, which is looked at with each frame that comes. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => (heard = resolve));
}

async function ask<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const client = await Client.connect(port);
  try {
    return await use(client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
  } finally {
    client.close();
  }
}

/** What the client of the proxy gets. */
function outcome({ expect: expected }: ClientRule): Promise<string> {
  return ask((client) => {
    if ('answered' in expected) return client.until(expected.answered);
    if ('failed' in expected) return client.until(expected.failed);
    return expected.begun ? client.closed() : client.until(/HTTP\/1.1 502 [\s\S]*protocol error$/);
  });
}

describe('the proxy, as a client', () => {
  test('there are at least 80 rules, each once', () => {
    const names = clientRules.map(({ section, what }) => `${section} ${what}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(80);
  });

  test.each(clientRules.map((each) => [`${each.section}: ${each.what}`, each] as const))('%s', async (_name, each) => {
    rule = each;
    connections = [];
    const { expect: expected } = rule;
    await outcome(rule);
    const [first] = connections;
    if ('goaway' in expected) await until(() => first!.goaway !== undefined);
    if ('reset' in expected) await until(() => first!.resets.length > 0);
    expect(first!.goaway).toBe('goaway' in expected ? expected.goaway : undefined);
    if ('reset' in expected) expect(first!.resets).toEqual([`1:${expected.reset}`]);
    expect(await ask((client) => client.until('again'))).toMatch(/^HTTP\/1.1 200 /);
    const stays = !('goaway' in expected) && !('leaves' in expected);
    expect(connections.length).toBe(stays ? 1 : 2);
    for (const socket of upstream.sockets) socket.destroy();
    while (proxy.runtime.clusters.get('a')!.stats.upstream_cx_active > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});
