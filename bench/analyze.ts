// How long `lateen analyze` takes, start-up included, for 1,000 to 20,000 resources in one file: the time should grow with
// their number. Prints a row for each size. `npm run -s build && node dist/bench/analyze.js [lateen.js]`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = process.argv[2] ?? fileURLToPath(new URL('../main/lateen.js', import.meta.url));

/** Five resources of an application: what it is, how it is reached, and a pod. */
function application(index: number): string[] {
  const name = `app-${index}`;
  const head = (apiVersion: string, kind: string) =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}, labels: {app: ${name}}}\n`;
  return [
    `${head('v1', 'Service')}spec: {selector: {app: ${name}}, ports: [{port: 80, name: http}]}\n`,
    `${head('apps/v1', 'Deployment')}spec: {selector: {matchLabels: {app: ${name}}}, template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: c}]}}}\n`,
    `${head('v1', 'Pod')}spec: {containers: [{name: c}]}\n`,
    `${head('networking.istio.io/v1', 'DestinationRule')}spec: {host: ${name}, subsets: [{name: v1}, {name: v2, labels: {version: v2}}]}\n`,
    `${head('networking.istio.io/v1', 'VirtualService')}spec: {hosts: [${name}], http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: ${name}, subset: v1}}]}, {route: [{destination: {host: ${name}, subset: v3}}]}]}\n`,
  ];
}

const folder = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
try {
  process.stdout.write('resources   seconds   CPU s   peak MB   findings\n');
  for (const resources of [1000, 5000, 20_000]) {
    const file = join(folder, `${resources}.yaml`);
    const documents = Array.from({ length: resources / 5 }, (_, index) => application(index)).flat();
    writeFileSync(file, documents.join('---\n'));
    const started = process.hrtime.bigint();
    const { stdout, stderr } = spawnSync(
      '/usr/bin/time',
      ['-f', 'peak=%M cpu=%U+%S', process.execPath, program, 'analyze', '-o', 'json', file],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 30,
      },
    );
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const peakMb = Number(/peak=(\d+)/.exec(stderr)?.[1] ?? 0) / 1024;
    const [, user, system] = /cpu=([\d.]+)\+([\d.]+)/.exec(stderr) ?? [];
    const cpu = (Number(user) + Number(system)).toFixed(2).padStart(7);
    const findings = (JSON.parse(stdout) as unknown[]).length;
    const cells = [
      `${resources}`.padStart(9),
      seconds.toFixed(2).padStart(9),
      cpu,
      peakMb.toFixed(0).padStart(9),
      `${findings}`.padStart(10),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
