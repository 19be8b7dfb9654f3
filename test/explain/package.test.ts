// `lateen/test` as its users have it: packed, unpacked into a project of its own with what it depends on, type-checked and run there.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const isBuilt = existsSync(path.join(root, 'dist/main/test.js'));
const project = mkdtempSync(path.join(os.tmpdir(), 'lateen-user-'));
const sample = path.join(root, 'samples/bookinfo');

const program = `import { type Expected, type Explanation, Mesh, RouteExpectationError } from 'lateen/test';
const mesh = await Mesh.load(${JSON.stringify(['bookinfo.yaml', 'gateway.yaml', 'routing'].map((file) => path.join(sample, file)))});
const tester = { from: 'productpage', call: 'GET http://reviews:9080/reviews/0', headers: { 'End-User': 'jason' } };
const wanted: Expected = { subset: 'v2', timeout: '2s', retries: { attempts: 3 }, mirror: 'none' };
mesh.expect(tester, wanted);
mesh.expect('GET http://bookinfo.example.com/admin', { status: 404 });
const explanation: Explanation = mesh.explain(tester);
const fault: number | undefined = explanation.outcome.kind === 'forward' ? explanation.outcome.policies.fault?.abort?.httpStatus : 0;
try {
  mesh.expect(tester, { subset: 'v1' });
} catch (error) {
  if (!(error instanceof RouteExpectationError)) throw error;
  console.log(error.name, error.failures.join(), error.message.includes('rules.yaml:'), fault);
}
`;
const wrong = "import { Mesh } from 'lateen/test';\n(await Mesh.load([])).expect('GET http://a/', { subzet: 'v1' });\n";

beforeAll(() => {
  if (!isBuilt) return;
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], { cwd: root, encoding: 'utf8' }),
  ) as { filename: string }[];
  const installed = path.join(project, 'node_modules/lateen');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', path.join(project, packed!.filename), '-C', installed, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as { dependencies: object };
  for (const name of Object.keys(dependencies)) {
    const place = path.join(project, 'node_modules', name);
    mkdirSync(path.dirname(place), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), place);
  }
  writeFileSync(path.join(project, 'package.json'), '{"type": "module"}');
  writeFileSync(path.join(project, 'routes.ts'), `declare const console: { log(...args: unknown[]): void };\n${program}`);
  writeFileSync(path.join(project, 'wrong.ts'), wrong);
  const compilerOptions = { target: 'es2023', lib: ['es2023'], module: 'nodenext', strict: true, outDir: 'out', types: [] };
  writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['routes.ts', 'wrong.ts'] }));
}, 60_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

test.skipIf(!isBuilt)('its declarations are right, and it runs', { timeout: 60_000 }, () => {
  const { stdout } = spawnSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc')], { cwd: project, encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^wrong\.ts\(2,49\): error TS2561: .*'subzet' does not exist in type 'Expected'/),
  ]);
  const run = spawnSync(process.execPath, ['out/routes.js'], { cwd: project, encoding: 'utf8' });
  expect(run.stderr).toBe('');
  expect(run.stdout).toBe('RouteExpectationError subset: expected v1 alone, got v2 true undefined\n');
});
