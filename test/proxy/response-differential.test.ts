// Answers through the proxy against Node's own client: generated ones, whole and damaged, in pieces. What both take means the same to both.
import { request as askBy } from 'node:http';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closer, cluster, forward, httpConfig, httpListener, Peer, route, routeTable, TestProxy } from './fixture.ts';

interface Seen {
  status: number;
  headers: [string, string][];
  body: string;
  trailers: Record<string, unknown>;
}

const opened = closer();
let pieces: readonly string[] = [];
let direct = 0;
let proxied = 0;

beforeAll(async () => {
  const upstream = opened.add(await Peer.listen((socket) => socket.once('data', () => void answer(socket))));
  const proxy = opened.add(new TestProxy());
  direct = upstream.port;
  proxy.runtime.clusters.set(cluster('a', [direct]));
  proxied = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
});
afterAll(opened.closeAll);

/** Says all of it, then ends the connection: nothing waits for more. */
async function answer(socket: Socket): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece, 'latin1');
    if (pieces.length > 1) await new Promise(setImmediate);
  }
  socket.end();
}

/** What Node's client makes of the answer; undefined where it takes it for none, or for one that is cut off. */
function ask(port: number, text: readonly string[]): Promise<Seen | undefined> {
  pieces = text;
  return new Promise((resolve) => {
    const fail = () => resolve(undefined);
    const asked = askBy({ port, host: '127.0.0.1', path: '/', agent: false }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (part: string) => (body += part));
      response.on('error', fail);
      response.on('end', () => {
        const { rawHeaders, trailers, statusCode = 0 } = response;
        const headers: [string, string][] = [];
        for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!]);
        resolve(response.complete ? { status: statusCode, headers, body, trailers } : undefined);
      });
      response.on('close', fail);
    });
    asked.on('error', fail);
    asked.on('upgrade', fail);
    asked.end();
  });
}

/** Without what the proxy adds, and what belongs to the hop. */
function essence({ status, headers, body, trailers }: Seen): object {
  const kept = headers.filter(([name]) => !/^(?:x-envoy-.*|server|date|connection|keep-alive|transfer-encoding)$/.test(name));
  return { status, headers: kept, body, trailers };
}

const name = fc.stringMatching(/^[xX]-[A-Za-z0-9]{1,8}$/);
const value = fc.stringMatching(/^([!-~]([ -~\t]{0,20}[!-~])?)?$/);
const chunk = fc.stringMatching(/^[ -~\r\n]{1,30}$/);
const answers = fc
  .record({
    status: fc.constantFrom('200 OK', '201', '299 Odd one', '404 Not Found', '500 '),
    fields: fc.array(fc.tuple(name, fc.constantFrom(':', ': ', ':\t '), value), { maxLength: 5 }),
    framing: fc.constantFrom('length', 'chunked', 'close'),
    chunks: fc.array(chunk, { maxLength: 3 }),
    trailer: fc.boolean(),
    interim: fc.boolean(),
  })
  .map(({ status, fields, framing, chunks, trailer, interim }) => {
    const whole = chunks.join('');
    const lines = fields.map(([field, colon, text]) => `${field}${colon}${text}\r\n`).join('');
    const coded = `${chunks.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n${trailer ? 'x-sum: 1\r\n' : ''}\r\n`;
    const said = { length: `Content-Length: ${whole.length}\r\n`, chunked: 'Transfer-Encoding: chunked\r\n', close: '' }[framing];
    const before = interim ? 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n' : '';
    return `${before}HTTP/1.1 ${status}\r\n${lines}${said}\r\n${framing === 'chunked' ? coded : whole}`;
  });

function cut(text: string, cuts: readonly number[]): string[] {
  const sorted = [...new Set(cuts.map((at) => at % text.length))].sort((a, b) => a - b);
  return [0, ...sorted].map((at, i) => text.slice(at, sorted[i] ?? text.length)).filter((piece) => piece !== '');
}

test('well-formed answers mean the same through the proxy as without it, in whatever pieces', async () => {
  await fc.assert(
    fc.asyncProperty(answers, fc.array(fc.nat(1000), { maxLength: 4 }), async (text, cuts) => {
      const without = await ask(direct, [text]);
      const through = await ask(proxied, cut(text, cuts));
      expect(without).toBeDefined();
      expect(through && essence(through)).toEqual(without && essence(without));
    }),
    { seed: 6, numRuns: 120 },
  );
});

test('what both take of damaged answers means the same to both', async () => {
  const damage = fc.record({ at: fc.nat(1000), byte: fc.constantFrom('\r', '\n', ' ', '\t', ':', '\0', ',', '0', 'a', '\r\n', '') });
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(answers, damage, async (text, { at, byte }) => {
      const place = at % text.length;
      const damaged = `${text.slice(0, place)}${byte}${text.slice(place + 1)}`;
      const without = await ask(direct, [damaged]);
      const through = await ask(proxied, [damaged]);
      // A 502 is ours, and one of 503 too: the proxy has taken it for none.
      if (without === undefined || through === undefined || through.status === 502 || through.status === 503) return;
      compared++;
      expect(essence(through)).toEqual(essence(without));
    }),
    { seed: 7, numRuns: 300 },
  );
  expect(compared).toBeGreaterThan(30);
});
