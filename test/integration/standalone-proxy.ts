// `lateen proxy` as a process of its own, for tests that give it an Envoy's configuration.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inherited, program } from './mesh-fixture.ts';
import { until } from './until.ts';

export interface StandaloneProxy {
  child: ChildProcess;
  said: { stdout: string; stderr: string };
  /** The address after a name. */
  at(name: string): string;
  close(): Promise<void>;
}

/** `content`: of its configuration file. Resolves when it serves, or has ended. */
export async function startStandaloneProxy(content: string, ...args: string[]): Promise<StandaloneProxy> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-proxy-'));
  const file = path.join(directory, 'config');
  writeFileSync(file, content);
  const child = spawn(process.execPath, [program, 'proxy', '-c', file, ...args], { env: inherited, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  const said = { stdout: '', stderr: '' };
  child.stdout!.on('data', (chunk: Buffer) => (said.stdout += chunk));
  child.stderr!.on('data', (chunk: Buffer) => (said.stderr += chunk));
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const there = () => said.stdout.includes('Ctrl-C') || child.exitCode !== null || said.stdout + said.stderr;
  await until('it serves, or has ended', there, 20_000).catch(async (thrown: unknown) => {
    await close();
    throw thrown;
  });
  return { child, said, at: (name) => new RegExp(`^${name} +(\\S+)`, 'm').exec(said.stdout)?.[1] ?? '', close };
}
