// `npm run soak -- --minutes N`: the proxy under mixed abuse and good traffic. It must come out with flat memory and no failed good request;
// says so, or what went wrong, and ends with 1. Options: --minutes N --abusers N --seed N
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Random, SeededRandom } from '#foundation/random';
import { issueCertificate } from '../proxy/certificate.ts';
import { freePorts, median, residentBytes, start } from '../proxy/processes.ts';
import { abuses, type Doors } from './abuse.ts';
import { runGoodTraffic, type Tally } from './good-traffic.ts';
import { liveHeapFile } from './live-heap.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    abusers: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
  },
});
const minutes = Number(values.minutes);
/** Memory is looked at as often. */
const sampleMs = 2000;
/** Of the first third's median, that of the last may be: what the heap breathes. */
const growthMax = 1.15;

const directory = mkdtempSync(join(tmpdir(), 'lateen-soak-'));
const running: ChildProcess[] = [];
try {
  process.exitCode = (await soak()) ? 0 : 1;
} finally {
  for (const child of running) child.kill();
  rmSync(directory, { recursive: true, force: true });
}

async function soak(): Promise<boolean> {
  const pem = issueCertificate(directory);
  const backend = await startBackend();
  const [plain = 0, tls = 0] = await freePorts(2);
  const program = fileURLToPath(new URL('../proxy/lateen-proxy.js', import.meta.url));
  const flags = ['--expose-gc', '--import', new URL('./live-heap.js', import.meta.url).href];
  for (const options of [
    { port: plain, to: backend.port },
    { port: tls, to: backend.port, pem, in: 'tls' },
  ]) {
    running.push(await start({ port: options.port, command: [process.execPath, ...flags, program, JSON.stringify(options)] }, 0));
  }
  const stop = new AbortController();
  const tally: Tally = { good: 0, failures: [] };
  const counts = new Map<string, number>();
  const random = new SeededRandom(Number(values.seed));
  const work = [
    runGoodTraffic({ plain, tls }, readFileSync(pem), tally, stop.signal),
    ...Array.from({ length: Number(values.abusers) }, () => abuse({ plain, tls }, random, counts, stop.signal)),
  ];
  const memory = await watch(tally);
  stop.abort();
  await Promise.all(work);
  backend.close();
  return judge(memory, tally, counts);
}

async function abuse(doors: Doors, random: Random, counts: Map<string, number>, signal: AbortSignal): Promise<void> {
  const names = Object.keys(abuses);
  while (!signal.aborted) {
    const name = names[Math.floor(random.next() * names.length)]!;
    await abuses[name]!(doors, random);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}

/** What is live after a collection of garbage, and what is resident. */
interface Memory {
  readonly live: number[];
  readonly resident: number[];
}

/** Bytes over time, until the time is over. */
async function watch(tally: Tally): Promise<Memory> {
  const memory: Memory = { live: [], resident: [] };
  const samples = Math.max(6, Math.round((minutes * 60_000) / sampleMs));
  for (let i = 0; i < samples; i++) {
    await sleep(sampleMs);
    for (const { exitCode } of running) if (exitCode !== null) throw new Error(`a proxy has ended with code ${exitCode}`);
    memory.resident.push(residentBytes(running));
    if (i % 5 === 4) memory.live.push(await liveBytes());
    if (i % 15 === 14)
      console.log(
        `${Math.round(((i + 1) * sampleMs) / 1000)} s: ${megabytes(memory.resident.at(-1)!)}, ${megabytes(memory.live.at(-1)!)} live, ${tally.good} good, ${tally.failures.length} failed`,
      );
  }
  return memory;
}

async function liveBytes(): Promise<number> {
  const files = running.map(({ pid }) => liveHeapFile(pid!));
  for (const file of files) rmSync(file, { force: true });
  for (const { pid } of running) process.kill(pid!, 'SIGUSR2');
  for (let i = 0; i < 100 && !files.every((file) => existsSync(file)); i++) await sleep(50);
  const bytes = files.map((file) => Number(readFileSync(file, 'utf8')));
  for (const file of files) rmSync(file, { force: true });
  return bytes.reduce((sum, each) => sum + each, 0);
}

function judge(memory: Memory, tally: Tally, counts: ReadonlyMap<string, number>): boolean {
  const flat = [isFlat('resident', memory.resident), isFlat('live', memory.live)].every(Boolean);
  for (const [name, count] of [...counts].sort()) console.log(`${String(count).padStart(7)}  ${name}`);
  for (const failure of tally.failures.slice(0, 10)) console.log(`failed: ${failure}`);
  console.log(`${tally.good} good requests, ${tally.failures.length} FAILED`);
  return flat && tally.failures.length === 0 && tally.good > 0;
}

function isFlat(what: string, bytes: readonly number[]): boolean {
  const third = Math.max(1, Math.floor(bytes.length / 3));
  const [first, last] = [median(bytes.slice(0, third)), median(bytes.slice(-third))];
  const flat = last <= first * growthMax;
  const verdict = flat ? 'flat' : 'GROWS';
  console.log(`memory of two proxies, ${what}: ${megabytes(first)} in the first third, ${megabytes(last)} in the last: ${verdict}`);
  return flat;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1048576).toFixed(1)} MB`;
}

/** 1 KB, 1 MB, or what was sent. */
function startBackend(): Promise<{ port: number; close(): void }> {
  const [small, large] = [Buffer.alloc(1024, 'x'), Buffer.alloc(1_048_576, 'x')];
  // It never hangs up by itself: a POST that meets such an end may not be sent again, and fails rightly.
  const server = createServer({ keepAliveTimeout: 3_600_000 }, (asked, answer) => {
    if (asked.url === '/echo') {
      answer.writeHead(200);
      asked.pipe(answer);
    } else {
      const body = asked.url === '/1m' ? large : small;
      answer.writeHead(200, { 'content-length': body.length }).end(body);
    }
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const close = () => {
        server.closeAllConnections();
        server.close();
      };
      resolve({ port: (server.address() as AddressInfo).port, close });
    }),
  );
}
