// The command line against an API server in this process: what is printed, where, and with which exit code.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { advise } from '#analysis/advise';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { ApiServer } from '#apiserver/api-server';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';
import { admitNamespace } from '#store/namespaces';
import { nobody, runCli } from './run-cli.ts';

const clock = new ManualClock();
let store: MemoryStore;
let server: ApiServer;
let apiUrl: string;
let directory: string;

beforeEach(async () => {
  store = new MemoryStore({ clock, random: new SeededRandom(5), admit: admitNamespace });
  server = new ApiServer({ store, clock, logger: silentLogger, version: '9.9.9', advise: advise(store) });
  apiUrl = (await server.listen({ host: '127.0.0.1', port: 0 })).url;
  directory = mkdtempSync(join(tmpdir(), 'lateen-cli-'));
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Standard output, standard error and the exit code of one run; the directory's name left out of them. */
async function lateen(args: string[], { stdin = '', debugUrl = nobody, api = apiUrl } = {}) {
  const context = { version: '1.2.3', clock, readStdin: async () => stdin, apiUrl: api, debugUrl };
  const { stdout, stderr, code } = await runCli(args, context);
  const tidy = (text: string) => text.replaceAll(`${directory}/`, '');
  return { stdout: tidy(stdout), stderr: tidy(stderr), code };
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const service = (name: string) => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {ports: [{port: 9080, name: http}]}\n`;
const virtualService = (subset: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: ${subset}}
`;

describe('apply', () => {
  test('creates, changes, and says where nothing changes', async () => {
    const path = file('vs.yaml', `${service('reviews')}---\n${virtualService('v1')}`);
    expect((await lateen(['apply', '-f', path])).stdout).toBe(
      'service/reviews created\nvirtualservice.networking.istio.io/reviews created\n',
    );
    expect((await lateen(['apply', '-f', path])).stdout).toBe(
      'service/reviews unchanged\nvirtualservice.networking.istio.io/reviews unchanged\n',
    );
    file('vs.yaml', `${service('reviews')}---\n${virtualService('v2')}`);
    const changed = await lateen(['apply', '-f', directory]);
    expect(changed).toMatchObject({ code: 0, stdout: expect.stringContaining('virtualservice.networking.istio.io/reviews configured\n') });
    expect(changed.stderr).toContain(
      'warning: vs.yaml:14: VirtualService default/reviews spec.http[0].route[0].destination.subset: no DestinationRule defines subset "v2"',
    );
  });

  test('says what is wrong with file, line, field and hint, applies the rest, and fails', async () => {
    const path = file('two.yaml', `${service('a')}---\n${service('b').replace('ports', 'prots')}`);
    expect(await lateen(['apply', '-f', path])).toEqual({
      code: 1,
      stdout: 'service/a created\n',
      stderr: 'error: two.yaml:9:8: Service b spec.prots: unknown field "prots"\n  hint: did you mean "ports"?\n',
    });
  });

  test('takes standard input and a namespace, which must exist', async () => {
    const refused = await lateen(['apply', '-f', '-', '-n', 'shop'], { stdin: service('a') });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('error: standard input:1: Service shop/a metadata.namespace: namespace "shop" does not exist');
    const both = `${service('a')}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n`;
    const { code, stdout } = await lateen(['apply', '-f', '-', '-n', 'shop'], { stdin: both });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'namespace/shop created\nservice/a created\n' });
  });

  test.each([
    [
      ['apply', '-f', '/nowhere.yaml'],
      1,
      'error: /nowhere.yaml does not exist\n  hint: give a file, a directory, or - for standard input\n',
    ],
    [['apply'], 2, "required option '-f, --filename <path...>' not specified"],
    [['aply'], 2, '(Did you mean apply?)'],
    [['get', 'virtualservce'], 1, 'hint: did you mean "virtualservice"?'],
    [['get', 'vs', 'none'], 1, 'error: virtualservice.networking.istio.io "none" not found\n  hint: look in all namespaces'],
    [['delete'], 2, 'error: what is to be deleted?'],
    [['--api-url', 'x', 'version'], 2, 'error: "x" is no URL of a server'],
  ])('%j fails with %i', async (args, code, message) => {
    const run = await lateen(args);
    expect(run.code).toBe(code);
    expect(run.stderr).toContain(message);
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });

  test('says that no mesh is there', async () => {
    const path = file('a.yaml', service('a'));
    const run = await lateen(['apply', '-f', path], { api: 'http://127.0.0.1:1' });
    expect(run).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: no API server listens at http://127.0.0.1:1\n  hint: is the mesh running? start it with "npm start" or "lateen up"\n',
    });
  });
});

