// Kubernetes' own client for JavaScript, which nobody here wrote, against a mesh of this machine: what operators and dashboards are made of.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '#foundation/logger';
import { LocalMesh } from '#main/local-mesh';
import { anyPorts, inherited, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

let directory: string;
let mesh: LocalMesh;
const config = new KubeConfig();
const namespace = 'default';

beforeAll(async () => {
  if (whyNotBuilt !== undefined) return;
  directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-client-'));
  mesh = new LocalMesh({ ...anyPorts, runDirectory: directory, images: [], inherited, logger: silentLogger });
  config.loadFromFile((await mesh.start()).kubeconfig);
  await config.makeApiClient(AppsV1Api).createNamespacedDeployment({ namespace, body: deployment });
  await until('its pod is ready', async () => (await deploymentNow()).status?.readyReplicas === 1);
});
beforeEach((context) => {
  if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
});
afterAll(async () => {
  await mesh?.stop();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

const server = `require('node:http').createServer((q, s) => s.end('at ' + q.url)).listen(8000, process.env.APP_ADDRESS, () => console.log('it serves'))`;
const deployment = {
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', command: ['$(NODE)', '-e', server], ports: [{ containerPort: 8000 }] }] },
    },
  },
};
const core = () => config.makeApiClient(CoreV1Api);
const apps = () => config.makeApiClient(AppsV1Api);
const deploymentNow = () => apps().readNamespacedDeployment({ namespace, name: 'web' });
const podName = async () => (await core().listNamespacedPod({ namespace, labelSelector: 'app=web' })).items[0]!.metadata!.name!;

test('version, a list in pages, and selectors', async () => {
  expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toMatch(/^v1\.30\.0\+lateen/);
  for (const name of ['a', 'b', 'c'])
    await core().createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { page: 'yes' } } } });
  const first = await core().listNamespacedConfigMap({ namespace, labelSelector: 'page=yes', limit: 2 });
  const rest = await core().listNamespacedConfigMap({
    namespace,
    labelSelector: 'page=yes',
    limit: 2,
    _continue: first.metadata!._continue!,
  });
  expect([first, rest].map(({ items }) => items.map(({ metadata }) => metadata?.name))).toEqual([['a', 'b'], ['c']]);
  await core().deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'page=yes' });
  expect((await core().listNamespacedConfigMap({ namespace, labelSelector: 'page=yes' })).items).toEqual([]);
});

test.each([
  [PatchStrategy.MergePatch, { metadata: { annotations: { by: 'merge' } } }, 'merge'],
  [PatchStrategy.StrategicMergePatch, { metadata: { annotations: { by: 'strategic' } } }, 'strategic'],
  [PatchStrategy.JsonPatch, [{ op: 'replace', path: '/metadata/annotations/by', value: 'json' }], 'json'],
])('%s', async (strategy, body, by) => {
  const patched = await apps().patchNamespacedDeployment({ namespace, name: 'web', body }, setHeaderOptions('Content-Type', strategy));
  expect(patched.metadata?.annotations?.['by']).toBe(by);
  // What the patch does not name stays.
  expect(patched.spec?.template.spec?.containers[0]?.name).toBe('web');
});

test('server-side apply, its field manager, and a conflict', async () => {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const map = (color: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace }, data: { color } });
  const apply = (color: string, manager: string, force?: boolean) =>
    objects.patch(map(color), undefined, undefined, manager, force, PatchStrategy.ServerSideApply);
  await apply('red', 'painter');
  await expect(apply('blue', 'other')).rejects.toMatchObject({ code: 409 });
  await apply('blue', 'other', true);
  const { data, metadata } = await core().readNamespacedConfigMap({ namespace, name: 'applied' });
  expect([data, metadata?.managedFields?.map(({ manager }) => manager)]).toEqual([{ color: 'blue' }, expect.arrayContaining(['other'])]);
});

test('a watch sees what comes, and ends when it is told to', async () => {
  const seen: string[] = [];
  const see = (type: string, object: { metadata: { name: string } }) => seen.push(`${type} ${object.metadata.name}`);
  let ended = false;
  const watch = await new Watch(config).watch(`/api/v1/namespaces/${namespace}/secrets`, {}, see, () => {
    ended = true;
  });
  await core().createNamespacedSecret({ namespace, body: { metadata: { name: 'watched' }, stringData: { a: 'b' } } });
  await core().deleteNamespacedSecret({ namespace, name: 'watched' });
  await until('it has seen both', () => `${seen}` === 'ADDED watched,DELETED watched' || seen);
  watch.abort();
  await until('it has ended', () => ended);
});

