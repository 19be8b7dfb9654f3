// How a pod ends while it is called and calls: what its programs have under way is answered, and what they ask for until they have ended is
// sent by their proxy. Real sockets, in a mesh of loopback addresses.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { podKind } from '#api/kinds/pod';
import { request } from './http-client.ts';
import { isReady, useMesh } from './mesh-fixture.ts';
import { until } from './until.ts';

const mesh = useMesh();

/** Tells what becomes of a call through the mesh. */
const calling = `
const http = require('node:http'), fs = require('node:fs');
const say = (word) => fs.appendFileSync(process.env.SEEN, word + '\\n');
const call = (word) => new Promise((resolve) => {
  const { hostname: host, port } = new URL(process.env.HTTP_PROXY);
  const heard = (how) => { say(word + ': ' + how); resolve(); };
  http.get({ host, port, path: 'http://details:9080/details/0', agent: false }, (r) => r.resume().on('end', () => heard(r.statusCode)))
    .on('error', (e) => heard(e.code));
});
`;
const program = `${calling}
http.createServer((q, s) => { say('asked'); setTimeout(() => s.end('slowly', () => say('answered')), 500); })
  .listen(process.env.PORT, process.env.APP_ADDRESS);
process.on('SIGTERM', () => call('told to end').then(() => call('at the end')).then(() => process.exit()));
`;

test('who calls it is answered, and its own calls go out until it has ended', async () => {
  const file = path.join(mesh.directory, 'seen');
  const node = (script: string) => ['$(NODE)', '-e', script];
  await mesh.store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'leaving', namespace: 'default', labels: { app: 'leaving' } },
    spec: {
      containers: [
        {
          name: 'app',
          command: node(program),
          env: [{ name: 'SEEN', value: file }],
          ports: [{ containerPort: 8000 }],
          lifecycle: { preStop: { exec: { command: [process.execPath, '-e', `${calling}call('before')`] } } },
        },
      ],
    },
  } as ApiObject);
  await mesh.store.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'leaving', namespace: 'default' },
    spec: { selector: { app: 'leaving' }, ports: [{ name: 'http', port: 8000 }] },
  } as ApiObject);
  await until('it is ready', async () => (await mesh.pods()).some((pod) => pod.metadata.name === 'leaving' && isReady(pod)));
  const { podIP } = (await mesh.pods()).find(({ metadata }) => metadata.name === 'leaving')!.status!;
  const answer = request(`http://${podIP}:8000/`);
  await until('it is asked', () => readFileSync(file, 'utf8') === 'asked\n');
  await mesh.store.delete(podKind, 'default', 'leaving');
  expect(await answer).toMatchObject({ status: 200, body: 'slowly' });
  await until('it is gone', async () => (await mesh.store.get(podKind, 'default', 'leaving')) === undefined);
  const seen = readFileSync(file, 'utf8').trim().split('\n');
  expect(seen.filter((word) => word !== 'before: 200')).toEqual(['asked', 'answered', 'told to end: 200', 'at the end: 200']);
  expect(seen).toContain('before: 200');
});
