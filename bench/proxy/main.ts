// `npm run bench:proxy`: Lateen's proxy against C and Node proxies, row by row of rows.ts, in one run and in turns, each alone on core 0; the
// load and the backend share core 1. Compare ratios: absolute figures are the machine's.
// Options: --passes N --seconds N --only ROW,ROW --json FILE
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { issueCertificate } from './certificate.ts';
import { idleBytes, type ProcessMemory } from './connections.ts';
import { measuredFilters } from './filter-costs.ts';
import { nginxBackend } from './gateway-config.ts';
import { latency, warmUp } from './latency.ts';
import { type Load, loadCore, measure, type Sample } from './load.ts';
import { freePorts, installed, median, type Program, start } from './processes.ts';
import { type Peer, type Places, type Row, rows } from './rows.ts';

const { values } = parseArgs({
  options: {
    passes: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const passes = Number(values.passes);
const seconds = Number(values.seconds);
const proxyCore = 0;

interface Figure {
  row: string;
  work: string;
  peer: string;
  value: number;
  unit: string;
  /** Lateen's over the peer's; of figures without a peer, the value. */
  ratio?: number;
  verdict: string;
}

const lacking = ['wrk', 'h2load', 'nginx', 'taskset', 'openssl'].filter((program) => !installed(program));
if (lacking.length > 0) {
  console.error(`bench:proxy needs ${lacking.join(', ')} (Debian: apt-get install wrk nghttp2-client nginx-light util-linux openssl)`);
  process.exit(1);
}

const directory = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
const running = new Set<ChildProcess>();
try {
  const figures = await run();
  print(figures);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ options: values, figures }, undefined, 2)}\n`);
} finally {
  for (const child of running) child.kill();
  rmSync(directory, { recursive: true, force: true });
}

async function run(): Promise<Figure[]> {
  const pem = issueCertificate(directory);
  writeFileSync(join(directory, 'grpc-body'), Buffer.concat([Buffer.from([0, 0, 0, 0, 32]), Buffer.alloc(32, 'x')]));
  const [http1 = 0, h2c = 0, mtls = 0] = await freePorts(3);
  const places: Places = { directory, pem, programs: new URL('.', import.meta.url), backend: { http1, h2c, mtls } };
  await begin([nginxBackend(places, places.backend)], loadCore);
  const wanted = values.only?.split(',');
  const all = rows(places);
  const [plain] = all[0]!.peers;
  const extra: Record<string, () => Promise<Figure[]>> = {
    'idle-h2': () => idleRow('idle-h2', 'an idle HTTP/2 connection', 'http2', 2000, plain!, { least: 16, aim: 12 }),
    'idle-h1': () => idleRow('idle-h1', '5,000 idle connections', 'http1', 5000, plain!, { least: 8, aim: 5 }),
    latency: () => latencyRow(plain!, http1),
    routes: () =>
      variantsRow(
        'routes',
        'routes in the table',
        places,
        [12, 600, 10_000].map((count) => [String(count), { hosts: Math.ceil(count / 12) }]),
      ),
    filters: () =>
      variantsRow('filters', 'with one more filter', places, [
        ['none', {}],
        ...measuredFilters.map((filter): Variant => [filter, { filter }]),
      ]),
  };
  const figures: Figure[] = [];
  for (const row of all) if (wanted === undefined || wanted.includes(row.id)) figures.push(...(await judgedRow(row)));
  for (const [id, measured] of Object.entries(extra)) if (wanted === undefined || wanted.includes(id)) figures.push(...(await measured()));
  return figures;
}

async function begin(programs: readonly Program[], core: number): Promise<ChildProcess[]> {
  const started: ChildProcess[] = [];
  for (const program of programs) {
    const child = await start(program, core);
    running.add(child);
    started.push(child);
  }
  return started;
}

function end(processes: readonly ChildProcess[]): void {
  for (const child of processes) {
    running.delete(child);
    child.kill();
  }
}

interface Contestant {
  peer: Peer;
  port: number;
  processes: ChildProcess[];
  samples: Sample[];
}

async function enter(peers: readonly Peer[]): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const peer of peers) {
    if (peer.needs !== undefined && !installed(peer.needs)) {
      console.log(`missing: ${peer.needs} is not installed, and is left out`);
      continue;
    }
    const [port = 0, more = 0] = await freePorts(2);
    contestants.push({ peer, port, processes: await begin(peer.programs(port, more), proxyCore), samples: [] });
  }
  return contestants;
}

/** In turns, after a second each that is not counted. */
async function compete(contestants: readonly Contestant[], load: Load): Promise<void> {
  for (const { port, processes } of contestants) await measure(load, port, 1, processes);
  for (let pass = 0; pass < passes; pass++) {
    for (const { port, processes, samples } of contestants) samples.push(await measure(load, port, seconds, processes));
  }
}

async function judgedRow({ id, work, judged, load, peers }: Row): Promise<Figure[]> {
  const contestants = await enter(peers);
  await compete(contestants, load);
  const figureOf = ({ samples }: Contestant) =>
    median(samples.map(({ requestsPerSecond, cpuPerThousand }) => (judged === 'throughput' ? requestsPerSecond : cpuPerThousand * 1000)));
  const own = figureOf(contestants[0]!);
  const figures = contestants.map((contestant): Figure => {
    const { peer, samples } = contestant;
    const value = figureOf(contestant);
    const errors = samples.reduce((sum, sample) => sum + sample.errors, 0);
    const ratio = own / value;
    const good = peer.target === undefined ? undefined : judged === 'throughput' ? ratio >= peer.target.least : ratio <= peer.target.least;
    const bound = peer.target && `${judged === 'throughput' ? '>=' : '<='} ${peer.target.least} (aim ${peer.target.aim})`;
    const verdict = [bound && `${bound}: ${good ? 'met' : 'MISSED'}`, errors > 0 && `${errors} errors`].filter(Boolean).join(', ');
    return { row: id, work, peer: peer.name, value, unit: judged === 'throughput' ? 'requests/s' : 'µs CPU', ratio, verdict };
  });
  end(contestants.flatMap(({ processes }) => processes));
  report(figures);
  return figures;
}

async function idleRow(
  row: string,
  work: string,
  kind: 'http1' | 'http2',
  count: number,
  peer: Peer,
  target: { least: number; aim: number },
) {
  const found: ProcessMemory[] = [];
  for (let pass = 0; pass < passes; pass++) {
    // Each in a process of its own: what one has freed, another would take up again.
    const [contestant] = await enter([{ ...peer, programs: (port, more) => peer.programs(port, more).map(asLaunched) }]);
    found.push(await idleBytes(kind, contestant!.port, count, contestant!.processes[0]!));
    end(contestant!.processes);
  }
  const [kilobytes, held] = [median(found.map(({ resident }) => resident)) / 1024, median(found.map(({ held }) => held)) / 1024];
  const met = kilobytes <= target.least ? 'met' : 'MISSED';
  const verdict = `<= ${target.least} (aim ${target.aim}): ${met}; ${held.toFixed(2)} of it JavaScript's`;
  const figures: Figure[] = [{ row, work, peer: 'lateen', value: kilobytes, unit: 'KB each', verdict }];
  report(figures);
  return figures;
}

