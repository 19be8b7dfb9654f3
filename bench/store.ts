// The Kubernetes API over the durable store, as its clients have it: a server in a process of its own on real files, clients here over HTTPS.
// Creates a second, a list of 10,000, a change on 1,000 watches, and what 100,000 objects take. `npm run bench:store [-- --json FILE]`.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ApiServer } from '#apiserver/api-server';
import { makeCredentials } from '#apiserver/new-credentials';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { systemRandom } from '#foundation/random';
import type { HttpAccess } from '#net/http-access';
import { LmdbJournal } from '#store/lmdb-journal';
import { MemoryStore } from '#store/memory-store';
import { ApiClient } from './api-client.ts';

const { values } = parseArgs({ options: { json: { type: 'string' }, server: { type: 'string' } } });
const writers = 64;
const [listed, watchers, changes, stored] = [10_000, 1_000, 20, 100_000];
const configMaps = '/api/v1/namespaces/default/configmaps';
const text = 'x'.repeat(300);

async function serve(directory: string): Promise<void> {
  const clock = systemClock;
  const journal = await LmdbJournal.open({ directory });
  const store = new MemoryStore({ clock, random: systemRandom, journal, objectsMax: stored * 2 });
  const credentials = await makeCredentials(clock);
  const server = new ApiServer({ store, clock, logger: silentLogger, version: '0', credentials });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  process.send!({ url, authority: credentials.authority, token: credentials.tokens.admin } satisfies HttpAccess);
}

const configMap = (index: number) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `c-${index}`, labels: { i: `${index % 7}` } },
  data: { text },
});

/** Objects from `first` on, written by many at once. Milliseconds. */
async function create(api: ApiClient, first: number, count: number): Promise<number> {
  const started = performance.now();
  let next = first;
  const write = async () => {
    for (let index = next++; index < first + count; index = next++) await api.send('POST', configMaps, configMap(index));
  };
  await Promise.all(Array.from({ length: writers }, write));
  return performance.now() - started;
}

async function medianOf(count: number, measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await measure());
  return times.sort((a, b) => a - b)[Math.floor(count / 2)]!;
}

/** From a patch being sent until the last of all watches has it: the median and the worst of several. */
async function watched(api: ApiClient): Promise<{ median: number; worst: number }> {
  let heard = (): void => undefined;
  const requests = await Promise.all(
    Array.from({ length: watchers }, async () => {
      const path = `${configMaps}?watch=1&fieldSelector=metadata.name%3Dc-0`;
      const request = api.watch(path);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      let line = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        line += chunk;
        for (let end = line.indexOf('\n'); end >= 0; end = line.indexOf('\n')) {
          if (line.startsWith('{"type":"MODIFIED"')) heard();
          line = line.slice(end + 1);
        }
      });
      return request;
    }),
  );
  const times: number[] = [];
  for (let change = 0; change < changes; change++) {
    let missing = watchers;
    const started = performance.now();
    const all = new Promise<void>((resolve) => (heard = () => --missing === 0 && resolve()));
    await api.send('PATCH', `${configMaps}/c-0`, { data: { change: `${change}` } });
    await all;
    times.push(performance.now() - started);
  }
  for (const request of requests) request.destroy();
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(times.length / 2)]!, worst: times.at(-1)! };
}

function residentMb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1024;
}

async function measure(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-bench-store-'));
  const server = fork(fileURLToPath(import.meta.url), ['--server', directory]);
  let api: ApiClient | undefined;
  try {
    const [access] = (await once(server, 'message')) as [HttpAccess];
    api = new ApiClient(access);
    await create(api, 0, 500);
    const createsPerSecond = ((listed - 500) / (await create(api, 500, listed - 500))) * 1000;
    const listMs = await medianOf(9, async () => {
      const started = performance.now();
      await api!.send('GET', configMaps);
      return performance.now() - started;
    });
    const watch = await watched(api);
    await create(api, listed, stored - listed);
    const figures = [
      { what: `creates a second, ${writers} writers`, value: createsPerSecond, unit: '/s', wanted: 1_500, least: true },
      { what: `a list of ${listed} objects, median`, value: listMs, unit: 'ms', wanted: 150, least: false },
      {
        what: `a change on ${watchers} watches, the last of them, median of ${changes}`,
        value: watch.median,
        unit: 'ms',
        wanted: 100,
        least: false,
      },
      { what: 'the same, the worst', value: watch.worst, unit: 'ms', wanted: 100, least: false },
      { what: `${stored} objects: the server's memory`, value: residentMb(server.pid!), unit: 'MB', wanted: 1_500, least: false },
    ];
    for (const { what, value, unit, wanted, least } of figures) {
      const met = least ? value >= wanted : value <= wanted;
      process.stdout.write(
        `${what.padEnd(64)} ${value.toFixed(0).padStart(6)} ${unit.padEnd(3)} wanted ${wanted}: ${met ? 'met' : 'MISSED'}\n`,
      );
    }
    if (values.json) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
  } finally {
    server.kill();
    api?.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

await (values.server === undefined ? measure() : serve(values.server));
