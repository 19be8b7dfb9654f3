// What Lateen itself costs while Bookinfo runs: memory of its own three processes, and the time from the start to the first
// request. `npm run bench:memory [-- --json FILE]`. Linux, where /proc says what a process holds.
import fs from 'node:fs';
import http from 'node:http';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { call, RunningMesh } from './running-mesh.ts';

const targetMb = 250;
const targetStartMs = 5_000;
const settleMs = 10_000;
const requests = 2_000;
const connections = 8;
const coldStarts = 5;

/** Megabytes: resident, and the share of it that is not another process's as well. */
interface Memory {
  rss: number;
  pss: number;
}

type Reading = Record<string, Memory>;

function memoryOf(pid: number): Memory {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  return { rss: megabytes('Rss'), pss: megabytes('Pss') };
}

function read(mesh: RunningMesh): Reading {
  const processes = Object.entries(mesh.processes()).map(([name, pid]) => [name, memoryOf(pid)] as const);
  const together = processes.reduce((sum, [, { rss, pss }]) => ({ rss: sum.rss + rss, pss: sum.pss + pss }), { rss: 0, pss: 0 });
  return { ...Object.fromEntries(processes), together };
}

async function load(url: string): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  let left = requests;
  const loop = async () => {
    while (left-- > 0) {
      const { status } = await call(url, agent);
      if (status !== 200) throw new Error(`${url}: ${status}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  agent.destroy();
}

async function measureMemory(): Promise<Record<string, Reading>> {
  const mesh = new RunningMesh();
  try {
    await mesh.untilUp();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const idle = read(mesh);
    await load(mesh.url('product page'));
    return { [`after ${settleMs / 1000} s`]: idle, [`after ${requests} requests`]: read(mesh) };
  } finally {
    await mesh.stop();
  }
}

/** Milliseconds from the command until its table is shown, which it is after its own first request, and a request of ours is answered. */
async function measureStart(): Promise<number> {
  const start = performance.now();
  const mesh = new RunningMesh();
  try {
    await mesh.untilUp();
    const { status } = await call(mesh.url('product page'));
    if (status !== 200) throw new Error(`the product page: ${status}`);
    return performance.now() - start;
  } finally {
    await mesh.stop();
  }
}

function report(readings: Record<string, Reading>, startsMs: number[]): void {
  const moments = Object.keys(readings);
  const table = new Table({
    head: ['MB', ...moments.flatMap((moment) => [`RSS ${moment}`, 'PSS'])],
    style: { head: [], border: [] },
    colAligns: ['left', ...moments.flatMap(() => ['right', 'right'] as const)],
  });
  for (const name of Object.keys(readings[moments[0]!]!)) {
    table.push([name, ...moments.flatMap((moment) => [readings[moment]![name]!.rss.toFixed(0), readings[moment]![name]!.pss.toFixed(0)])]);
  }
  console.log(table.toString());
  const mostMb = Math.max(...moments.map((moment) => readings[moment]!['together']!.rss));
  const startMs = [...startsMs].sort((a, b) => a - b)[startsMs.length >> 1]!;
  const verdict = (holds: boolean) => (holds ? 'PASS' : 'MISS');
  console.log(`${verdict(mostMb < targetMb)}: together ${mostMb.toFixed(0)} MB (RSS), to be under ${targetMb} MB`);
  console.log(
    `${verdict(startMs < targetStartMs)}: first request ${startMs.toFixed(0)} ms after the command, median of ${startsMs.length} (${startsMs
      .map((ms) => ms.toFixed(0))
      .join(', ')}), to be under ${targetStartMs} ms`,
  );
  if (values.json)
    fs.writeFileSync(values.json, `${JSON.stringify({ readings, mostMb, targetMb, startsMs, startMs, targetStartMs }, null, 2)}\n`);
}

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const startsMs: number[] = [];
for (let i = 0; i < coldStarts; i++) startsMs.push(await measureStart());
report(await measureMemory(), startsMs);
