// Load generators: thousands of requests, many at once, of which none may fail.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closer } from '../proxy/fixture.ts';
import { type Credentials, type Entrance, issueCredentials, openDoor } from './door.ts';
import { clusterOf, httpBackends } from './http-backends.ts';
import { missing, run } from './program.ts';

interface Load {
  name: string;
  program: 'wrk' | 'h2load';
  entrance: Entrance;
  args: readonly string[];
}

const requests = 3000;
const many = ['-n', String(requests), '-c', '8', '-m', '16'];

const loads: readonly Load[] = [
  { name: 'wrk', program: 'wrk', entrance: 'plain', args: ['-t1', '-c32', '-d1s'] },
  { name: 'wrk, TLS', program: 'wrk', entrance: 'tls', args: ['-t1', '-c32', '-d1s'] },
  { name: 'h2load --h1', program: 'h2load', entrance: 'plain', args: ['--h1', '-n', String(requests), '-c', '16'] },
  { name: 'h2load --h1, pipelined', program: 'h2load', entrance: 'plain', args: ['--h1', ...many] },
  { name: 'h2load', program: 'h2load', entrance: 'plain', args: many },
  { name: 'h2load, TLS', program: 'h2load', entrance: 'tls', args: many },
  { name: 'h2load, small windows', program: 'h2load', entrance: 'plain', args: [...many, '-w', '8', '-W', '10'] },
];

const opened = closer();
let credentials: Credentials;
beforeAll(async () => {
  credentials = opened.add(await issueCredentials());
});
afterAll(() => opened.closeAll());

describe('load', () => {
  for (const backend of httpBackends) {
    for (const { name, program, entrance, args } of loads) {
      test(`${name} -> ${backend.name}`, async ({ skip }) => {
        const absent = missing([program, ...backend.needs]);
        if (absent !== undefined) skip(absent);
        const origin = opened.add(await backend.start(credentials));
        const { port, proxy } = opened.add(
          await openDoor(entrance, credentials, { port: origin.port, ...clusterOf(backend, credentials) }),
        );
        const url = `${entrance === 'tls' ? 'https' : 'http'}://127.0.0.1:${port}/small`;
        const { stdout, stderr } = await run(program, [...args, url]);
        const told = stdout.toString();
        expect(proxy.log.filter(({ status }) => status >= 300)).toEqual([]);
        if (program === 'h2load') {
          expect(told, stderr).toContain(`${requests} succeeded, 0 failed, 0 errored, 0 timeout`);
          expect(told).toContain(`status codes: ${requests} 2xx`);
        } else {
          expect(told, stderr).toMatch(/[1-9]\d* requests in/);
          expect(told).not.toMatch(/Non-2xx|Socket errors/);
        }
      });
    }
  }
});
