// Chromium: pages, fetches of every size, uploads that stream, server-sent events and WebSockets, over HTTP/1.1 and over TLS with HTTP/2.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { closer } from '../proxy/fixture.ts';
import { type Credentials, type Entrance, issueCredentials, openDoor } from './door.ts';
import { large, small, startOrigin } from './origin.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));
const whyNot = executablePath === undefined ? 'Chromium is not installed (Debian: apt-get install chromium)' : undefined;

const opened = closer();
let credentials: Credentials;
let browser: Browser | undefined;

beforeAll(async () => {
  if (executablePath === undefined) return;
  credentials = opened.add(await issueCredentials());
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  browser = opened.add(await chromium.launch({ executablePath, args }));
});
afterAll(() => opened.closeAll());

interface Deed {
  name: string;
  entrance: Entrance;
  /** Runs in the page. */
  script: string;
  gives: unknown;
}

const uploaded = 'new ReadableStream({start(c) { for (let i = 0; i < 64; i++) c.enqueue(new Uint8Array(8192)); c.close(); }})';

const deeds: readonly Omit<Deed, 'entrance'>[] = [
  { name: 'fetch', script: `fetch('/small').then((r) => r.text())`, gives: small },
  { name: 'fetch of 1 MB', script: `fetch('/large').then((r) => r.arrayBuffer()).then((b) => b.byteLength)`, gives: large.length },
  {
    name: '50 fetches at once',
    script: `Promise.all(Array.from({length: 50}, () => fetch('/small').then((r) => r.status))).then((all) => new Set(all).size)`,
    gives: 1,
  },
  {
    name: 'upload of 1 MB',
    script: `fetch('/echo', {method: 'POST', body: new Uint8Array(1048576)}).then((r) => r.arrayBuffer()).then((b) => b.byteLength)`,
    gives: 1_048_576,
  },
  {
    name: 'a fetch that is given up',
    script: `(async () => { const a = new AbortController(); const r = await fetch('/events', {signal: a.signal}); a.abort(); return r.text().catch((e) => e.name); })()`,
    gives: 'AbortError',
  },
  {
    name: 'server-sent events',
    script: `new Promise((done) => { let n = 0; const s = new EventSource('/events'); s.onmessage = () => { if (++n === 5) { s.close(); done(n); } }; })`,
    gives: 5,
  },
];

const streamed = {
  name: 'upload that streams',
  script: `fetch('/echo', {method: 'POST', duplex: 'half', body: ${uploaded}}).then((r) => r.arrayBuffer()).then((b) => b.byteLength)`,
  gives: 64 * 8192,
};

const socket = {
  name: 'WebSocket',
  script: `new Promise((done, fail) => { const s = new WebSocket(location.origin.replace('http', 'ws') + '/socket');
    s.onopen = () => s.send('hello'); s.onmessage = (m) => { s.close(); done(m.data); }; s.onerror = () => fail(new Error('WebSocket failed')); })`,
  gives: 'hello',
};

for (const [entrance, title] of [
  ['plain', 'HTTP/1.1'],
  ['tls', 'HTTP/2 over TLS'],
] as const) {
  describe(title, () => {
    let page: Page;

    test('Chromium, page -> node:http', async ({ skip }) => {
      if (whyNot !== undefined) skip(whyNot);
      const origin = opened.add(await startOrigin('http1'));
      page = await openPage(entrance, origin.port);
      expect(await page.title()).toBe('peer');
      const protocol = await page.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol');
      expect(protocol).toBe(entrance === 'tls' ? 'h2' : 'http/1.1');
    });

    // Chromium streams uploads over HTTP/2 alone.
    for (const { name, script, gives } of entrance === 'tls' ? [...deeds, streamed] : deeds) {
      test(`Chromium, ${name} -> node:http`, async ({ skip }) => {
        if (whyNot !== undefined) skip(whyNot);
        expect(await page.evaluate(script)).toBe(gives);
      });
    }

    test(`Chromium, ${socket.name} -> ws`, async ({ skip }) => {
      if (whyNot !== undefined) skip(whyNot);
      const own = await openPage(entrance, await startSockets());
      expect(await own.evaluate(socket.script)).toBe(socket.gives);
    });
  });
}

async function openPage(entrance: Entrance, backend: number): Promise<Page> {
  const { port } = opened.add(await openDoor(entrance, credentials, { port: backend }));
  const context = opened.add(await browser!.newContext({ ignoreHTTPSErrors: true }));
  const page = await context.newPage();
  await page.goto(`${entrance === 'tls' ? 'https' : 'http'}://localhost:${port}/`);
  return page;
}

async function startSockets(): Promise<number> {
  const http = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<title>socket</title>'));
  const server = new WebSocketServer({ server: http });
  server.on('connection', (peer) => peer.on('message', (data, binary) => peer.send(data, { binary })));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  opened.add({
    close: () => {
      for (const peer of server.clients) peer.terminate();
      http.closeAllConnections();
      return new Promise((resolve) => http.close(() => resolve()));
    },
  });
  return (http.address() as AddressInfo).port;
}
