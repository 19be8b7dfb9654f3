// `ws` on both sides, whatever lies between: HTTP/1.1 upgrades, and extended CONNECT to upstreams of HTTP/2.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { closer } from '../proxy/fixture.ts';
import { type Credentials, type Entrance, issueCredentials, openDoor } from './door.ts';
import { startHaproxy, startNginx } from './gateways.ts';
import { missing } from './program.ts';

const opened = closer();
let credentials: Credentials;
let echoPort: number;

beforeAll(async () => {
  credentials = opened.add(await issueCredentials());
  echoPort = await startEcho();
});
afterAll(() => opened.closeAll());

async function startEcho(): Promise<number> {
  const http = createServer();
  const server = new WebSocketServer({ server: http });
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  opened.add({
    close: () => {
      for (const socket of server.clients) socket.terminate();
      return new Promise((resolve) => http.close(() => resolve()));
    },
  });
  return (http.address() as AddressInfo).port;
}

interface Way {
  name: string;
  needs: readonly string[];
  entrance: Entrance;
  /** What stands behind the proxy, and what before it. */
  behind?(to: number): Promise<{ port: number; close(): Promise<void> }>;
  before?(to: number): Promise<{ port: number; close(): Promise<void> }>;
  http2?: true;
}

const upgrades = (to: number) =>
  `proxy_pass http://127.0.0.1:${to}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;`;

const ways: readonly Way[] = [
  { name: 'ws -> ws', needs: [], entrance: 'plain' },
  { name: 'ws, TLS -> ws', needs: [], entrance: 'tls' },
  { name: 'ws -> nginx, ws', needs: ['nginx'], entrance: 'plain', behind: (to) => startNginx(credentials.directory, '', upgrades(to)) },
  { name: 'ws, nginx -> ws', needs: ['nginx'], entrance: 'plain', before: (to) => startNginx(credentials.directory, '', upgrades(to)) },
  {
    name: 'ws -> haproxy over HTTP/2, ws',
    needs: ['haproxy'],
    entrance: 'plain',
    http2: true,
    behind: (to) => startHaproxy(credentials.directory, { bind: 'proto h2', to }),
  },
  {
    name: 'ws, haproxy over HTTP/2 -> ws',
    needs: ['haproxy'],
    entrance: 'plain',
    before: (to) => startHaproxy(credentials.directory, { server: 'proto h2', to }),
  },
];

describe('WebSocket', () => {
  for (const { name, needs, entrance, behind, before, http2 } of ways) {
    test(name, async ({ skip }) => {
      const absent = missing(needs);
      if (absent !== undefined) skip(absent);
      const back = behind ? opened.add(await behind(echoPort)).port : echoPort;
      const door = opened.add(await openDoor(entrance, credentials, { port: back, protocol: http2 ? 'http2' : 'http1' }));
      const port = before ? opened.add(await before(door.port)).port : door.port;
      const trust = entrance === 'tls' ? { ca: credentials.authority.certificate, servername: 'bookinfo.test' } : {};
      const socket = new WebSocket(`${entrance === 'tls' ? 'wss' : 'ws'}://127.0.0.1:${port}/`, { ...trust, perMessageDeflate: false });
      try {
        await once(socket, 'open');
        for (const message of ['hello', 'x'.repeat(300_000)]) {
          socket.send(message);
          const [answer] = await once(socket, 'message');
          expect(String(answer)).toBe(message);
        }
        socket.close(1000, 'bye');
        expect((await once(socket, 'close'))[0]).toBe(1000);
      } finally {
        socket.terminate();
      }
    });
  }
});
