// The capture modes of `lateen up`: what each shows, and that nothing of it is left, however it ends.

import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { runHere, whyNoNamespaces } from './capture-mesh.ts';
import { request } from './http-client.ts';
import { LateenUp } from './lateen-up.ts';
import { inherited, program, whyNotBuilt } from './mesh-fixture.ts';
import { untilGone } from './process-tree.ts';
import { until } from './until.ts';

const running: LateenUp[] = [];
afterEach(async () => {
  for (const up of running.splice(0)) await up.dispose();
});

const start = (...args: string[]): LateenUp => {
  const up = new LateenUp(['--sample', 'bookinfo', ...args]);
  running.push(up);
  return up;
};

async function page(up: LateenUp): Promise<string> {
  const { status, body } = await request(`${up.url('ingress gateway').replace(/,$/, '')}/productpage`);
  return status === 200 && !body.includes('Error fetching') ? 'whole' : `${status} ${body.slice(0, 300)}`;
}

/** Another command of Lateen's, at this mesh. */
function lateen(up: LateenUp, ...args: readonly string[]): Promise<string> {
  const debug = /(http:\/\/\S+)\/debug\/syncz/.exec(up.stdout)?.[1] ?? '';
  return runHere(process.execPath, program, '--kubeconfig', up.kubeconfig, '--debug-url', debug, ...args);
}

/** In the pod of a workload, as a user would ask for it. */
const shell = (up: LateenUp, pod: string, ...command: readonly string[]): Promise<string> => {
  const state = path.join(up.directory, 'state');
  // A mesh on any port is found by its process.
  const run = readdirSync(state).find((name) => name.startsWith('run-'))!;
  const where = ['--api-port', run.slice('run-'.length), '--state-directory', state];
  return lateen(up, 'shell', pod, ...where, '--', ...command);
};

const fetching = 'fetch(process.argv[1]).then(async (r) => console.log(r.status, (await r.text()).slice(0, 20)))';

const liveTests = `tests:
  - {name: page, call: GET http://any/productpage, expect: {reaches: productpage, status: 200}}
  - {name: closed, call: GET http://any/none, expect: {status: 404}}
  - {name: inside, from: productpage, call: GET http://reviews:9080/reviews/0, expect: {reaches: reviews, status: 200}}
  - {name: by the whole name, from: reviews-v2, call: "GET http://ratings.default.svc.cluster.local:9080/ratings/0", expect: {status: 200}}
`;

/** What people look with. */
async function look(up: LateenUp): Promise<void> {
  const tests = path.join(up.directory, 'live.test.yaml');
  writeFileSync(tests, liveTests);
  expect(await lateen(up, 'test', '--live', tests)).toBe('4 passed, 0 failed\n');
  expect(await lateen(up, 'proxy-config', 'listeners', 'productpage')).toContain('15006');
  expect(await lateen(up, 'proxy-status', 'productpage')).toContain('Match');
  expect(await shell(up, 'reviews-v1', process.execPath, '-e', fetching, 'http://ratings:9080/ratings/0')).toMatch(/^200 /);
}

/** Names of namespaces, links and bridges of Lateens. */
async function networksHere(): Promise<string[]> {
  const namespaces = (await runHere('ip', 'netns', 'list')).split('\n').map((line) => line.split(' ')[0] ?? '');
  const links = [...(await runHere('ip', '-o', 'link')).matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = '']) => name);
  return [...namespaces, ...links].filter((name) => name.startsWith('lateen'));
}

/** As nft calls them: `table ip lateen0`. */
const rulesHere = async (): Promise<string[]> => (await runHere('nft', 'list', 'tables')).split('\n').filter(Boolean);

