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
    const concern = concernOf(call);
    if (concern === undefined) continue;
    const left = concern.texts(texts).flatMap((text) => [...unreadItems(text, 'mesh.yaml')]);
    const isChosen = concern.resources(left.map(({ value }) => value));
    const chosen = left.filter(({ value }) => isChosen(value));
    const all = concern.resources(items.map(({ value }) => value));
    expect(chosen.map(({ value }) => value)).toEqual(items.map(({ value }) => value).filter(all));
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
  const isChosen = concernOf({ from: 'x', url: 'http://a/', method: 'GET', headers: {} })!.resources([vs, dr, other]);
  expect([vs, dr, other, { kind: 'DestinationRule' }, { kind: 'Service' }, 7].map(isChosen)).toEqual([true, true, false, true, true, true]);
});

test.each([
  ['its host', '{hosts: [shop]}', true],
  ['its host in full', '{hosts: [Shop.default.svc.cluster.local]}', true],
  ['another host', '{hosts: [cart]}', false],
  ['a wildcard', '{hosts: ["*.local"]}', true],
  ['an escape', '{hosts: ["sh\\u006fp"]}', true],
  ['an alias', '{hosts: &all [cart], gateways: *all}', true],
])('a document of a VirtualService is read: %s', (_, spec, kept) => {
  const document = `---\nkind: VirtualService\nspec: ${spec}\n`;
  const [first, rules] = concernOf({ from: 'x', url: 'http://shop/', method: 'GET', headers: {} })!.texts([
    `kind: Service\n${document}`,
    '---\nkind: DestinationRule\nspec:\n  host: pay\n',
  ]);
  expect(first).toBe(`kind: Service\n${kept ? document : '\n\n\n'}`);
  expect(rules).toBe('\n\n\n\n');
});

test('a document of a DestinationRule is read where a VirtualService that is read leads there', () => {
  const rule = (host: string) => `---\nkind: DestinationRule\nspec:\n  host: ${host}\n`;
  const routes = 'kind: VirtualService\nspec: {hosts: [shop], http: [{route: [{destination: {host: &p pay.eu}}]}]}\n';
  const texts = [routes, rule('pay.eu.svc.cluster.local'), rule('"*.eu"'), rule('shop'), rule('cart'), '---\nkind: DestinationRule\n'];
  const left = concernOf({ from: 'x', url: 'http://shop/', method: 'GET', headers: {} })!.texts(texts);
  expect(left.map((text, i) => text === texts[i])).toEqual([true, true, true, true, false, true]);
});
