// Hash policies over sockets: requests that are alike meet the same endpoint, those of a new client are given a cookie.
import { afterEach, describe, expect, test } from 'vitest';
import type { HashPolicy } from '#proxy/route/hash-policy';
import {
  Client,
  closer,
  cluster,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  ok,
  Peer,
  route,
  routeTable,
  TestProxy,
  tcpListener,
} from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

const maglev = { loadBalancer: { kind: 'maglev', tableSize: 1009 } } as const;

/** A proxy before five upstreams, each of which answers with its own letter. */
async function start(hashPolicies: readonly HashPolicy[]) {
  const upstreams = await Promise.all([...'abcde'].map(async (letter) => open.add(await httpPeer(ok(letter)))));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(
    cluster(
      'a',
      upstreams.map(({ port }) => port),
      maglev,
    ),
  );
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a', { hashPolicies })) }))));
  return async (path: string, headers: readonly string[] = []) => {
    const client = open.add(await Client.connect(port));
    const text = await client
      .write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`)
      .closed();
    return { letter: text.at(-1)!, cookies: [...text.matchAll(/^set-cookie: (.*)\r$/gm)].map((match) => match[1]!) };
  };
}

const many = Array.from({ length: 24 }, (_, i) => i);

describe('a request meets the endpoint of its hash', () => {
  test.each<[string, readonly HashPolicy[], (i: number) => [path: string, headers: string[]]]>([
    ['header', [{ kind: 'header', name: 'user', terminal: false }], (i) => ['/', [`user: u${i}`]]],
    ['query parameter', [{ kind: 'query_parameter', name: 'user', terminal: false }], (i) => [`/?a=b&user=u${i}`, []]],
    ['cookie', [{ kind: 'cookie', name: 'user', attributes: undefined, terminal: false }], (i) => ['/', [`cookie: a=b; user=u${i}`]]],
    [
      'both of two',
      [
        { kind: 'header', name: 'user', terminal: false },
        { kind: 'header', name: 'group', terminal: false },
      ],
      (i) => ['/', ['user: same', `group: g${i}`]],
    ],
  ])('%s', async (_, policies, requestOf) => {
    const get = await start(policies);
    const first = await Promise.all(many.map((i) => get(...requestOf(i))));
    const again = await Promise.all(many.map((i) => get(...requestOf(i))));
    expect(again).toEqual(first);
    expect(new Set(first.map(({ letter }) => letter)).size).toBeGreaterThan(2);
  });

  test('after a terminal policy that has found something, no more are asked', async () => {
    const get = await start([
      { kind: 'header', name: 'user', terminal: true },
      { kind: 'header', name: 'group', terminal: false },
    ]);
    const letters = await Promise.all(many.map((i) => get('/', ['user: same', `group: g${i}`])));
    expect(new Set(letters.map(({ letter }) => letter)).size).toBe(1);
    const grouped = await Promise.all(many.map((i) => get('/', [`group: g${i}`])));
    expect(new Set(grouped.map(({ letter }) => letter)).size).toBeGreaterThan(2);
  });

  test('source address: one client, one endpoint', async () => {
    const get = await start([{ kind: 'source_ip', terminal: false }]);
    const letters = await Promise.all(many.map(() => get('/')));
    expect(new Set(letters.map(({ letter }) => letter)).size).toBe(1);
  });

  test('without what is hashed, chance decides', async () => {
    const get = await start([{ kind: 'header', name: 'user', terminal: false }]);
    const letters = await Promise.all(many.map(() => get('/')));
    expect(new Set(letters.map(({ letter }) => letter)).size).toBeGreaterThan(2);
  });

  test('a client without the cookie is given one, which leads to where it was', async () => {
    const get = await start([{ kind: 'cookie', name: 'session', attributes: '; Max-Age=60; Path=/; HttpOnly', terminal: false }]);
    for (const i of many.slice(0, 6)) {
      const { letter, cookies } = await get(`/${i}`);
      expect(cookies).toEqual([expect.stringMatching(/^session="[0-9a-f]{16}"; Max-Age=60; Path=\/; HttpOnly$/)]);
      expect(await get('/', [`cookie: ${cookies[0]!.split(';')[0]}`])).toEqual({ letter, cookies: [] });
    }
  });
});

test('TCP connections of one address meet the same endpoint', async () => {
  const letters = [...'abcde'];
  const peers = await Promise.all(letters.map(async (letter) => open.add(await Peer.listen((socket) => socket.end(letter)))));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(
    cluster(
      'a',
      peers.map(({ port }) => port),
      maglev,
    ),
  );
  const port = await proxy.listen(tcpListener({ clusters: [{ name: 'a', weight: 1 }], hashesSourceIp: true }));
  const from = async (address: string) => (open.add(await Client.connect(port, { address })) as Client).closed();
  const seen = await Promise.all(many.map((i) => from(`127.0.0.${1 + (i % 12)}`)));
  expect(seen.slice(12)).toEqual(seen.slice(0, 12));
  expect(new Set(seen).size).toBeGreaterThan(2);
});
