import { expect, test } from 'vitest';
import { readManifest } from '#api/manifest';
import { Explainer } from '#explain/explain';
import { formatExplanation } from '#explain/format';
import { buildWorld } from '#explain/world';

const mesh = `apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{name: http, port: 80}, {name: tcp-raw, port: 9000}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client-1, labels: {app: client}}
spec: {containers: [{name: c}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop]
  http:
    - name: far
      match: [{uri: {prefix: /cart}, method: {exact: PUT}, headers: {x-a: {exact: "1"}}}]
      route: [{destination: {host: shop}}]
    - name: cart
      match: [{uri: {prefix: /cart/items}}]
      route: [{destination: {host: shop}}]
    - name: catalogue
      match: [{uri: {exact: /catalogue}}]
      route: [{destination: {host: shop}}]
    - name: tester
      match: [{uri: {regex: "/car.*"}, headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: shop}}]
    - name: odd
      match: [{queryParams: {v: {exact: "2"}}, withoutHeaders: {x-b: {}}, method: {exact: POST}}]
      route: [{destination: {host: shop}}]
`;
const explainer = new Explainer(buildWorld(readManifest(mesh, 'shop.yaml', { namespace: 'default' }).objects));
const ask = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
  explainer.explain({ from: 'client', url, method, headers });

test('those with the fewest missing conditions, by how much of the path they share', () => {
  const { outcome, nearest } = ask('http://shop/cart/item');
  expect(outcome).toMatchObject({ kind: 'none', status: 404 });
  expect(nearest.map(({ name, remedies }) => [name, remedies])).toEqual([
    ['tester', ["add -H 'end-user: jason'"]],
    ['cart', ['ask for /cart/items…']],
    ['catalogue', ['ask for /catalogue']],
  ]);
  expect(nearest[1]?.mismatches).toEqual([{ condition: 'path', expects: 'prefix "/cart/items"', found: '/cart/item' }]);
});

test.each([
  [ask('http://shop/x?v=1', {}, 'POST'), 'odd', ['add ?v=2 to the URL']],
  [ask('http://shop/x?v=2', { 'x-b': '1' }, 'POST'), 'odd', ['leave header x-b out']],
  [ask('http://shop/cart', { 'x-a': '2', 'end-user': 'x' }, 'PUT'), 'far', ["change to -H 'x-a: 1'"]],
])('what each condition would take', ({ nearest }, name, remedies) => {
  expect(nearest.find((miss) => miss.name === name)?.remedies).toEqual(remedies);
});

test('following the advice reaches the route', () => {
  expect(ask('http://shop/cart/item', { 'end-user': 'jason' }).outcome).toMatchObject({ kind: 'forward' });
  expect(ask('http://shop/cart/items').outcome).toMatchObject({ kind: 'forward' });
});

test('a host that nobody knows has neighbours', () => {
  const { nearestHosts, nearest } = ask('http://shpo/');
  expect(nearestHosts).toEqual(['shop']);
  expect(nearest).toEqual([]);
  expect(formatExplanation(ask('http://shpo/'), false)).toContain('Did you mean shop?');
  expect(ask('http://shop/cart/items').nearestHosts).toEqual([]);
});

test('as text', () => {
  const text = formatExplanation(ask('http://shop/cart/item'), false);
  expect(text).toContain(`The nearest routes:
  VirtualService default/shop spec.http[3] (shop.yaml:26) "tester"
    add -H 'end-user: jason'`);
});