describe('netns', () => {
  let why: string | undefined;
  beforeAll(async () => {
    why = whyNotBuilt ?? (await whyNoNamespaces());
  });
  beforeEach((context) => {
    if (why !== undefined) context.skip(why);
  });

  test('Bookinfo, unmodified and told of no proxy; killed, it leaves nothing that the next start does not sweep away', async () => {
    const machine = http.createServer((_, response) => response.end('of the machine')).listen(0, '127.0.0.1');
    await once(machine, 'listening');
    onTestFinished(() => void machine.close());
    const { port } = machine.address() as AddressInfo;
    const first = start('--capture', 'netns', '--publish', `beside=${port}`);
    await first.untilUp();
    expect(first.stdout).toMatch(/capture +netns \(each pod has a network namespace/);
    expect(await page(first)).toBe('whole');
    const pods = [...first.stdout.matchAll(/:15000 {2}(\S+)/g)].map(([, name = '']) => name);
    const own = (await networksHere()).filter((name) => pods.some((pod) => name.endsWith(pod)));
    expect(own).toHaveLength(7);
    const [prefix = ''] = own[0]!.split('-');
    const rules = [`table ip ${prefix}`, `table ip ${prefix}-services`];
    expect(await rulesHere()).toEqual(expect.arrayContaining(rules));
    await look(first);
    const beside = await shell(first, 'reviews-v1', process.execPath, '-e', fetching, `http://beside:${port}/`);
    expect(beside).toBe('200 of the machine\n');
    const processes = first.look();
    first.kill('SIGKILL');
    await first.ended;
    await untilGone(processes);
    expect(await rulesHere()).toEqual(expect.arrayContaining(rules));
    const next = start('--capture', 'netns');
    await next.untilUp();
    const left = await networksHere();
    expect(left.filter((name) => own.includes(name))).toEqual([]);
    expect(await page(next)).toBe('whole');
    next.kill('SIGTERM');
    expect(await next.untilEnded()).toBe(0);
    // Unless another one has claimed these addresses by now.
    if (!(await networksHere()).includes(prefix)) expect((await rulesHere()).filter((table) => rules.includes(table))).toEqual([]);
    expect((await networksHere()).filter((name) => own.includes(name))).toEqual([]);
  }, 90_000);
});

describe('limits and volumes', () => {
  let why: string | undefined;
  beforeAll(async () => {
    why = whyNotBuilt ?? (await whyNoNamespaces());
  });
  beforeEach((context) => {
    if (why !== undefined) context.skip(why);
  });

  const manifest = `
apiVersion: v1
kind: Secret
metadata: {name: word}
stringData: {word: swordfish}
---
apiVersion: v1
kind: Pod
metadata: {name: limited}
spec:
  volumes: [{name: word, secret: {secretName: word}}, {name: scratch, emptyDir: {}}]
  containers:
    - name: app
      command: [sh, -c, 'cat /etc/nowhere/word > /scratch/copy; echo ready; sleep 1000']
      resources: {limits: {memory: 100Mi, cpu: 500m}}
      volumeMounts: [{name: word, mountPath: /etc/nowhere}, {name: scratch, mountPath: /scratch}]
`;

  test('killed, it leaves no cgroup, no volume and no mount beyond the next start', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-killed-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    writeFileSync(path.join(directory, 'pod.yaml'), manifest);
    const state = path.join(directory, 'state');
    const args = ['--capture', 'netns', '-f', path.join(directory, 'pod.yaml'), '--state-directory', state];
    const begin = (): LateenUp => {
      const up = new LateenUp(args);
      running.push(up);
      return up;
    };
    const first = begin();
    await first.untilUp();
    const volumes = path.join(state, `run-any-${first.pid}`, 'volumes');
    const scratch = () => (readdirSync(volumes, { recursive: true }) as string[]).some((name) => name.endsWith('scratch/copy'));
    await until('the pod has its volumes', scratch);
    const cgroups = () => runHere('find', '/sys/fs/cgroup', '-maxdepth', '5', '-name', `lateen-${first.pid}`);
    const hasLimits = first.stdout.includes('by cgroups');
    expect((await cgroups()) !== '').toBe(hasLimits);
    const processes = first.look();
    first.kill('SIGKILL');
    await first.ended;
    await begin().untilUp();
    await untilGone(processes);
    expect(existsSync(volumes)).toBe(false);
    expect(await cgroups()).toBe('');
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(directory);
  }, 90_000);
});

describe('user', () => {
  beforeEach((context) => {
    if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
  });

  test('the same inside of a user namespace; killed from outside, nothing is left', async (context) => {
    const up = start('--capture', 'user');
    await Promise.race([up.untilUp(), up.ended]);
    if (up.stderr.includes('capture mode user')) context.skip(`no user namespace can be made here: ${up.stderr}`);
    expect(up.stdout).toMatch(/capture +user \(each pod has a network namespace inside of a user namespace/);
    expect(await page(up)).toBe('whole');
    const processes = up.look();
    expect(processes.length).toBeGreaterThan(8);
    await look(up);
    up.kill('SIGKILL');
    await up.ended;
    await untilGone(processes);
  });

  test('it ends in order', async (context) => {
    const up = start('--capture', 'user');
    await Promise.race([up.untilUp(), up.ended]);
    if (up.stderr.includes('capture mode user')) context.skip(`no user namespace can be made here: ${up.stderr}`);
    up.kill('SIGTERM');
    expect(await up.untilEnded()).toBe(0);
    expect(up.stdout).toContain('ended: nothing is left running');
  });
});

describe('what is missing is said, and done without', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-tools-'));
  const fake = (tool: string, says: string) =>
    writeFileSync(path.join(directory, tool), `#!/bin/sh\necho "${says}" >&2\nexit 1\n`, { mode: 0o755 });
  beforeEach((context) => {
    if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('auto goes back to loopback addresses, whole', async () => {
    for (const tool of ['ip', 'unshare']) fake(tool, `${tool}: Operation not permitted`);
    const up = new LateenUp(['--sample', 'bookinfo', '--capture', 'auto'], { ...inherited, PATH: `${directory}:${inherited['PATH']}` });
    running.push(up);
    await up.untilUp();
    expect(up.stdout).toMatch(/capture +loopback \(each pod has its own 127.x.y.z/);
    expect(up.stdout).toMatch(/not netns: (ip .*: ip: Operation not permitted|only root may make network namespaces)/);
    expect(up.stdout).toMatch(/not user: no user namespace can be made here/);
    expect(await page(up)).toBe('whole');
  });
});
