// The rules of http1-rules.ts over real sockets, through a whole proxy: a client that keeps or breaks them before it, an upstream behind it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Client,
  closer,
  cluster,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  ok,
  type Peer,
  route,
  routeTable,
  TestProxy,
} from './fixture.ts';
import { type ClientRule, clientRules, type UpstreamRule, upstreamRules } from './http1-rules.ts';

const opened = closer();
let upstream: Peer & { requests: string[] };
let proxy: TestProxy;
let port = 0;
/** What the upstream answers now, and whether it closes behind that. */
let answer = { text: ok(), ends: false };
/** Connections that the upstream has been asked on, one a request. */
let asked: object[] = [];

beforeAll(async () => {
  upstream = opened.add(
    await httpPeer((_request, socket) => {
      asked.push(socket);
      if (answer.ends) socket.end(answer.text, 'latin1');
      else socket.write(answer.text, 'latin1');
      return undefined;
    }),
  );
  proxy = opened.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
});
afterAll(opened.closeAll);

const named = <T extends { section: string; what: string }>(rules: readonly T[]) =>
  rules.map((rule) => [`${rule.section}: ${rule.what}`, rule] as const);

const get = 'GET /next HTTP/1.1\r\nhost: a\r\n\r\n';
const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n';
const isWhole = /\r\n\r\n/;

async function connected<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const client = await Client.connect(port);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

test('there are at least 100 rules, each once, of every section that binds a proxy', () => {
  const rules = [...clientRules, ...upstreamRules];
  const names = [...named(clientRules), ...named(upstreamRules).map(([name]) => [`upstream ${name}`])].map(([name]) => name);
  expect(new Set(names).size).toBe(rules.length);
  expect(rules.length).toBeGreaterThanOrEqual(100);
  const chapters = new Set(rules.map(({ section }) => section.replace(/^(\d+ \d+).*/, '$1')));
  const message = ['2', '3', '4', '5', '6', '7', '8', '9'].map((chapter) => `9112 ${chapter}`);
  const semantics = ['4', '5', '6', '7', '8', '9', '10', '15'].map((chapter) => `9110 ${chapter}`);
  expect([...chapters]).toEqual(expect.arrayContaining([...message, ...semantics]));
});

describe('the proxy, as a server', () => {
  async function check(rule: ClientRule): Promise<void> {
    const before = upstream.requests.length;
    answer = { text: rule.upstream ?? ok(), ends: false };
    const { expect: expected } = rule;
    await connected(async (client) => {
      if ('refused' in expected) {
        const text = await client.write(rule.send + smuggled).closed();
        expect(text).toMatch(new RegExp(`^HTTP/1.1 ${expected.refused} [\\s\\S]*\r\nconnection: close\r\n`));
        expect(text.match(/HTTP\/1.1 /g)).toHaveLength(1);
        if (!rule.inBody) expect(upstream.requests.length).toBe(before);
        expect(upstream.requests.some((request) => request.includes('smuggled'))).toBe(false);
        return;
      }
      const text = await client.write(rule.send).until(isWhole);
      expect(text).toMatch(expected.answer ?? /^HTTP\/1.1 200 /);
      expect(upstream.requests.length).toBe(before + 1);
      expect(upstream.requests.at(-1)).toMatch(expected.served);
      if (expected.closes) {
        await client.closed();
        return;
      }
      answer = { text: ok('again'), ends: false };
      await client.write(get).until('again');
    });
  }

  test.each(named(clientRules))('%s', (_name, rule) => check(rule));
});

describe('the proxy, as a client', () => {
  async function check(rule: UpstreamRule): Promise<void> {
    const { expect: expected } = rule;
    asked = [];
    answer = { text: rule.respond, ends: rule.ends ?? false };
    await connected(async (client) => {
      client.write(rule.request ?? 'GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      if ('cut' in expected) {
        expect(await client.closed()).toMatch(expected.cut);
      } else if ('refused' in expected) {
        expect(await client.until('protocol error')).toMatch(/(?:^|\r\n\r\n)HTTP\/1.1 502 /);
      } else {
        expect(await client.until(expected.answer)).not.toContain('poison');
      }
    });
    // Another request shows what became of the connection upstream.
    const [first] = asked;
    asked = [];
    answer = { text: ok('again'), ends: false };
    expect(await connected((client) => client.write(get).until('again'))).toMatch(/^HTTP\/1.1 200 OK\r\n(?![\s\S]*poison)/);
    expect(asked[0] === first).toBe('answer' in expected && !expected.worn);
  }

  test.each(named(upstreamRules))('%s', (_name, rule) => check(rule));
});

test('after all of that, the proxy serves, and holds nothing', async () => {
  answer = { text: ok(), ends: false };
  const text = await connected((client) => client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n').closed());
  expect(text).toMatch(/^HTTP\/1.1 200 /);
  expect(proxy.listeners.httpStats.get('test')!.downstream_rq_active).toBe(0);
  expect(proxy.runtime.clusters.get('a')!.stats.upstream_rq_active).toBe(0);
});
