// How long whole commands take, from their spawn to their end: `lateen version`; `explain` in a mesh of 1,000 services; `test` of 1,000
// expectations there. Medians of several runs; CPU beside them, which other work on the machine disturbs less.
// `npm run bench:explain [-- --runs N] [-- --json FILE]`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '9' }, json: { type: 'string' } } });
const program = fileURLToPath(new URL('../main/lateen.js', import.meta.url));
const services = 1000;

/** A service with its workload, two versions, and rules: a header, a path, a split. */
function application(index: number): string[] {
  const name = `app-${index}`;
  const head = (apiVersion: string, kind: string) => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\n`;
  const destination = (subset: string, weight = '') => `    - destination:\n        host: ${name}\n        subset: ${subset}\n${weight}`;
  return [
    `${head('v1', 'Service')}spec:\n  selector:\n    app: ${name}\n  ports:\n  - name: http\n    port: 8080\n`,
    `${head('networking.istio.io/v1', 'VirtualService')}spec:\n  hosts:\n  - ${name}\n  http:\n  - match:\n    - headers:\n        end-user:\n          exact: jason\n    route:\n${destination('v2')}  - match:\n    - uri:\n        prefix: /api\n    timeout: 2s\n    route:\n${destination('v1')}  - route:\n${destination('v1', '      weight: 90\n')}${destination('v2', '      weight: 10\n')}`,
  ];
}

function destinationRule(index: number): string {
  const name = `app-${index}`;
  const subset = (version: string) => `  - name: ${version}\n    labels:\n      version: ${version}\n`;
  return `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: ${name}\nspec:\n  host: ${name}\n  subsets:\n${subset('v1')}${subset('v2')}`;
}

function expectation(index: number): string {
  const name = `app-${index % services}`;
  const [headers, expected] =
    index % 2 === 0 ? ['{end-user: jason}', '{reaches: NAME, subset: v2}'] : ['{}', '{reaches: NAME, timeout: 2s, fault: none}'];
  return `- {name: call ${index}, from: app-0, call: GET http://${name}:8080/api/${index}, headers: ${headers}, expect: ${expected.replace('NAME', name)}}\n`;
}

interface Figure {
  what: string;
  wallMs: number;
  cpuMs: number;
  /** Undefined: nothing is asked of it. */
  wantedMs: number | undefined;
}

function measure(what: string, args: readonly string[], wantedMs: number | undefined): Figure {
  const runs = Array.from({ length: Number(values.runs) }, () => {
    const started = process.hrtime.bigint();
    const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', 'cpu=%U+%S', process.execPath, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const wallMs = Number(process.hrtime.bigint() - started) / 1e6;
    if (status !== 0) throw new Error(`${what} failed: ${(stderr + stdout).slice(0, 2000)}`);
    const [, user, system] = /cpu=([\d.]+)\+([\d.]+)/.exec(stderr) ?? [];
    return { wallMs, cpuMs: (Number(user) + Number(system)) * 1000 };
  });
  const median = (of: (run: (typeof runs)[number]) => number) => runs.map(of).sort((a, b) => a - b)[Math.floor(runs.length / 2)]!;
  return { what, wallMs: median((run) => run.wallMs), cpuMs: median((run) => run.cpuMs), wantedMs };
}

const folder = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
try {
  const indexes = Array.from({ length: services }, (_, index) => index);
  const file = (name: string, parts: readonly string[], separator: string) => {
    const path = join(folder, name);
    writeFileSync(path, parts.join(separator));
    return path;
  };
  const plain = file('mesh.yaml', indexes.flatMap(application), '---\n');
  const rules = file('rules.yaml', indexes.map(destinationRule), '---\n');
  const tests = file('routes.test.yaml', ['tests:\n', ...indexes.map(expectation)], '');
  const call = ['explain', '--from', 'app-7', 'http://app-500:8080/api/x'];
  const figures = [
    measure('node -e 0', ['-e', '0'], undefined),
    measure('version', [program, 'version'], 150),
    measure(`explain, ${services} services and VirtualServices`, [program, ...call, '-f', plain], 400),
    measure(`explain, and ${services} DestinationRules`, [program, ...call, '-f', plain, '-f', rules], undefined),
    measure(`test, ${services} expectations there`, [program, 'test', '-f', plain, '-f', rules, tests], 2000),
  ];
  for (const { what, wallMs, cpuMs, wantedMs } of figures) {
    const wanted = wantedMs === undefined ? '' : `   wanted ${wantedMs} ms: ${wallMs < wantedMs ? 'met' : 'MISSED'}`;
    process.stdout.write(`${what.padEnd(48)} ${wallMs.toFixed(0).padStart(6)} ms   CPU ${cpuMs.toFixed(0).padStart(6)} ms${wanted}\n`);
  }
  if (values.json) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
