// From the write of a changed VirtualService to the first request that is routed by it: Bookinfo running, 200 changes by
// the Kubernetes API, a client that asks back to back through a sidecar. `npm run bench:edit [-- --json FILE]`.
import fs from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { SeededRandom } from '#foundation/random';
import { ApiClient } from './api-client.ts';
import { RawClient } from './raw-client.ts';
import { RunningMesh } from './running-mesh.ts';

const targetMs = 20;
const warmUps = 20;
/** Between edits: a person's or a pipeline's edit comes at any moment, not in step with the last one. */
const pauseMsMin = 10;
const pauseMsMax = 60;

/** The answer's header that says which edit routed the request. */
const editHeader = 'x-edit';

const { values } = parseArgs({ options: { json: { type: 'string' }, edits: { type: 'string', default: '200' } } });
const edits = Number(values.edits);

/** Milliseconds from just before the write: until the first request that is routed by it was sent, and until it was answered. */
interface Edit {
  sentMs: number;
  answeredMs: number;
}

async function measure(running: RunningMesh): Promise<Edit[]> {
  const api = new Api(new ApiClient(running.api));
  await api.prepare();
  // The second octet is the next one: see "Addresses on one machine" in ARCHITECTURE.md.
  const host = running.podAddress('productpage-v1').replace(/^127\.(\d+)/, (_, octet) => `127.${Number(octet) + 1}`);
  const client = new RawClient({ host, port: 15_001 }, new URL('http://reviews:9080/reviews/0'));
  const random = new SeededRandom(1);
  const measured: Edit[] = [];
  try {
    for (let i = 0; i < warmUps + edits; i++) {
      const pauseUntil = performance.now() + pauseMsMin + random.next() * (pauseMsMax - pauseMsMin);
      while (performance.now() < pauseUntil) await client.ask();
      const start = performance.now();
      const written = api.route(`${i}`);
      let sent: number;
      do sent = performance.now();
      while (!(await client.ask()).includes(`\r\n${editHeader}: ${i}\r\n`));
      const answered = performance.now();
      await written;
      if (i >= warmUps) measured.push({ sentMs: sent - start, answeredMs: answered - start });
    }
  } finally {
    client.close();
    api.close();
  }
  return measured;
}

const collection = '/apis/networking.istio.io/v1/namespaces/default';

class Api {
  constructor(private readonly client: ApiClient) {}

  async prepare(): Promise<void> {
    const base = (kind: string) => ({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name: 'reviews' } });
    await this.client.send('POST', `${collection}/destinationrules`, {
      ...base('DestinationRule'),
      spec: { host: 'reviews', subsets: [{ name: 'v1', labels: { version: 'v1' } }] },
    });
    const spec = { hosts: ['reviews'], http: rules('none') };
    await this.client.send('POST', `${collection}/virtualservices`, { ...base('VirtualService'), spec });
  }

  async route(edit: string): Promise<void> {
    await this.client.send('PATCH', `${collection}/virtualservices/reviews`, { spec: { http: rules(edit) } });
  }

  close(): void {
    this.client.close();
  }
}

function rules(edit: string): object[] {
  return [{ route: [{ destination: { host: 'reviews', subset: 'v1' } }], headers: { response: { set: { [editHeader]: edit } } } }];
}

function quantiles(values: readonly number[]): Record<'p50' | 'p90' | 'p99' | 'max', number> {
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), max: quantile(1) };
}

function report(measured: readonly Edit[]): void {
  const answered = quantiles(measured.map(({ answeredMs }) => answeredMs));
  const sent = quantiles(measured.map(({ sentMs }) => sentMs));
  const verdict = answered.p99 < targetMs ? 'PASS' : 'MISS';
  const line = (what: string, figures: object) =>
    console.log(
      `${what}: ${Object.entries(figures)
        .map(([name, ms]) => `${name} ${(ms as number).toFixed(1)} ms`)
        .join(', ')}`,
    );
  console.log(`${measured.length} edits; load of the machine before: ${loadBefore.toFixed(1)} on ${os.availableParallelism()} cores`);
  line('the first request that is routed by it is answered', answered);
  line('                                       and was sent', sent);
  console.log(`${verdict}: p99 of the answer is to be under ${targetMs} ms`);
  if (values.json)
    fs.writeFileSync(values.json, `${JSON.stringify({ loadBefore, answered, sent, targetMs, verdict, measured }, null, 2)}\n`);
}

const loadBefore = os.loadavg()[0] ?? Number.NaN;
const mesh = new RunningMesh();
try {
  await mesh.untilUp();
  report(await measure(mesh));
} finally {
  await mesh.stop();
}
