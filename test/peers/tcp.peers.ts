// Protocols that are not HTTP: redis and postgres, in the clear, behind PROXY headers taken off, and through two proxies with mTLS between.
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closer, deadPort } from '../proxy/fixture.ts';
import { certificateOf, clientTls, trusting } from '../proxy/tls-fixture.ts';
import { type Credentials, issueCredentials, openTcpDoor } from './door.ts';
import { startHaproxy } from './gateways.ts';
import { missing, Running, run } from './program.ts';

const opened = closer();
let credentials: Credentials;
beforeAll(async () => {
  credentials = opened.add(await issueCredentials());
});
afterAll(() => opened.closeAll());

interface Server {
  needs: readonly string[];
  start(): Promise<number>;
}

const redis: Server = {
  needs: ['redis-server'],
  start: async () => {
    const port = await deadPort();
    opened.add(
      await Running.start('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], port),
    );
    return port;
  },
};

/** It refuses to run as root: then it is the user `nobody`. */
const postgres: Server = {
  needs: ['postgres', 'initdb', 'setpriv'],
  start: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lateen-postgres-'));
    opened.add({ close: () => rmSync(directory, { recursive: true, force: true }) });
    const nobody = 65_534;
    const isRoot = process.getuid?.() === 0;
    const as = (program: string, args: readonly string[]): [string, string[]] =>
      isRoot ? ['setpriv', [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', program, ...args]] : [program, [...args]];
    if (isRoot) chownSync(directory, nobody, nobody);
    const data = join(directory, 'data');
    const made = await run(...as('initdb', ['-D', data, '-U', 'peer', '-A', 'trust', '--no-sync']));
    if (made.code !== 0) throw new Error(made.stderr);
    const port = await deadPort();
    const own = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', directory, '-F'];
    opened.add(await Running.start(...as('postgres', own), port));
    return port;
  },
};

const servers = { redis, postgres };

interface Client {
  name: string;
  server: keyof typeof servers;
  needs: readonly string[];
  run(port: string): [string, string[], string?];
  shows: RegExp;
}

const clients: readonly Client[] = [
  {
    name: 'redis-cli',
    server: 'redis',
    needs: ['redis-cli'],
    run: (port) => ['redis-cli', ['-p', port], 'SET greeting hello\nGET greeting\nSUBSTR greeting 1 3\n'],
    shows: /^OK\nhello\nell\n$/,
  },
  {
    name: 'redis-benchmark, 1,000 pipelined',
    server: 'redis',
    needs: ['redis-benchmark'],
    run: (port) => ['redis-benchmark', ['-p', port, '-q', '-n', '1000', '-c', '8', '-P', '16', '-d', '2000', '-t', 'set,get']],
    shows: /SET: [\d.]+ requests per second[\s\S]*GET: [\d.]+ requests per second/,
  },
  {
    name: 'psql, 100,000 rows',
    server: 'postgres',
    needs: ['psql'],
    run: (port) => [
      'psql',
      ['-h', '127.0.0.1', '-p', port, '-U', 'peer', '-At', '-c', 'select i from generate_series(1, 100000) i', 'postgres'],
    ],
    shows: /^1\n2\n[\s\S]*\n100000\n$/,
  },
  {
    name: 'psql, COPY in',
    server: 'postgres',
    needs: ['psql'],
    run: (port) => [
      'psql',
      ['-h', '127.0.0.1', '-p', port, '-U', 'peer', '-At', 'postgres'],
      `create temp table t (n int);\ncopy t from stdin;\n${Array.from({ length: 50_000 }, (_, i) => i).join('\n')}\n\\.\nselect sum(n) from t;\n`,
    ],
    shows: /\n1249975000\n$/,
  },
  {
    name: 'pgbench, 4 clients',
    server: 'postgres',
    needs: ['pgbench'],
    run: (port) => ['pgbench', ['-h', '127.0.0.1', '-p', port, '-U', 'peer', '-n', '-i', '-I', 'dtg', 'postgres']],
    shows: /^$/,
  },
];

/** How bytes come from the client to the server's port; each resolves to the port for the client. */
const ways: Readonly<Record<string, { needs: readonly string[]; open(to: number): Promise<number> }>> = {
  TCP: { needs: [], open: async (to) => opened.add(await openTcpDoor('plain', credentials, { port: to })).port },
  'TCP behind haproxy, PROXY v2': {
    needs: ['haproxy'],
    open: async (to) => {
      const door = opened.add(await openTcpDoor('proxy-protocol', credentials, { port: to }));
      return opened.add(await startHaproxy(credentials.directory, { to: door.port, server: 'send-proxy-v2', mode: 'tcp' })).port;
    },
  },
  'TCP, mTLS between two': {
    needs: [],
    open: async (to) => {
      const far = opened.add(await openTcpDoor('mtls', credentials, { port: to }));
      const tls = clientTls({ certificates: [certificateOf(credentials.client)], validation: trusting(credentials.authority) });
      return opened.add(await openTcpDoor('plain', credentials, { port: far.port, tls })).port;
    },
  },
};

const started = new Map<Server, Promise<number>>();

function portOf(server: Server): Promise<number> {
  const port = started.get(server) ?? server.start();
  started.set(server, port);
  return port;
}

for (const [way, { needs: between, open }] of Object.entries(ways)) {
  describe(way, () => {
    for (const { name, server, needs, run: command, shows } of clients) {
      test(`${name} -> ${server}`, async ({ skip }) => {
        const absent = missing([...needs, ...between, ...servers[server].needs]);
        if (absent !== undefined) skip(absent);
        const [program, args, input] = command(String(await open(await portOf(servers[server]))));
        const { code, stdout, stderr } = await run(program, args, input);
        expect(code, stderr).toBe(0);
        expect(stdout.toString().replaceAll('\r', '\n')).toMatch(shows);
      });
    }
  });
}
