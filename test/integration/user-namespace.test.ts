// Mode `user` for somebody who may do nothing on this machine: what pods reach in it and outside of it, with a proxy and without, and that
// the end of the one outside is the end of all.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { decode, encode } from 'dns-packet';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import { ask as askApi } from '#cli/http-json';
import { outputInPod } from '#cli/pod-exec';
import { messageOf } from '#foundation/mesh-error';
import { below } from '#net/http-access';
import { datagramAnswer, machineAddress, ownNodePorts, runHere } from './capture-mesh.ts';
import { LateenUp } from './lateen-up.ts';
import { program, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

const world = machineAddress();
const isRoot = process.getuid?.() === 0;
const asNobody = isRoot ? ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'] : [];

function whyNot(): string | undefined {
  if (whyNotBuilt !== undefined) return whyNotBuilt;
  if (world === undefined) return 'this machine has no address but 127.0.0.1';
  if (!isRoot) return undefined;
  try {
    execFileSync(asNobody[0]!, [...asNobody.slice(1), 'test', '-r', program]);
    return undefined;
  } catch {
    return 'others may not read this checkout, or there is no setpriv';
  }
}

beforeEach((context) => {
  const why = whyNot();
  if (why !== undefined) context.skip(why);
});

const app = (name: string, inject: boolean, script: string) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}, sidecar.istio.io/inject: "${inject}"}}
spec: {containers: [{name: app, command: ['$(NODE)', '-e', ${JSON.stringify(script)}]}]}
`;
const nodePort = `
apiVersion: v1
kind: Service
metadata: {name: at-node-port}
spec: {type: NodePort, selector: {app: meshed}, ports: ${ownNodePorts}}
`;
/** What the API says to the pod's service account, found as Kubernetes' clients find it. */
const askingApi = `
const [fs, https] = [require('node:fs'), require('node:https')];
const own = (name) => fs.readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/' + name, 'utf8');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const headers = { authorization: 'Bearer ' + own('token') };
https.get({ host, port, path: '/api/v1/namespaces/' + own('namespace') + '/pods', ca: own('ca.crt'), headers }, (answer) => {
  let text = '';
  answer.on('data', (chunk) => (text += chunk)).on('end', () => console.log(answer.statusCode, JSON.parse(text).message));
});`;
const serve = (says: string) => `require('http').createServer((q, s) => s.end('${says}')).listen(8080);
const u = require('dgram').createSocket('udp4').on('message', (m, r) => u.send('${says}', r.port, r.address)).bind(9001)`;
const asking = `fetch(process.argv[1]).then(async (r) => console.log(r.status, await r.text()), (e) => console.log(e.cause?.code))`;

async function worldlyServer(): Promise<number> {
  const server = http.createServer((_, response) => response.end('the world')).listen(0, world);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Knows one name. Resolves to what is to be /etc/resolv.conf; root alone can have it so, and the port. */
async function worldlyNames(directory: string): Promise<string> {
  const server = createSocket('udp4', (bytes, { port, address }) => {
    const { id = 0, questions = [] } = decode(bytes);
    const known = questions[0]?.name === 'world.test' && questions[0].type === 'A';
    const answers = known ? [{ type: 'A' as const, name: 'world.test', ttl: 60, data: world! }] : [];
    server.send(encode({ type: 'response', id, questions, answers }), port, address);
  });
  server.bind(53, '127.63.0.53');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const file = path.join(directory, 'resolv.conf');
  writeFileSync(file, 'nameserver 127.63.0.53\n');
  return file;
}

test('pods reach each other and the world; a word to the one outside ends all', async (context) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-user-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const manifest = path.join(os.tmpdir(), `${path.basename(directory)}.yaml`);
  writeFileSync(manifest, [app('meshed', true, serve('in the mesh')), app('plain', false, serve('not in the mesh')), nodePort].join('---'));
  onTestFinished(() => rmSync(manifest));
  const port = await worldlyServer();
  const mount = isRoot
    ? ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', await worldlyNames(directory)]
    : [];
  const inherited = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };
  // What listens at the machine's 127.0.0.1 is reached by being published, and another address by itself.
  const beside = http.createServer((_, response) => response.end('of the machine')).listen(0, '127.0.0.1');
  await once(beside, 'listening');
  onTestFinished(() => void beside.close());
  const published = (beside.address() as AddressInfo).port;
  const up = new LateenUp(['--capture', 'user', '-f', manifest, '--publish', `beside=${published}`], inherited, [...mount, ...asNobody]);
  onTestFinished(() => up.dispose());
  await Promise.race([up.untilUp(), up.ended]);
  if (up.stderr.includes('capture mode user')) context.skip(`no user namespace can be made here: ${up.stderr}`);
  const state = path.join(up.directory, 'state');
  const run = readdirSync(state)
    .find((name) => name.startsWith('run-'))!
    .slice('run-'.length);
  const ask = async (pod: string, url: string): Promise<string> => {
    const where = ['--kubeconfig', up.kubeconfig, 'shell', pod, '--api-port', run, '--state-directory', state, '--'];
    const [first = '', ...rest] = [...asNobody, process.execPath, program, ...where, process.execPath, '-e', asking, url];
    return (await runHere(first, ...rest)).trim();
  };
  const answers = (pod: string, url: string, wanted: string) =>
    until(`${pod} is told so by ${url}`, async () => {
      const heard = await ask(pod, url);
      return heard === wanted || heard;
    });
  const calls: readonly (readonly [url: string, answer: string])[] = [
    ['http://meshed/', '200 in the mesh'],
    ['http://plain.default.svc.cluster.local/', '200 not in the mesh'],
    [`http://${world}:${port}/`, '200 the world'],
    [`http://beside:${published}/`, '200 of the machine'],
    ['http://nobody.default.svc.cluster.local/', 'ENOTFOUND'],
    ...(isRoot ? [[`http://world.test:${port}/`, '200 the world'] as const] : []),
  ];
  for (const [url, answer] of calls) await Promise.all(['meshed', 'plain'].map((pod) => answers(pod, url, answer)));
  for (const pod of ['meshed', 'plain']) {
    const asked = { metadata: { name: pod, namespace: 'default' } } as Pod;
    expect(await outputInPod(up.api, asked, [process.execPath, '-e', askingApi])).toBe(
      '403 pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"\n',
    );
  }
  const service = JSON.parse(
    await askApi('GET', below(up.api, '/api/v1/namespaces/default/services/at-node-port'), 'the API server'),
  ) as Service;
  const atNodePort = `http://127.0.0.1:${service.spec.ports![0]!.nodePort}/`;
  await until('the node port leads into the mesh', async () => {
    const heard = await fetch(atNodePort).then((answer) => answer.text(), messageOf);
    return heard === 'in the mesh' || heard;
  });
  expect(await datagramAnswer(service.spec.ports![1]!.nodePort!, 'who is there?')).toBe('in the mesh');
  up.kill('SIGINT');
  expect(await up.untilEnded()).toBe(0);
  expect(up.stdout).toContain('ended: nothing is left running');
}, 60_000);
