// Explanations of what a running proxy holds, and route tests that are sent for real.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { sharedCanonicalJson } from '#codec/protobuf/shared-canonical-json';
import { dumpedProxy } from '#explain/live-proxy';
import { readMesh } from '#explain/load-world';
import { runExplain } from '#explain/run-explain';
import { runTests } from '#explain/run-test';
import { buildWorld } from '#explain/world';
import { systemClock } from '#foundation/clock';
import { useMesh } from './mesh-fixture.ts';

const mesh = useMesh();
const descriptors = async () => readFileSync(fileURLToPath(new URL('../../dist/descriptors.binpb', import.meta.url)));

const rules = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: reviews, subset: v2}}]
    - match: [{uri: {prefix: /old}}]
      redirect: {uri: /new}
    - match: [{uri: {prefix: /reviews}}]
      route: [{destination: {host: reviews, subset: v1}}]
`;

function context() {
  const said = { stdout: '', stderr: '' };
  const { api } = mesh.addresses;
  const cli = {
    version: '0.0.0',
    clock: systemClock,
    stdout: (text: string) => void (said.stdout += text),
    stderr: (text: string) => void (said.stderr += text),
    readStdin: async () => '',
    color: false,
    apiUrl: api.url,
    debugUrl: '',
    canonicalJson: sharedCanonicalJson(descriptors),
  };
  return { said, cli, common: { filename: [], namespace: undefined, api } };
}

async function ask(proxy: string, url: string, header: string[] = []) {
  const { said, cli, common } = context();
  await runExplain(url, { ...common, from: undefined, proxy, method: 'GET', header, output: 'json' }, cli);
  return JSON.parse(said.stdout);
}

async function testLive(tests: string) {
  const { said, cli, common } = context();
  const file = path.join(mesh.directory, 'live.test.yaml');
  writeFileSync(file, tests);
  const code = await runTests([file], { ...common, output: 'text', coverage: false, live: true }, cli);
  return { code, ...said };
}

test('a running proxy is explained on what it holds, and differs from the control plane in nothing', async () => {
  await mesh.apply(rules);
  await mesh.untilSynced();
  const jason = await ask('productpage-v1', 'http://reviews:9080/reviews/0', ['end-user: jason']);
  expect(jason).toMatchObject({
    listener: '127.0.0.1_15001',
    routeTable: 'http_proxy',
    differences: [],
    outcome: { destinations: [{ subset: 'v2', endpoints: [{ workload: expect.stringMatching(/^reviews-v2/) }] }] },
  });
  const gateway = await ask('istio-ingressgateway', 'http://any/productpage');
  expect(gateway).toMatchObject({ proxy: expect.stringMatching(/^router istio-ingress/), differences: [], outcome: { kind: 'forward' } });
  const missed = await ask('productpage-v1', 'http://reviews:9080/else');
  expect(missed.nearest[0].remedies).toEqual(["add -H 'end-user: jason'"]);
  await expect(ask('nobody', 'http://reviews:9080/')).rejects.toThrow(/there is no proxy "nobody"/);
  await mesh.delete(virtualServiceKind, 'reviews');
  await mesh.delete(destinationRuleKind, 'reviews');
});

test('what a proxy holds otherwise is named', async () => {
  await mesh.untilSynced();
  const json = new CanonicalJson(await descriptors());
  const world = buildWorld(await readMesh(mesh.addresses.api, context().cli));
  const dump = (await mesh.admin('productpage-v1', '/config_dump?include_eds')).body;
  expect(dumpedProxy(JSON.parse(dump), { url: '' }, world, json).differences).toEqual([]);
  const other = JSON.parse(dump.replaceAll('"domains":["ratings', '"domains":["ratinks').replaceAll(/"ratings:9080"/g, '"ratinks:9080"'));
  const { differences, tables } = dumpedProxy(other, { url: '' }, world, json);
  expect(differences).toEqual(['RDS http_proxy']);
  expect(tables.routeTable('http_proxy')?.virtualHost('ratinks:9080')?.name).toMatch(/^ratings\.default/);
});

test('route tests are sent, and judged by the answer and by whom the proxy asked', async () => {
  await mesh.apply(rules);
  await mesh.untilSynced();
  const good = await testLive(`tests:
  - {name: page, call: GET http://any/productpage, expect: {reaches: productpage, status: 200}}
  - {name: closed, call: GET http://any/none, expect: {status: 404}}
  - {name: jason, from: productpage, call: GET http://reviews:9080/reviews/0, headers: {end-user: jason}, expect: {subset: v2, status: 200}}
  - {name: others, from: productpage, call: GET http://reviews:9080/reviews/0, expect: {subset: v1, status: 200}}
  - {name: moved, from: productpage, call: GET http://reviews:9080/old, expect: {status: 301, redirect: "http://reviews:9080/new"}}
  - {name: by its Deployment, from: reviews-v2, call: GET http://ratings:9080/ratings/0, expect: {reaches: ratings, status: 200}}
  - {name: not there, from: productpage, call: GET http://reviews:9080/else, expect: {status: 404}}
`);
  expect(good).toEqual({ code: 0, stdout: '7 passed, 0 failed\n', stderr: '' });
  const bad = await testLive(`tests:
  - {name: wrong status, from: productpage, call: GET http://reviews:9080/reviews/0, expect: {status: 201}}
  - {name: wrong subset, from: productpage, call: GET http://reviews:9080/reviews/0, expect: {subset: v2}}
`);
  expect(bad.code).toBe(1);
  expect(bad.stdout).toContain('status: expected 201, got 200');
  expect(bad.stdout).toContain('subset: expected v2 alone, got v1');
  await mesh.delete(virtualServiceKind, 'reviews');
  await mesh.delete(destinationRuleKind, 'reviews');
});