async function latencyRow(peer: Peer, backend: number): Promise<Figure[]> {
  const [contestant] = await enter([peer]);
  const added: number[] = [];
  await warmUp(contestant!.port);
  // Nor does the first pass count: V8 still settles for this kind of load.
  await latency(contestant!.port, seconds, directory);
  for (let pass = 0; pass < passes; pass++) {
    const [through, direct] = [await latency(contestant!.port, seconds, directory), await latency(backend, seconds, directory)];
    added.push(through.p99 - direct.p99);
  }
  end(contestant!.processes);
  const value = median(added);
  const verdict = `< 1 (aim .4): ${value < 1 ? 'met' : 'MISSED'}`;
  const figures: Figure[] = [{ row: 'latency', work: 'added at 1,000 requests/s, p99', peer: 'lateen', value, unit: 'ms', verdict }];
  report(figures);
  return figures;
}

/** With the flags with which `lateen up` starts its processes: the nursery is not what a connection costs. */
function asLaunched({ command, port }: Program): Program {
  const [node = '', ...rest] = command;
  return { port, command: [node, '--max-semi-space-size=4', '--heap-growing-percent=30', '--v8-pool-size=2', ...rest] };
}

type Variant = readonly [name: string, options: object];

/** Lateen alone, in variants: what the first costs, and what each other one adds. */
async function variantsRow(row: string, work: string, places: Places, variants: readonly Variant[]): Promise<Figure[]> {
  const [plain] = rows(places)[0]!.peers;
  const peers = variants.map(([name, options]): Peer => {
    const programs = (port: number, more: number) => plain!.programs(port, more).map((program) => withOptions(program, options));
    return { name, programs };
  });
  const contestants = await enter(peers);
  await compete(contestants, rows(places)[0]!.load);
  const cpu = contestants.map(({ samples }) => median(samples.map(({ cpuPerThousand }) => cpuPerThousand * 1000)));
  end(contestants.flatMap(({ processes }) => processes));
  const figures = cpu.map((value, i): Figure => {
    const added = value - cpu[0]!;
    return {
      row,
      work,
      peer: variants[i]![0],
      value,
      unit: 'µs CPU',
      verdict: i === 0 ? '' : `${added >= 0 ? '+' : ''}${added.toFixed(2)} µs`,
    };
  });
  report(figures);
  return figures;
}

function withOptions({ command, port }: Program, options: object): Program {
  const given = JSON.parse(command.at(-1)!);
  return { port, command: [...command.slice(0, -1), JSON.stringify({ ...given, ...options })] };
}

function report(figures: readonly Figure[]): void {
  for (const { row, peer, value, unit, ratio, verdict } of figures) {
    console.log([row.padEnd(12), peer.padEnd(17), value.toFixed(2).padStart(11), unit, ratio?.toFixed(2) ?? '', verdict].join('  '));
  }
}

function print(figures: readonly Figure[]): void {
  const table = new Table({
    head: ['work', 'proxy', 'median', '', "Lateen's / its", 'target'],
    colAligns: ['left', 'left', 'right', 'left', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const { work, peer, value, unit, ratio, verdict } of figures) {
    table.push([work, peer, value.toFixed(unit === 'requests/s' ? 0 : 2), unit, ratio?.toFixed(2) ?? '', verdict]);
  }
  console.log(`medians of ${values.passes} passes of ${values.seconds} s`);
  console.log(table.toString());
}
