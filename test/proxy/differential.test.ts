// The proxy against Node's own server: generated requests in generated pieces. What both take means the same to both; what comes
// in other pieces means the same to us.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client, cluster, forward, httpConfig, httpListener, route, routeTable, TestProxy } from './fixture.ts';

interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: [string, string][];
  body: string;
}

let seen: Seen[] = [];
let server: Server;
let proxy: TestProxy;
let direct: number;
let proxied: number;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (part: string) => (body += part));
    request.on('end', () => {
      const { method, url, rawHeaders } = request;
      const headers: [string, string][] = [];
      for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!]);
      seen.push({ method, url, headers, body });
      response.end('seen');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  direct = (server.address() as AddressInfo).port;
  proxy = new TestProxy();
  proxy.runtime.clusters.set(cluster('a', [direct]));
  proxied = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }), { normalizePath: false })));
});
afterAll(async () => {
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** What the server sees of a request sent in these pieces; undefined when it is refused. */
async function send(port: number, pieces: readonly string[]): Promise<Seen | undefined> {
  seen = [];
  const client = await Client.connect(port);
  try {
    for (const piece of pieces) {
      client.write(piece);
      if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
    }
    const text = await client.closed();
    return text.startsWith('HTTP/1.1 200 ') ? seen[0] : undefined;
  } finally {
    client.close();
  }
}

function cut(text: string, cuts: readonly number[]): string[] {
  const sorted = [...new Set(cuts.map((at) => at % text.length))].sort((a, b) => a - b);
  return [0, ...sorted].map((at, i) => text.slice(at, sorted[i] ?? text.length)).filter((piece) => piece !== '');
}

/** Without what the proxy adds, and what belongs to the hop. */
function essence({ method, url, headers, body }: Seen): object {
  const kept = headers.filter(([name]) => !/^(?:x-forwarded-proto|x-request-id|x-envoy-.*|connection|host|transfer-encoding)$/.test(name));
  const host = headers.find(([name]) => name === 'host')?.[1];
  return { method, url, host, headers: kept, body };
}

const name = fc.stringMatching(/^[xX]-[A-Za-z0-9]{1,8}$/);
const value = fc.stringMatching(/^([!-~]([ -~\t]{0,20}[!-~])?)?$/);
const path = fc.stringMatching(/^\/[a-z0-9/._~%?=&-]{0,20}$/);
const chunk = fc.stringMatching(/^[ -~\r\n]{1,30}$/);

const requests = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH'),
    path,
    fields: fc.array(fc.tuple(name, fc.constantFrom(':', ': ', ':\t ', ':  '), value), { maxLength: 6 }),
    body: fc.oneof(
      fc.constant({ kind: 'none' as const, chunks: [] as string[] }),
      fc.record({ kind: fc.constant('length' as const), chunks: fc.array(chunk, { maxLength: 3 }) }),
      fc.record({ kind: fc.constant('chunked' as const), chunks: fc.array(chunk, { maxLength: 3 }) }),
    ),
    cuts: fc.array(fc.nat(1000), { maxLength: 5 }),
  })
  .map((request) => ({ text: encode(request), cuts: request.cuts }));

interface Request {
  method: string;
  path: string;
  fields: [string, string, string][];
  body: { kind: 'none' | 'length' | 'chunked'; chunks: string[] };
}

function encode({ method, path: target, fields, body: { kind, chunks } }: Request): string {
  const whole = chunks.join('');
  const framing = { none: '', length: `Content-Length: ${whole.length}\r\n`, chunked: 'Transfer-Encoding: chunked\r\n' }[kind];
  const body = {
    none: '',
    length: whole,
    chunked: `${chunks.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`,
  }[kind];
  const lines = fields.map(([field, colon, text]) => `${field}${colon}${text}\r\n`).join('');
  return `${method} ${target} HTTP/1.1\r\nHost: h\r\n${lines}${framing}Connection: close\r\n\r\n${body}`;
}

test('well-formed requests mean the same through the proxy as without it, in whatever pieces', async () => {
  await fc.assert(
    fc.asyncProperty(requests, async ({ text, cuts }) => {
      const without = await send(direct, [text]);
      const through = await send(proxied, cut(text, cuts));
      expect(without).toBeDefined();
      expect(through && essence(through)).toEqual(without && essence(without));
    }),
    { seed: 4, numRuns: 150 },
  );
});

test('what both accept of damaged requests means the same to both', async () => {
  const damage = fc.record({ at: fc.nat(1000), byte: fc.constantFrom('\r', '\n', ' ', '\t', ':', '\0', ',', '0', 'a', '\r\n', '') });
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(requests, damage, async ({ text }, { at, byte }) => {
      const place = at % text.length;
      const damaged = `${text.slice(0, place)}${byte}${text.slice(place + 1)}`;
      const through = await sendAndEnd(proxied, damaged);
      if (through === undefined) return;
      const without = await sendAndEnd(direct, damaged);
      if (without === undefined) return;
      compared++;
      expect(essence(through)).toEqual(essence(without));
    }),
    { seed: 5, numRuns: 300 },
  );
  expect(compared).toBeGreaterThan(30);
});

async function sendAndEnd(port: number, text: string): Promise<Seen | undefined> {
  seen = [];
  const client = await Client.connect(port);
  client.write(text);
  const answered = client.until('\r\n\r\n').catch(() => '');
  // A whole request is answered; one that lacks something is not, and its end ends it.
  await Promise.race([answered, settle()]);
  client.socket.end();
  const head = await answered;
  client.close();
  return head.startsWith('HTTP/1.1 200 ') ? seen[0] : undefined;
}

/** Some turns of the loop: time for an answer to come. */
async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
}
