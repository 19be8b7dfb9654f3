// `npm run bench:proxy`: Lateen's proxy against C and Node proxies, in one run and in turns, each alone on core 0; wrk and the backend
// share core 1. Compare ratios: absolute figures are the machine's. Options: --passes N --seconds N --connections N --only A,B --json FILE
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { freePorts, measure, type Sample, start } from './measure.ts';
import { backend, installed, type Peer, peerCount, peers } from './peers.ts';

interface Result {
  peer: string;
  requestsPerSecond: number;
  cpuPerThousand: number;
  errors: number;
}

/** Lateen's throughput over the peer's, at least: from the issue. */
const targets: Readonly<Record<string, number>> = { 'l4-pipe': 0.85, nginx: 0.8, 'node:http': 3.5 };

const { values } = parseArgs({
  options: {
    passes: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});

for (const program of ['wrk', 'taskset']) {
  if (!installed(program)) {
    console.error(`bench:proxy needs ${program} (Debian: apt-get install ${program === 'wrk' ? 'wrk' : 'util-linux'})`);
    process.exit(1);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
const running: ChildProcess[] = [];
try {
  const results = await run();
  print(results);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ options: values, results }, undefined, 2)}\n`);
} finally {
  for (const child of running) child.kill();
  rmSync(directory, { recursive: true, force: true });
}

async function run(): Promise<Result[]> {
  const wanted = values.only?.split(',');
  // A bundle's chunks may lie elsewhere: only this file knows where it is.
  const places = { directory, programs: new URL('.', import.meta.url), ports: await freePorts(1 + peerCount) };
  const all = peers(places).filter(({ name }) => wanted === undefined || wanted.includes(name));
  const missing = all.filter(({ needs }) => needs !== undefined && !installed(needs));
  for (const { name } of missing) console.log(`missing: ${name} is not installed, and is left out`);
  const present = all.filter((peer) => !missing.includes(peer));
  running.push(await start(backend(places), 1));
  const started = new Map<Peer, ChildProcess>();
  for (const peer of present) started.set(peer, await begin(peer));
  const connections = Number(values.connections);
  for (const [peer, child] of started) await measure(peer.port, child, { connections, seconds: 2 });
  const samples = new Map(present.map((peer): [Peer, Sample[]] => [peer, []]));
  for (let pass = 1; pass <= Number(values.passes); pass++) {
    for (const [peer, child] of started) {
      const sample = await measure(peer.port, child, { connections, seconds: Number(values.seconds) });
      samples.get(peer)!.push(sample);
      console.log(`pass ${pass} ${peer.name.padEnd(10)} ${sample.requestsPerSecond.toFixed(0).padStart(8)} requests/s`);
    }
  }
  return [...samples].map(([peer, taken]) => summarize(peer.name, taken));
}

async function begin(peer: Peer): Promise<ChildProcess> {
  const child = await start(peer, 0);
  running.push(child);
  return child;
}

function summarize(peer: string, samples: readonly Sample[]): Result {
  return {
    peer,
    requestsPerSecond: median(samples.map((sample) => sample.requestsPerSecond)),
    cpuPerThousand: median(samples.map((sample) => sample.cpuPerThousand)),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function print(results: readonly Result[]): void {
  const lateen = results.find(({ peer }) => peer === 'lateen');
  const table = new Table({
    head: ['proxy', 'requests/s', 'CPU s per 1,000', 'errors', "Lateen's throughput / its", 'target'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { peer, requestsPerSecond, cpuPerThousand, errors } of results) {
    const ratio = lateen === undefined ? 0 : lateen.requestsPerSecond / requestsPerSecond;
    const target = targets[peer];
    const verdict = target === undefined ? '' : `>= ${target}: ${ratio >= target ? 'met' : 'MISSED'}`;
    table.push([peer, requestsPerSecond.toFixed(0), cpuPerThousand.toFixed(4), errors, ratio.toFixed(2), verdict]);
  }
  console.log(`1 KB responses, ${values.connections} connections, median of ${values.passes} passes of ${values.seconds} s`);
  console.log(table.toString());
}
