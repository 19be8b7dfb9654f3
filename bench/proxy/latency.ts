// What the proxy adds to a request's way when it is not busy: 1,000 requests/s through it and past it, in turns; the 99th percentiles.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadCore } from './load.ts';

const clients = 10;
const requestsPerSecond = 1000;

/** Milliseconds at the 50th and the 99th percentile. */
export interface Latency {
  p50: number;
  p99: number;
}

/** As many requests as in half a minute of that work, as fast as they go: before, the code is not what it will be for the rest of the day. */
export async function warmUp(port: number): Promise<void> {
  const work = [`-c${clients}`, '-m1', `-n${requestsPerSecond * 30}`];
  await promisify(execFile)('taskset', ['-c', String(loadCore), 'h2load', '--h1', ...work, `http://127.0.0.1:${port}/1k`]);
}

export async function latency(port: number, seconds: number, directory: string): Promise<Latency> {
  const own = mkdtempSync(join(directory, 'latency-'));
  const file = join(own, 'log');
  try {
    const rate = [`-c${clients}`, '-m1', `--rps=${requestsPerSecond / clients}`, `-n${requestsPerSecond * seconds}`, `--log-file=${file}`];
    await promisify(execFile)('taskset', ['-c', String(loadCore), 'h2load', '--h1', ...rate, `http://127.0.0.1:${port}/1k`]);
    const microseconds = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => Number(line.split('\t')[2]));
    const sorted = microseconds.sort((a, b) => a - b);
    const at = (fraction: number) => (sorted[Math.floor(sorted.length * fraction)] ?? 0) / 1000;
    return { p50: at(0.5), p99: at(0.99) };
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
