// What a killed Lateen's programs have left behind is ended; what another one runs is left alone.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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
