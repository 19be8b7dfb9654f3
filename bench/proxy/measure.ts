// One measurement: load on a proxy by wrk, and the CPU time that the proxy's processes took for it, from /proc.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import type { Peer } from './peers.ts';

export interface Sample {
  requestsPerSecond: number;
  /** CPU seconds of the proxy per 1,000 requests. */
  cpuPerThousand: number;
  /** Responses that were not 2xx, and socket errors. */
  errors: number;
}

/** What a browser or a service behind another sends: nine headers. */
export const requestHeaders = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br',
  'Cookie: session=eyJ1c2VyIjoiamFzb24ifQ.ZtQ2Xw.2m1Wk7T0; theme=dark',
  'Referer: http://127.0.0.1:8080/productpage',
  'Cache-Control: no-cache',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'X-B3-Sampled: 1',
];

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

/** Starts a peer on one core; resolves when it listens. */
export async function start(peer: Peer, core: number): Promise<ChildProcess> {
  const child = spawn('taskset', ['-c', String(core), ...peer.command], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`${peer.name} ended with code ${child.exitCode} at its start`);
    if (await answers(peer.port)) return child;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${peer.name} does not listen on port ${peer.port}`);
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

export async function measure(port: number, process: ChildProcess, options: { connections: number; seconds: number }): Promise<Sample> {
  if (process.exitCode !== null) throw new Error(`the proxy on port ${port} has ended with code ${process.exitCode}`);
  const pids = family(process.pid!);
  const before = cpuSeconds(pids);
  const { stdout } = await promisify(execFile)('taskset', [
    ...['-c', '1', 'wrk', '-t1', `-c${options.connections}`, `-d${options.seconds}s`],
    ...requestHeaders.flatMap((header) => ['-H', header]),
    `http://127.0.0.1:${port}/reviews/0?page=1`,
  ]);
  const cpu = cpuSeconds(pids) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? [];
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0),
    cpuPerThousand: (cpu / requests) * 1000,
    errors: bad + broken.reduce((sum, count) => sum + Number(count), 0),
  };
}

/** A process and its children: nginx works in one. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(family)];
}

/** On a core, of all threads; finer than the ticks of /proc/PID/stat. */
function cpuSeconds(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return nanoseconds / 1e9;
}
