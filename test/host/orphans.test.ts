// What a killed Lateen's programs have left behind is ended; what another one runs is left alone.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { endOrphans, supervisorVariable } from '#host/orphans';

test('the children of programs whose supervisor is gone, and no others', async () => {
  const gone = spawnSync('true').pid;
  const of = (supervisor: number | undefined) => {
    const env = { PATH: process.env['PATH'] ?? '', ...(supervisor !== undefined && { [supervisorVariable]: String(supervisor) }) };
    const child = spawn('sleep', ['1000'], { env, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  const [orphan, kept, stranger] = [of(gone), of(process.pid), of(undefined)];
  await Promise.all([orphan, kept, stranger].map((child) => once(child, 'spawn')));
  const ended = once(orphan, 'exit');
  endOrphans();
  expect((await ended)[1]).toBe('SIGKILL');
  for (const child of [kept, stranger]) {
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[1]).toBe('SIGTERM');
  }
});

/** Undefined where namespaces cannot be made. */
const unshare = [['--pid'], ['--user', '--map-root-user', '--pid']].find(
  (options) => spawnSync('unshare', [...options, '--fork', 'true']).status === 0,
);

test('one whose supervisor is a number of another PID namespace is left alone', async ({ skip }) => {
  if (unshare === undefined) skip('there is no unshare, or it may not make PID namespaces');
  const gone = spawnSync('true').pid;
  // The variable is that of the program inside alone: what stands outside is in this namespace.
  const inside = ['sh', '-c', 'echo here; exec sleep 1000'];
  const outside = spawn('unshare', [...unshare!, '--fork', '--kill-child', 'env', `${supervisorVariable}=${gone}`, ...inside], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void outside.kill('SIGKILL'));
  await once(outside.stdout, 'data');
  const orphan = spawn('sleep', ['1000'], {
    env: { PATH: process.env['PATH'] ?? '', [supervisorVariable]: String(gone) },
    stdio: 'ignore',
  });
  onTestFinished(() => void orphan.kill('SIGKILL'));
  await once(orphan, 'spawn');
  const [pid = ''] = readFileSync(`/proc/${outside.pid}/task/${outside.pid}/children`, 'utf8').split(' ');
  expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toContain(`${supervisorVariable}=${gone}`);
  const ended = once(orphan, 'exit');
  endOrphans();
  await ended;
  expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/^\d+ \(\w+\) [^ZX]/);
  expect(outside.exitCode).toBeNull();
});
