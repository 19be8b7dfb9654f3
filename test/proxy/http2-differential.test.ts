// HTTP/2 through the proxy against Node's own, at both ends: generated requests with heads, bodies and trailers mean the same as without it.
import type { IncomingHttpHeaders } from 'node:http2';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cluster, forward, httpConfig, httpListener, route, routeTable, TestProxy } from './fixture.ts';
import { Http2Client, type Http2Peer, http2Peer } from './http2-peers.ts';

let peer: Http2Peer;
let proxy: TestProxy;
let direct: Http2Client;
let through: Http2Client;

beforeAll(async () => {
  peer = await http2Peer((stream, headers, body) => {
    const names = Object.keys(headers).filter((name) => name.startsWith('x-t-'));
    stream.respond({ ':status': 200, ...Object.fromEntries(names.map((name) => [name, headers[name]])) }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-length': String(body.length) }));
    stream.end(body);
  });
  proxy = new TestProxy();
  proxy.runtime.clusters.set(cluster('a', [peer.port], { protocol: 'http2' }));
  const config = httpConfig(routeTable({ '*': route(forward('a')) }), { normalizePath: false });
  [direct, through] = await Promise.all([Http2Client.connect(peer.port), Http2Client.connect(await proxy.listen(httpListener(config)))]);
});
afterAll(async () => {
  direct.close();
  through.close();
  await proxy.close();
  await peer.close();
});

/** Without what the proxy adds, and what the ends themselves do. */
function essence(headers: IncomingHttpHeaders): object {
  const added = /^(?:x-forwarded-proto|x-request-id|x-envoy-.*|server|date)$/;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !added.test(name)));
}

async function seen(client: Http2Client, headers: Record<string, string>, body: string | undefined) {
  const answer = await client.ask(headers, body);
  const request = peer.requests.at(-1)!;
  return {
    request: { headers: essence(request.headers), body: request.body },
    answer: { status: answer.status, headers: essence(answer.headers), body: answer.body, trailers: answer.trailers },
  };
}

// Some names are in HPACK's table, some come again and again, some are long: indexed, literal and Huffman-coded forms of all of them.
const name = fc.oneof(fc.constantFrom('x-t-a', 'x-t-b', 'accept', 'user-agent'), fc.stringMatching(/^x-t-[a-z0-9._!#$&'*+^`|~-]{1,40}$/));
const value = fc.oneof(fc.constantFrom('', '*/*', 'gzip, deflate'), fc.stringMatching(/^[!-~]([ -~\t]{0,300}[!-~])?$/));
const requests = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'M-SEARCH'),
  path: fc.stringMatching(/^\/[!$&-;=?-Z_a-z~]{0,60}$/),
  fields: fc.dictionary(name, value, { maxKeys: 12 }),
  body: fc.option(
    fc.oneof(
      fc.string({ maxLength: 50 }),
      fc.nat(100_000).map((length) => 'x'.repeat(length)),
    ),
    { nil: undefined },
  ),
});

test('a request and its answer are what they are without the proxy', async () => {
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, path, fields, body }) => {
      const headers = { ':method': method, ':path': path, ':authority': 'h.example', ...fields };
      const without = await seen(direct, headers, body);
      expect(await seen(through, headers, body)).toEqual(without);
    }),
    { seed: 9, numRuns: 200 },
  );
});
