// Istio's samples httpbin, helloworld, curl and sleep, as Istio publishes them, call each other by name in captured pods.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runHere, whyNoNamespaces } from './capture-mesh.ts';
import { LateenUp } from './lateen-up.ts';
import { program, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const shared = path.resolve(root, '../shared/samples');
const files = ['httpbin', 'helloworld', 'curl', 'sleep'].map((name) => path.join(shared, name, `${name}.yaml`));

let up: LateenUp | undefined;
let why: string | undefined;

beforeAll(async () => {
  why = whyNotBuilt ?? (files.every((file) => existsSync(file)) ? await whyNoNamespaces() : `Istio's samples are not at ${shared}`);
  if (why !== undefined) return;
  const manifests = files.flatMap((file) => ['-f', file]);
  up = new LateenUp(['--capture', 'netns', '--ephemeral', ...manifests]);
  await up.untilUp();
}, 60_000);
beforeEach((context) => {
  if (why !== undefined) context.skip(why);
});
afterAll(() => up?.dispose());

/** By Node, which every machine with these tests has. */
function fetchFrom(pod: string, url: string): Promise<string> {
  const script = 'fetch(process.argv[1]).then(async (r) => console.log(r.status, await r.text()), (e) => console.log(e.cause?.code))';
  const where = ['--api-port', `any-${up!.pid}`, '--state-directory', path.join(up!.directory, 'state')];
  const command = ['shell', `deployment/${pod}`, ...where, '--', process.execPath, '-e', script, url];
  return runHere(process.execPath, program, '--kubeconfig', up!.kubeconfig, ...command);
}

test.each([
  ['curl', 'http://httpbin:8000/headers', '"X-Forwarded-Proto"'],
  ['sleep', 'http://httpbin.default:8000/status/418', '418'],
  ['curl', 'http://helloworld:5000/hello', 'Hello version: v'],
  ['httpbin', 'http://helloworld.default.svc.cluster.local:5000/hello', 'Hello version: v'],
  ['helloworld-v1', 'http://httpbin:8000/get?a=b', '"a": "b"'],
])('%s calls %s', async (from, url, answer) => {
  await until('it is answered', async () => {
    const text = await fetchFrom(from, url);
    return text.includes(answer) || text;
  });
  expect(await fetchFrom(from, url)).toContain(answer);
});

test('both versions of helloworld answer', async () => {
  const versions = new Set<string>();
  await until('both have answered', async () => {
    versions.add(/version: (v\d)/.exec(await fetchFrom('curl', 'http://helloworld:5000/hello'))?.[1] ?? 'none');
    return versions.has('v1') && versions.has('v2');
  });
});
