// Every HTTP client with every HTTP server: small and large answers, chunks with a trailer, uploads, HEAD, 204 and 404.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closer } from '../proxy/fixture.ts';
import { type Credentials, type Door, type Entrance, issueCredentials, openDoor } from './door.ts';
import { clusterOf, type HttpBackend, httpBackends } from './http-backends.ts';
import { type Asked, httpClients } from './http-clients.ts';
import { large, type Origin, small } from './origin.ts';
import { missing } from './program.ts';

const upload = large.subarray(0, 300_000);

const exchanges: readonly (Asked & { status: number; answer: Buffer })[] = [
  { method: 'GET', path: '/small', status: 200, answer: Buffer.from(small) },
  { method: 'GET', path: '/large', status: 200, answer: large },
  { method: 'GET', path: '/chunked', status: 200, answer: Buffer.from(small) },
  { method: 'POST', path: '/echo', body: Buffer.from(small), status: 200, answer: Buffer.from(small) },
  { method: 'POST', path: '/echo', body: upload, status: 200, answer: upload },
  { method: 'HEAD', path: '/large', status: 200, answer: Buffer.alloc(0) },
  { method: 'GET', path: '/nothing', status: 204, answer: Buffer.alloc(0) },
  { method: 'GET', path: '/nowhere', status: 404, answer: Buffer.alloc(0) },
];

for (const backend of httpBackends) describe('HTTP', () => pairsWith(backend));

function pairsWith(backend: HttpBackend): void {
  const opened = closer();
  const doors = new Map<Entrance, Promise<Door>>();
  let credentials: Credentials;
  let origin: Origin;

  beforeAll(async () => {
    if (missing(backend.needs) !== undefined) return;
    credentials = opened.add(await issueCredentials());
    origin = opened.add(await backend.start(credentials));
  });
  afterAll(() => opened.closeAll());

  function doorFor(entrance: Entrance): Promise<Door> {
    const door = doors.get(entrance) ?? openDoor(entrance, credentials, { port: origin.port, ...clusterOf(backend, credentials) });
    if (!doors.has(entrance)) void door.then((it) => opened.add(it));
    doors.set(entrance, door);
    return door;
  }

  for (const { name, needs, entrance, start } of httpClients) {
    test(`${name} -> ${backend.name}`, async ({ skip }) => {
      const absent = missing([...needs, ...backend.needs]);
      if (absent !== undefined) skip(absent);
      const door = await doorFor(entrance);
      const client = await start(door.port, credentials);
      try {
        for (const { status, answer, ...asked } of exchanges) {
          const got = await client.ask(asked);
          expect(got.status || status, asked.path).toBe(status);
          expect(got.body.equals(answer), `${asked.method} ${asked.path}: ${got.body.length} of ${answer.length} bytes`).toBe(true);
        }
      } finally {
        await client.close();
      }
    });
  }
}