test('an informer knows what is there, and follows it', async () => {
  const happened: string[] = [];
  const list = () => core().listNamespacedService({ namespace });
  const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/services`, list);
  for (const event of ['add', 'update', 'delete'] as const)
    informer.on(event, ({ metadata }) => void happened.push(`${event} ${metadata?.name}`));
  informer.on('error', (error) => void happened.push(String(error)));
  await informer.start();
  const body = { metadata: { name: 'shop' }, spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8000 }] } };
  const created = await core().createNamespacedService({ namespace, body });
  expect(created.spec?.clusterIP).toMatch(/^10\.96\./);
  await core().replaceNamespacedService({
    namespace,
    name: 'shop',
    body: { ...created, metadata: { ...created.metadata, labels: { a: 'b' } } },
  });
  await core().deleteNamespacedService({ namespace, name: 'shop' });
  await until('it has seen them', () => `${happened}` === 'add kubernetes,add shop,update shop,delete shop' || happened);
  await informer.stop();
});

test('custom resources', async () => {
  const custom = config.makeApiClient(CustomObjectsApi);
  const kind = { group: 'networking.istio.io', version: 'v1', plural: 'virtualservices', namespace };
  const body = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'web' },
    spec: { hosts: ['web'], http: [{ route: [{ destination: { host: 'web' } }] }] },
  };
  await custom.createNamespacedCustomObject({ ...kind, body });
  expect(await custom.listNamespacedCustomObject(kind)).toMatchObject({ items: [{ metadata: { name: 'web' } }] });
  await custom.deleteNamespacedCustomObject({ ...kind, name: 'web' });
});

test('logs, followed', async () => {
  const output = new PassThrough();
  let text = '';
  output.on('data', (chunk) => (text += chunk));
  const following = await new Log(config).log(namespace, await podName(), 'web', output, { follow: true, tailLines: 10 });
  await until('it says so', () => text.includes('it serves') || text);
  following.abort();
});

test('exec: both outputs, input, and the status', async () => {
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let said = '';
  for (const output of [stdout, stderr]) output.on('data', (chunk) => (said += chunk));
  stdin.end('through it\n');
  const command = ['sh', '-c', 'read line; echo "$line"; echo wrong >&2; exit 3'];
  const pod = await podName();
  const status = await new Promise((resolve, reject) => {
    new Exec(config).exec(namespace, pod, 'web', command, stdout, stderr, stdin, false, resolve).catch(reject);
  });
  await until('it has said all', () => said.includes('through it\n') && said.includes('wrong\n'));
  expect(status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ message: '3' }] } });
});

test('port-forward', async () => {
  const forward = new PortForward(config);
  const pod = await podName();
  const local = createServer((socket) => void forward.portForward(namespace, pod, [8000], socket, null, socket));
  await new Promise<void>((resolve) => local.listen(0, '127.0.0.1', resolve));
  try {
    const socket = connect((local.address() as { port: number }).port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk));
    socket.write('GET /there HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n');
    await until('it answers', () => answer.includes('at /there') || answer);
    socket.destroy();
  } finally {
    local.close();
  }
});

test('scale, and a deletion that waits for the programs', async () => {
  const scaled = await apps().patchNamespacedDeploymentScale(
    { namespace, name: 'web', body: { spec: { replicas: 2 } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  expect(scaled.spec?.replicas).toBe(2);
  await until('both are ready', async () => (await deploymentNow()).status?.readyReplicas === 2);
  const name = await podName();
  const marked = await core().deleteNamespacedPod({ namespace, name });
  expect(marked.metadata?.deletionTimestamp).toBeInstanceOf(Date);
  await until(
    'it is gone',
    async () => (await core().listNamespacedPod({ namespace, fieldSelector: `metadata.name=${name}` })).items.length === 0,
  );
});

test('what is wrong is said in Kubernetes’ words', async () => {
  const asked = core().readNamespacedPod({ namespace, name: 'nobody' });
  await expect(asked).rejects.toBeInstanceOf(ApiException);
  await expect(core().readNamespacedPod({ namespace, name: 'nobody' })).rejects.toMatchObject({
    code: 404,
    body: /pods \\?"nobody\\?" not found/,
  });
});
