// What is written to the kernel for a container's limits, in a folder that stands for its own; that it keeps them is in pod-lifecycle.test.ts.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cgroups } from '#host/cgroup/cgroups';
import { limitsOf } from '#host/cgroup/limits';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'lateen-cgroups-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const machine = () => ({ root, own: '4:memory:/mine\n2:cpu,cpuacct:/\n0::/\n', pid: 7, isAlive: (pid: number) => pid === 8 });
const read = (...file: string[]) => readFileSync(path.join(root, ...file), 'utf8');
const limits = { memoryBytes: 1_000, cpuQuotaMicroseconds: 50_000 };

const opened = (): Cgroups => {
  const made = Cgroups.open(machine());
  if (!(made instanceof Cgroups)) throw new Error(made.why);
  return made;
};

test.each([
  [
    { cpu: '500m', memory: '1Ki' },
    { memoryBytes: 1_024, cpuQuotaMicroseconds: 50_000 },
  ],
  [{ cpu: '1m' }, { cpuQuotaMicroseconds: 1_000 }],
  [{ 'ephemeral-storage': '1Gi' }, undefined],
  [{}, undefined],
])('the limits %j', (given, made) => expect(limitsOf({ name: 'a', resources: { limits: given } })).toEqual(made));

test('version 2', () => {
  writeFileSync(path.join(root, 'cgroup.controllers'), 'cpu memory');
  const cgroup = opened().create('c', limits);
  for (const folder of ['', 'lateen-7']) expect(read(folder, 'cgroup.subtree_control')).toBe('+memory +cpu');
  expect([read('lateen-7', 'c', 'memory.max'), read('lateen-7', 'c', 'cpu.max')]).toEqual(['1000', '50000 100000']);
  expect(cgroup.inside(['run', 'it']).slice(2)).toEqual([`echo 0 > '${root}/lateen-7/c/cgroup.procs' && exec "$@"`, 'sh', 'run', 'it']);
  expect(cgroup.oomKills()).toBe(0);
  writeFileSync(path.join(root, 'lateen-7/c/memory.events'), 'low 0\noom 3\noom_kill 2\n');
  expect(cgroup.oomKills()).toBe(2);
});

test('version 1: where this process is, in each tree; what a killed one has left is swept away', () => {
  for (const folder of ['memory/mine/lateen-6/c', 'memory/mine/lateen-8', 'cpu']) mkdirSync(path.join(root, folder), { recursive: true });
  const cgroup = opened().create('c', limits);
  expect(read('memory/mine/lateen-7/c/memory.limit_in_bytes')).toBe('1000');
  expect(read('cpu/lateen-7/c/cpu.cfs_quota_us')).toBe('50000');
  expect(['6', '8'].filter((pid) => existsSync(path.join(root, `memory/mine/lateen-${pid}`)))).toEqual(['8']);
  writeFileSync(path.join(root, 'memory/mine/lateen-7/c/memory.oom_control'), 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n');
  expect(cgroup.oomKills()).toBe(1);
});

test('where there are none: why', () =>
  expect(Cgroups.open(machine())).toEqual({ why: expect.stringContaining('no cgroup can be made here') }));
