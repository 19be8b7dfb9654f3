// `lateen validate`, `lateen analyze` and `lateen crd`: what is shown, and the exit codes; the rules have their own tests.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { decodeObject } from '#api/decode';
import { ApiServer } from '#apiserver/api-server';
import { sharedCanonicalJson } from '#codec/protobuf/shared-canonical-json';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';
import { nobody, runCli } from './run-cli.ts';

const clock = new ManualClock();
const descriptors = new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url);
const canonicalJson = sharedCanonicalJson(() => readFile(descriptors));
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lateen-configuration-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function lateen(args: string[], apiUrl = nobody) {
  const { stdout, stderr, code } = await runCli(args, { clock, apiUrl, canonicalJson });
  const tidy = (text: string) => text.replaceAll(`${directory}/`, '');
  return { stdout: tidy(stdout), stderr: tidy(stderr), code };
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const route = (host: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec:\n  hosts: [v]\n  http:\n  - route:\n    - destination: {host: ${host}}\n`;
const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, name: http}]}\n';

describe('validate', () => {
  test('says file, line, column, field and hint; warnings pass', async () => {
    const path = file('v.yaml', `${route('a').replace('route:', 'routes:')}---\n${service}---\napiVersion: x.com/v1\nkind: Odd\n`);
    const { stdout, stderr, code } = await lateen(['validate', path]);
    expect([stdout, code]).toEqual(['3 resources: 1 invalid\n', 1]);
    expect(stderr).toContain(
      'error: v.yaml:7:5: VirtualService v spec.http[0].routes: unknown field "routes"\n  hint: did you mean "route"?',
    );
    expect(stderr).toContain('warning: v.yaml:16:1: Odd: unknown kind "Odd" in x.com/v1: not checked');
  });

  test('a row for each resource in JSON, broken documents beside sound ones', async () => {
    file('a.yaml', `${service}---\na: [\n---\n${service}`);
    file('below/b.yaml', service);
    const rows = async (...args: string[]) =>
      JSON.parse((await lateen(['validate', '-o', 'json', directory, ...args])).stdout) as { valid: boolean }[];
    expect((await rows()).map(({ valid }) => valid)).toEqual([true, false, true]);
    expect(await rows('-R')).toHaveLength(4);
  });
});

test('validate checks values of EnvoyFilters as Istio’s webhook does', async () => {
  const filter = (value: string) =>
    `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec:\n  configPatches:\n  - applyTo: CLUSTER\n    patch: {operation: MERGE, value: ${value}}\n`;
  const validated = async (value: string) => {
    const { stdout, stderr } = await lateen(['validate', file('f.yaml', filter(value))]);
    return [stdout, stderr.replaceAll(/^(?!.*is no envoy).*\n/gm, '').replace(/: cannot decode.*/, '')];
  };
  const at = 'f.yaml:6: EnvoyFilter f spec.configPatches[0].patch.value: is no envoy.config.cluster.v3.Cluster';
  expect(await validated('{lb_policy: RANDOM}')).toEqual(['1 resource: valid\n', '']);
  expect(await validated('{connect_timeout: [1]}')).toEqual(['1 resource: 1 invalid\n', expect.stringContaining('error: ')]);
  expect(await validated('{new_field: 1}')).toEqual(['1 resource: valid\n', `warning: ${at}\n`]);
});

describe('analyze', () => {
  const analyze = (path: string, ...args: string[]) => lateen(['analyze', '--use-kube=false', path, ...args]);

  test('points at the line, and fails as istioctl does', async () => {
    const path = file('v.yaml', `${service}---\n${route('lost')}`);
    const { stdout, code } = await analyze(path);
    expect([stdout, code]).toEqual([
      'Error [IST0101] (VirtualService v.default v.yaml:13) no Service or ServiceEntry has the host lost.default.svc.cluster.local: requests for it fail with 503\n' +
        '  hint: did you mean a.default.svc.cluster.local?\n',
      79,
    ]);
    const [row] = JSON.parse((await analyze(path, '-o', 'json')).stdout) as Record<string, unknown>[];
    expect(row).toMatchObject({ code: 'IST0101', level: 'Error', origin: 'VirtualService v.default', reference: 'v.yaml:13' });
  });

  test.each([
    ['a switch written as for istioctl', ['--recursive=true', '--color=false'], 79],
    ['suppressed by code and resource', ['-S', 'IST0101=VirtualService v.*'], 0],
    ['suppressed for others', ['-S', 'IST0101=VirtualService w.*'], 79],
    ['another analyzer', ['--analyzer', 'service.PortNameAnalyzer'], 0],
    ['an unknown analyzer', ['--analyzer', 'x'], 2],
    ['another namespace', ['-n', 'other'], 0],
    ['a suppression that is none', ['-S', 'x'], 2],
    ['an unknown level', ['--failure-threshold', 'Grave'], 2],
  ])('%s', async (_, args, expected) => {
    expect((await analyze(file('v.yaml', route('lost')), ...args)).code).toBe(expected);
  });

  test('thresholds: what is shown, and what fails', async () => {
    const path = file('s.yaml', service.replace(', name: http', ''));
    expect((await analyze(path)).code).toBe(0);
    expect((await analyze(path, '--failure-threshold', 'Info')).code).toBe(79);
    expect((await analyze(path, '--output-threshold', 'Warning')).stdout).toBe('No issues found.\n');
  });

  test('the annotation suppresses, what cannot be read is named and the rest analyzed', async () => {
    const annotated = route('lost').replace('{name: v}', '{name: v, annotations: {galley.istio.io/analyze-suppress: IST0101}}');
    const path = file('v.yaml', `${annotated}---\na: [\n---\n${service.replace(', name: http', '')}`);
    const { stdout, stderr, code } = await analyze(path);
    expect(stdout).toMatch(/^Info \[IST0118\]/);
    expect(stderr).toMatch(/^error: v\.yaml:11:/);
    expect(code).toBe(65);
  });

  test('a running mesh, and files laid over it', async () => {
    const store = new MemoryStore({ clock, random: new SeededRandom(3) });
    const server = new ApiServer({ store, clock, logger: silentLogger, version: '1' });
    try {
      const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
      const [stored] = parseAllDocuments(route('lost')).map((document) => decodeObject(document.toJS()));
      if (!stored?.ok) throw new Error('the test is wrong');
      await store.create(stored.value);
      expect((await lateen(['analyze', '-k'], url)).code).toBe(79);
      const over = file('over.yaml', `${service}---\n${route('a')}`);
      expect(await lateen(['analyze', '-k', over], url)).toMatchObject({
        code: 0,
        // The mesh has the namespace itself, without a label.
        stdout: expect.stringMatching(/^Info \[IST0102\] \(Namespace default\)/),
      });
    } finally {
      await server.close();
    }
  });

  test('lists its analyzers', async () => {
    const names = (await lateen(['analyze', '-L'])).stdout.trim().split('\n');
    expect(names).toContain('virtualservice.DestinationHostAnalyzer');
    expect(names).toContain('annotations.AlphaAnalyzer');
    expect(new Set(names).size).toBe(names.length);
  });
});

test('crd prints one definition for each kind of Istio’s, or those named', async () => {
  const names = (text: string) => parseAllDocuments(text).map((document) => document.toJS().metadata.name as string);
  expect(names((await lateen(['crd'])).stdout)).toHaveLength(15);
  expect(names((await lateen(['crd', 'vs'])).stdout)).toEqual(['virtualservices.networking.istio.io']);
  expect((await lateen(['crd', 'pod'])).code).toBe(2);
});
