// What pods in network namespaces cost: as root, `npm run bench:capture [-- --json FILE]`. A connection that is captured against one that is
// not; the time from applying a pod to its being ready; a hundred pods at once; and what each pod's proxy adds to their process.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ApiClient } from './api-client.ts';
import { collectedMb } from './collected-memory.ts';
import { RunningMesh } from './running-mesh.ts';

const targets = { connectMicroseconds: 150, proxyMegabytes: 8, hundredPodsMs: 20_000, readyMs: 300 };
const pods = 100;
const connections = 500;
const singles = 10;

const { values } = parseArgs({ options: { json: { type: 'string' } } });

const deployment = (
  name: string,
  command: readonly string[],
  { replicas = 1, injected = true, port }: { replicas?: number; injected?: boolean; port?: number } = {},
) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, ...(!injected && { 'sidecar.istio.io/inject': 'false' }) } },
      spec: { containers: [{ name: 'app', image: 'none', command, ...(port && { ports: [{ containerPort: port }] }) }] },
    },
  },
});
const idle = ['sleep', '100000'];
const echo = ['$(NODE)', '-e', "require('node:net').createServer((c) => c.on('error', () => {}).end()).listen(9000)"];

const median = (all: readonly number[]) => [...all].sort((a, b) => a - b)[all.length >> 1]!;

/** Inside of a pod: microseconds from connect to connected, the median. */
function connectMicroseconds(namespace: string, address: string): number {
  const script = `const net = require('node:net'), all = []; const one = (left) => { if (!left) return console.log(all.sort((a, b) => a - b)[all.length >> 1]);
    const t = process.hrtime.bigint(); const s = net.connect({ host: '${address}', port: 9000 }, () => { all.push(Number(process.hrtime.bigint() - t) / 1e3); s.destroy(); });
    s.on('close', () => setTimeout(one, 2, left - 1)); s.on('error', () => {}); }; one(${connections});`;
  return Number(execFileSync('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], { encoding: 'utf8' }));
}

type PodStatus = {
  metadata: { name: string; labels: Record<string, string> };
  status?: { podIP: string; conditions?: { type: string; status: string }[] };
};

async function main(): Promise<void> {
  const manifest = path.join(os.tmpdir(), `lateen-bench-${process.pid}.json`);
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'echo' },
    spec: { selector: { app: 'echo' }, ports: [{ name: 'tcp', port: 9000 }] },
  };
  const objects = [
    service,
    deployment('echo', echo, { port: 9000 }),
    deployment('captured', idle),
    deployment('plain', idle, { injected: false }),
  ];
  fs.writeFileSync(manifest, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
  const mesh = new RunningMesh(undefined, ['--capture', 'netns', '--ephemeral', '-f', manifest]);
  try {
    await mesh.untilUp();
    const api = new ApiClient(mesh.api);
    const list = async (app: string) => {
      const text = await api.send('GET', `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`);
      return (JSON.parse(text) as { items: PodStatus[] }).items;
    };
    const isReady = ({ status }: PodStatus) =>
      status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') === true;
    const readyMs = async (name: string, count: number): Promise<number> => {
      const start = performance.now();
      await api.send('POST', '/apis/apps/v1/namespaces/default/deployments', deployment(name, idle, { replicas: count }));
      while ((await list(name)).filter(isReady).length < count) await new Promise((resolve) => setTimeout(resolve, 5));
      return performance.now() - start;
    };
    const namespaceOf = async (app: string) => {
      const [pod] = await list(app);
      return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
        .split('\n')
        .map((line) => line.split(' ')[0]!)
        .find((name) => name.endsWith(pod!.metadata.name))!;
    };
    const { podIP } = (await list('echo'))[0]!.status!;
    const plainMicroseconds = connectMicroseconds(await namespaceOf('plain'), podIP);
    const capturedMicroseconds = connectMicroseconds(await namespaceOf('captured'), podIP);
    const single: number[] = [];
    for (let i = 0; i < singles; i++) single.push(await readyMs(`single-${i}`, 1));
    const before = await collectedMb(mesh.processes().proxies);
    const hundredMs = await readyMs('many', pods);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const proxyMb = ((await collectedMb(mesh.processes().proxies)) - before) / pods;
    const rows: [string, number, number, string][] = [
      [
        'a captured connection adds to connect',
        capturedMicroseconds - plainMicroseconds,
        targets.connectMicroseconds,
        `µs (${capturedMicroseconds.toFixed(0)} against ${plainMicroseconds.toFixed(0)})`,
      ],
      ['one pod from apply to ready', median(single), targets.readyMs, `ms (median of ${singles}; its program starts at once)`],
      [`${pods} pods from apply to ready`, hundredMs, targets.hundredPodsMs, 'ms'],
      ['a proxy adds to the process of all', proxyMb, targets.proxyMegabytes, 'MB (RSS after a collection)'],
    ];
    for (const [what, value, target, unit] of rows) {
      console.log(`${value < target ? 'PASS' : 'MISS'}: ${what} ${value.toFixed(1)} ${unit}, to be under ${target}`);
    }
    if (values.json) fs.writeFileSync(values.json, `${JSON.stringify({ rows, single }, null, 2)}\n`);
  } finally {
    await mesh.stop();
    fs.rmSync(manifest, { force: true });
  }
}

await main();