describe('get and delete', () => {
  beforeEach(async () => {
    await lateen(['apply', '-f', '-'], { stdin: `${service('reviews')}---\n${virtualService('v1')}` });
    clock.advance(192_000);
  });

  test('get shows columns, names, YAML and JSON', async () => {
    const { stdout } = await lateen(['get', 'vs']);
    expect(stdout).toBe('NAME      GATEWAYS   HOSTS         AGE\nreviews   <none>     ["reviews"]   3m12s\n');
    expect((await lateen(['get', 'svc,vs', '-A', '-o', 'name'])).stdout).toBe(
      'service/reviews\nvirtualservice.networking.istio.io/reviews\n',
    );
    const json = JSON.parse((await lateen(['get', 'vs', 'reviews', '-o', 'json'])).stdout);
    expect(json).toMatchObject({ apiVersion: 'networking.istio.io/v1', metadata: { name: 'reviews', generation: 1 } });
    expect(json.metadata.annotations).toBeUndefined();
    const { stdout: yaml } = await lateen(['get', 'vs', 'reviews', '-o', 'yaml']);
    expect((await lateen(['apply', '-f', '-'], { stdin: yaml })).code).toBe(0);
    expect(await lateen(['get', 'pods'])).toEqual({ code: 0, stdout: '', stderr: 'No resources found in default namespace.\n' });
  });

  test('delete, by name and by file', async () => {
    expect((await lateen(['delete', 'vs', 'reviews'])).stdout).toBe('virtualservice.networking.istio.io "reviews" deleted\n');
    expect(await lateen(['delete', 'vs', 'reviews'])).toMatchObject({
      code: 1,
      stderr: 'error: virtualservices.networking.istio.io "reviews" not found\n',
    });
    const run = await lateen(['delete', '-f', '-', '--ignore-not-found'], { stdin: `${service('reviews')}---\n${virtualService('v1')}` });
    expect(run).toEqual({ code: 0, stdout: 'service "reviews" deleted\n', stderr: '' });
    expect(await store.get(virtualServiceKind, 'default', 'reviews')).toBeUndefined();
  });
});

describe('version, help, proxy-status', () => {
  let debug: Server;
  let debugUrl: string;
  beforeEach(async () => {
    const proxies = [
      {
        proxy: 'reviews-v1.default',
        type: 'sidecar',
        clusterId: 'Kubernetes',
        version: '1',
        cds: 'SYNCED',
        lds: 'STALE',
        eds: 'NOT SENT',
        rds: 'ERROR',
        ecds: 'NOT SENT',
        controlPlane: 'lateen',
        errors: { 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration': 'http_proxy: no virtual hosts' },
      },
    ];
    debug = createServer((_, response) => response.end(JSON.stringify(proxies))).listen(0, '127.0.0.1');
    await new Promise((resolve) => debug.once('listening', resolve));
    debugUrl = `http://127.0.0.1:${(debug.address() as AddressInfo).port}`;
  });
  afterEach(() => void debug.close());

  test('version names both, or the one that is there', async () => {
    expect((await lateen(['version'])).stdout).toBe('client version: 1.2.3\nserver version: v1.30.0+lateen-9.9.9\n');
    const { stdout } = await lateen(['version', '-o', 'json'], { api: 'http://127.0.0.1:1' });
    expect(JSON.parse(stdout)).toEqual({ clientVersion: '1.2.3' });
  });

  test('help teaches by examples', async () => {
    const run = await lateen(['apply', '--help']);
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('$ lateen apply -f');
  });

  test('proxy-status', async () => {
    const { stdout } = await lateen(['proxy-status'], { debugUrl });
    expect(stdout.split('\n')[3]).toBe('reviews-v1.default refused its RouteConfiguration: http_proxy: no virtual hosts');
    expect(stdout.split('\n')[1]?.split(/ {3,}/)).toEqual([
      'reviews-v1.default',
      'Kubernetes',
      'SYNCED',
      'STALE',
      'NOT SENT',
      'ERROR',
      'NOT SENT',
      'lateen',
      '1',
    ]);
    expect((await lateen(['proxy-status', 'ratings'], { debugUrl })).code).toBe(1);
    expect((await lateen(['proxy-status'])).stderr).toContain('error: the control plane does not listen at http://127.0.0.1:1\n');
  });
});

const samples = '/work/shared/samples/bookinfo';
test.skipIf(!existsSync(samples))("Istio's Bookinfo applies as it is, and twice changes nothing", async () => {
  const first = await lateen(['apply', '-f', join(samples, 'platform/kube/bookinfo.yaml')]);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  for (const name of readdirSync(join(samples, 'networking'))) {
    const run = await lateen(['apply', '-f', join(samples, 'networking', name)]);
    expect(run.code, `${name}: ${run.stderr}`).toBe(0);
    expect(run.stdout).toMatch(/created|configured|unchanged/);
  }
  const again = await lateen(['apply', '-f', join(samples, 'platform/kube/bookinfo.yaml')]);
  expect(again.stdout).not.toMatch(/created|configured/);
});
