// `lateen up` as a process: ports that are taken, the ways to end it, and a folder of files that it follows.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask } from '#cli/http-json';
import { below } from '#net/http-access';
import { request } from './http-client.ts';
import { LateenUp } from './lateen-up.ts';
import { inherited, program, whyNotBuilt } from './mesh-fixture.ts';
import { isRunning } from './process-tree.ts';
import { until } from './until.ts';

const cleanups: (() => Promise<void> | void)[] = [];

beforeEach((context) => {
  if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function start(...args: string[]): LateenUp {
  const up = new LateenUp(args);
  cleanups.push(() => up.dispose());
  return up;
}

/** A server of this process; resolves to its port. */
async function takePort(): Promise<number> {
  const server = net.createServer((socket) => socket.destroy());
  cleanups.push(() => void server.close());
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  return (server.address() as net.AddressInfo).port;
}

describe('a port that is in use', () => {
  test.each([
    ['--api-port', 'the API server'],
    ['--xds-port', 'xDS'],
    ['--debug-port', 'the debug pages'],
    ['--gateway-http-port', 'the ingress gateway'],
    ['--gateway-https-port', 'the ingress gateway'],
  ])('%s: says of which server, which address, who has it and what to do, and ends', async (option, server) => {
    const port = await takePort();
    const up = start(option, `${port}`);
    expect(await up.untilEnded()).toBe(1);
    expect(up.stderr).toContain(`error: ${server} cannot listen on 127.0.0.1:${port}: it is in use by `);
    expect(up.stderr).toContain(`(pid ${process.pid})`);
    expect(up.stderr).toMatch(/\n {2}hint: end the program that has it .*, or choose another port/);
    expect(up.stderr).not.toMatch(/\n\s+at /);
  });

  test('a second mesh on the ports of a first leaves the first and its logs alone', async () => {
    const first = start();
    await first.untilUp();
    const logs = /logs +(\S+)/.exec(first.stdout)![1]!;
    const port = new URL(first.url('API')).port;
    const second = start('--api-port', port, '--state-directory', path.join(first.directory, 'state'));
    expect(await second.untilEnded()).toBe(1);
    expect(second.stderr).toContain(`127.0.0.1:${port}: it is in use by node (pid ${first.pid})`);
    expect(existsSync(path.join(logs, 'control-plane.log'))).toBe(true);
    expect(await ask('GET', below(first.api, '/readyz'), 'the API server')).toBe('ok');
  });
});

describe('the end', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s: everything ends, and it says so', async (signal) => {
    const up = start('--sample', 'bookinfo');
    await up.untilUp();
    // Control plane, proxies, six programs.
    expect(up.look()).toHaveLength(8);
    expect((await request(up.url('product page'))).status).toBe(200);
    up.kill(signal);
    expect(await up.untilEnded()).toBe(0);
    expect(up.stdout).toContain('ended: nothing is left running');
    expect(up.stderr).toBe('');
  });

  test('of the proxies, by SIGUSR2: another process takes over, and everything still ends', async () => {
    const up = start('--sample', 'bookinfo');
    await up.untilUp();
    up.kill('SIGUSR2');
    await until('another process has the proxies', () => up.stdout.includes('the proxies run in another process now') || up.stdout);
    expect((await request(up.url('product page'))).status).toBe(200);
    up.look();
    up.kill('SIGTERM');
    expect(await up.untilEnded()).toBe(0);
    expect(up.stderr).toBe('');
  });

  test('though what it was built of is gone: `npm run build` under a running mesh', async () => {
    const copy = mkdtempSync(path.join(os.tmpdir(), 'lateen-dist-'));
    cleanups.push(() => rmSync(copy, { recursive: true, force: true }));
    const root = path.resolve(path.dirname(program), '../..');
    for (const name of ['dist', 'package.json']) cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
    const up = new LateenUp([], inherited, [], path.join(copy, 'dist/main/lateen.js'));
    cleanups.push(() => up.dispose());
    await up.untilUp();
    const [proxies] = up.look().filter(({ command }) => command.includes('proxies.js'));
    rmSync(path.join(copy, 'dist'), { recursive: true });
    // Nor do they come back.
    process.kill(proxies!.pid, 'SIGKILL');
    up.kill('SIGTERM');
    expect(await up.untilEnded()).toBe(0);
    expect(up.stdout).toContain('ended: nothing is left running');
  });

  test('asked for while it starts', async () => {
    const up = start('--sample', 'bookinfo');
    await until('the control plane serves', () => up.stdout.includes('control plane and API server') || up.stdout);
    up.kill('SIGINT');
    expect(await up.untilEnded()).toBe(0);
  });

  test('in order, though nobody reads any more what it says', async () => {
    const up = start('--sample', 'bookinfo');
    await up.untilUp();
    up.stopReading();
    up.kill('SIGINT');
    expect(await up.untilEnded()).toBe(0);
  });

  test('SIGKILL: the kernel ends what it has started', async (context) => {
    if (!existsSync('/usr/bin/setpriv')) context.skip('there is no /usr/bin/setpriv to ask the kernel for that');
    const up = start('--sample', 'bookinfo');
    await up.untilUp();
    const started = up.look();
    expect(started.filter(isRunning)).toHaveLength(8);
    up.kill('SIGKILL');
    expect(await up.untilEnded()).toBe('SIGKILL');
    expect(started.filter(isRunning)).toEqual([]);
  });
});

