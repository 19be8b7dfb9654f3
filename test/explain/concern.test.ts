// What has a say in a call decides it as everything does.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readItems, unreadItems } from '#api/manifest';
import { concernOf } from '#explain/concern';
import { Explainer } from '#explain/explain';
import type { Call } from '#explain/explanation';
import { readTests } from '#explain/route-test';
import { buildWorld } from '#explain/world';

const sample = fileURLToPath(new URL('../../samples/bookinfo', import.meta.url));
const texts = ['bookinfo.yaml', 'gateway.yaml', 'routing/rules.yaml'].map((file) => readFileSync(path.join(sample, file), 'utf8'));
const items = texts.flatMap((text) => [...unreadItems(text, 'mesh.yaml')]);
const worldOf = (chosen: typeof items) => buildWorld(readItems(chosen, { namespace: 'default' }).objects);
const whole = new Explainer(worldOf(items));
const { tests } = readTests(readFileSync(path.join(sample, 'routing.test.yaml'), 'utf8'), 'routing.test.yaml');
const others: Call[] = ['http://reviews.default.svc.cluster.local:9080/', 'http://REVIEWS:9080/', 'http://ratings.default:9080/x'].map(
  (url) => ({
    from: 'productpage',
    url,
    method: 'GET',
    headers: {},
  }),
);

test('the explanation is the same, of fewer resources', () => {
  let passedOver = 0;
  for (const call of [...tests.map((each) => each.call), ...others]) {
    const isChosen = concernOf(call)?.(items.map(({ value }) => value)) ?? (() => true);
    const chosen = items.filter(({ value }) => isChosen(value));
    passedOver += items.length - chosen.length;
    expect(new Explainer(worldOf(chosen)).explain(call)).toEqual(whole.explain(call));
  }
  expect(passedOver).toBeGreaterThan(tests.length);
});

test.each(['http://10.0.0.1/', 'tls://bank.example.com', 'tcp://mongo:27017', 'http://[fd00::1]/'])(
  'for %s everything may count',
  (url) => {
    expect(concernOf({ from: 'a', url, method: 'GET', headers: {} })).toBeUndefined();
  },
);

test('what leads elsewhere takes its DestinationRule along', () => {
  const [vs, dr, other] = [
    { kind: 'VirtualService', spec: { hosts: ['a'], http: [{ mirror: { host: 'b.x' }, route: [{ destination: { host: 'c' } }] }] } },
    { kind: 'DestinationRule', spec: { host: 'b.x.svc.cluster.local' } },
    { kind: 'DestinationRule', spec: { host: 'd' } },
  ];
  const isChosen = concernOf({ from: 'x', url: 'http://a/', method: 'GET', headers: {} })!([vs, dr, other]);
  expect([vs, dr, other, { kind: 'DestinationRule' }, { kind: 'Service' }, 7].map(isChosen)).toEqual([true, true, false, true, true, true]);
});
