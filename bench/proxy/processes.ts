// Programs under measurement: started on one core, known by the port that they listen on, and ended by who started them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';

export interface Program {
  command: readonly string[];
  port: number;
}

/** So many ports that were free a moment ago: two runs on one machine do not meet. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listening()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listening(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

export function installed(program: string): boolean {
  return spawnSync('which', [program]).status === 0;
}

/** Resolves when it listens. */
export async function start({ command, port }: Program, core: number): Promise<ChildProcess> {
  // Programs of Node's have a channel, over which some tell what they hold.
  const channel = command[0] === process.execPath ? (['ipc'] as const) : [];
  const child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'ignore', 'inherit', ...channel] });
  for (let attempt = 0; attempt < 400; attempt++) {
    if (child.exitCode !== null) throw new Error(`${command.join(' ')} ended with code ${child.exitCode} at its start`);
    if (await answers(port)) return child;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  child.kill();
  throw new Error(`${command.join(' ')} does not listen on port ${port}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A process and its children: nginx works in one. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(family)];
}

/** On a core, of all threads of all of them; finer than the ticks of /proc/PID/stat. */
export function cpuSeconds(processes: readonly ChildProcess[]): number {
  let nanoseconds = 0;
  for (const pid of processes.flatMap(({ pid }) => family(pid!))) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return nanoseconds / 1e9;
}

/** Resident, of all of them. */
export function residentBytes(processes: readonly ChildProcess[]): number {
  let kilobytes = 0;
  for (const pid of processes.flatMap(({ pid }) => family(pid!))) {
    kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