test('a sample that there is not: says which there are', async () => {
  const up = start('--sample', '../samples');
  expect(await up.untilEnded()).toBe(1);
  expect(up.stderr).toBe('error: there is no sample ../samples\n  hint: one of: bookinfo\n');
});

test('a command whose reader has enough is over, without a word', async () => {
  const crd = spawn(process.execPath, [program, 'crd'], { env: inherited, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  crd.stderr.on('data', (chunk: Buffer) => (said += chunk));
  crd.stdout.destroy();
  const [code] = await once(crd, 'close');
  expect({ code, said }).toEqual({ code: 141, said: '' });
});

describe('a folder of files', () => {
  const rule = (version: string) => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: reviews
spec:
  host: reviews
  subsets:
    - name: only
      labels: {version: ${version}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
    - route:
        - destination: {host: reviews, subset: only}
`;

  test('a change takes effect; a broken file is named by line and changes nothing; a file that goes takes its rules along', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'lateen-files-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, 'reviews.yaml');
    writeFileSync(file, rule('v1'));
    const up = start('--sample', 'bookinfo', '-f', folder);
    await up.untilUp();
    const reviews = up.url('product page').replace('/productpage', '/api/v1/products/0/reviews');
    const versions = async () => {
      const bodies: string[] = [];
      for (let i = 0; i < 6; i++) bodies.push((await request(reviews)).body);
      return new Set(bodies.map((body) => /"podname":"reviews-(v\d)-/.exec(body)?.[1] ?? body));
    };
    const untilOnly = (version: string) =>
      until(`${version} alone serves`, async () => {
        const found = await versions();
        return (found.size === 1 && found.has(version)) || [...found];
      });
    await untilOnly('v1');
    writeFileSync(file, rule('v3'));
    await untilOnly('v3');

    // The rule of the destination is sound and taken, the other one stays as it was.
    writeFileSync(file, rule('v2').replace('hosts:', 'host:'));
    await until('the problem is printed', () => up.stderr.includes(`${file}:16:`) || up.stderr);
    expect(up.stderr).toMatch(/reviews\.yaml:16:\d+: VirtualService reviews spec\.host: .*\n {2}hint: .*hosts/);
    await untilOnly('v2');

    up.stderr = '';
    writeFileSync(file, 'kind: [');
    await until('the problem is printed', () => up.stderr.includes(`${file}:1:`) || up.stderr);
    await untilOnly('v2');
    expect(up.stderr).not.toContain('reviews.yaml:16');

    rmSync(file);
    await until('every version serves again', async () => (await versions()).size === 3);
  });
});

test.each<[args: string[], option: string, example: string]>([
  [['shell', 'productpage', 'curl', '-s'], '-s', 'lateen shell POD -- COMMAND'],
  [['run', '--service', 'x', '--port', '80', 'python3', '-m'], '-m', 'lateen run --service NAME --port PORT -- COMMAND'],
])('an option behind the command of %j: where it goes is said', (args, option, example) => {
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], { env: inherited, encoding: 'utf8' });
  const hint = `  hint: what is for the command itself goes behind --: ${example}`;
  expect([status, stderr.trimEnd()]).toEqual([2, `error: unknown option '${option}'\n${hint}`]);
});
