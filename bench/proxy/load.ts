// One measurement: load on a port by wrk (HTTP/1) or h2load (HTTP/2), and the CPU time that the measured processes took for it.
import { type ChildProcess, execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cpuSeconds } from './processes.ts';

export interface Load {
  tool: 'wrk' | 'h2load';
  path: string;
  tls?: true;
  connections: number;
  /** At once on each connection; h2load alone. */
  streams?: number;
  /** A file to post. */
  body?: string;
  headers?: readonly string[];
}

export interface Sample {
  requestsPerSecond: number;
  /** CPU seconds of the measured processes per 1,000 requests. */
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

/** The load and the backend share this core; what is measured has the other. */
export const loadCore = 1;

export async function measure(load: Load, port: number, seconds: number, processes: readonly ChildProcess[]): Promise<Sample> {
  for (const { exitCode } of processes) if (exitCode !== null) throw new Error(`what is measured has ended with code ${exitCode}`);
  const before = cpuSeconds(processes);
  const { stdout } = await promisify(execFile)('taskset', ['-c', String(loadCore), ...command(load, port, seconds)]);
  const cpu = cpuSeconds(processes) - before;
  const { requests, requestsPerSecond, errors } = load.tool === 'wrk' ? ofWrk(stdout) : ofH2load(stdout);
  return { requestsPerSecond, errors, cpuPerThousand: (cpu / requests) * 1000 };
}

function command(
  { tool, path, tls, connections, streams = 1, body, headers = requestHeaders }: Load,
  port: number,
  seconds: number,
): string[] {
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}${path}`;
  const lines = headers.flatMap((header) => ['-H', header]);
  if (tool === 'wrk') return ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, ...lines, url];
  const posted = body === undefined ? [] : ['-d', body];
  return ['h2load', `-c${connections}`, `-m${streams}`, `-D${seconds}`, ...posted, ...lines, url];
}

interface Told {
  requests: number;
  requestsPerSecond: number;
  errors: number;
}

function ofWrk(text: string): Told {
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return {
    requests: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0),
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0),
    errors: bad + broken.reduce((sum, count) => sum + Number(count), 0),
  };
}

function ofH2load(text: string): Told {
  const [, succeeded = 0, failed = 0, errored = 0] = (/(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(text) ?? []).map(Number);
  const good = Number(/status codes: (\d+) 2xx/.exec(text)?.[1] ?? 0);
  return {
    requests: succeeded,
    requestsPerSecond: Number(/, ([\d.]+) req\/s/.exec(text)?.[1] ?? 0),
    // Streams under way when the time is over are counted as neither.
    errors: failed + errored + Math.max(0, succeeded - good),
  };
}
