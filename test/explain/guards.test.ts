// What a call meets besides routes: policies before workloads decide by their own code, EnvoyFilters have their effect.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readManifest } from '#api/manifest';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { changedCalls } from '#explain/diff';
import { Explainer } from '#explain/explain';
import { formatExplanation } from '#explain/format';
import { judge } from '#explain/judge';
import { buildWorld } from '#explain/world';

const json = new CanonicalJson(readFileSync(new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));
const bookinfo = readFileSync(fileURLToPath(new URL('../../samples/bookinfo/bookinfo.yaml', import.meta.url)), 'utf8');
const worldOf = (rules: string) =>
  buildWorld(readManifest(`${bookinfo}\n---\n${rules}`, 'rules.yaml', { namespace: 'default' }).objects, json);
const ask = (rules: string, url: string, headers: Record<string, string> = {}, from: string | undefined = 'productpage') =>
  new Explainer(worldOf(rules)).explain({ from, url, method: 'GET', headers });

const policy = (spec: string, app = 'ratings') =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: rules}\nspec: {selector: {matchLabels: {app: ${app}}}, ${spec}}`;
const envoyFilter = (app: string, applyTo: string, match: string, patch: string) =>
  `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: patch}\nspec:\n  workloadSelector: {labels: {app: ${app}}}\n  configPatches: [{applyTo: ${applyTo}, match: {context: SIDECAR_OUTBOUND${match}}, patch: ${patch}}]`;
const filter = (name: string, type: string) =>
  envoyFilter(
    'productpage',
    'HTTP_FILTER',
    '',
    `{operation: INSERT_FIRST, value: {name: ${name}, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.${type}}}}`,
  );

const deny = policy('action: DENY, rules: [{to: [{operation: {paths: ["/admin*"], ports: ["9080"]}}]}]');
const rbac = 'envoy.filters.http.rbac';

test.each([
  ['a policy that denies', deny, '/admin/1', {}, [{ filter: rbac, verdict: 'refuses', status: 403 }]],
  ['and what it does not speak of', deny, '/0', {}, [{ filter: rbac, verdict: 'passes', reason: 'no policy matches' }]],
  ['a policy that allows others', policy('rules: [{to: [{operation: {methods: [POST]}}]}]'), '/0', {}, [{ verdict: 'refuses' }]],
  [
    'a header of the call',
    policy('rules: [{when: [{key: "request.headers[x-a]", values: [b]}]}]'),
    '/0',
    { 'x-a': 'b' },
    [{ verdict: 'passes' }],
  ],
  ['nobody', policy(''), '/0', {}, [{ verdict: 'refuses' }]],
  [
    'who the caller is',
    policy('rules: [{from: [{source: {principals: ["a/b"]}}]}]'),
    '/0',
    {},
    [{ verdict: 'depends', reason: 'on the caller’s certificate' }],
  ],
  ['a policy of another workload', policy('', 'details'), '/0', {}, []],
  [
    'a filter that was put in',
    filter('first', 'buffer.v3.Buffer, max_request_bytes: 5'),
    '/0',
    {},
    [{ filter: 'first', verdict: 'passes' }],
  ],
])('%s', (_, rules, to, headers, guards) => {
  const explanation = ask(rules, `http://ratings:9080${to}`, headers);
  expect(explanation.guards).toMatchObject(guards);
  expect(explanation.guards.length).toBe(guards.length);
});

test('tokens: none is asked for, and one that comes has to be good', () => {
  const rules =
    'apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: jwt}\nspec: {selector: {matchLabels: {app: ratings}}, jwtRules: [{issuer: me, jwks: "{\\"keys\\": []}"}]}';
  const verdict = (headers: Record<string, string>) => ask(rules, 'http://ratings:9080/', headers).guards[0]?.verdict;
  expect([verdict({}), verdict({ authorization: 'Bearer a.b.c' })]).toEqual(['passes', 'depends']);
});

test('policies look at the request as the route leaves it', () => {
  const route =
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [ratings], http: [{rewrite: {uri: /admin}, route: [{destination: {host: ratings}}]}]}';
  expect(ask(`${deny}\n---\n${route}`, 'http://ratings:9080/0').guards).toMatchObject([{ verdict: 'refuses' }]);
});

test('what is refused is shown, judged, and a difference', () => {
  const explanation = ask(deny, 'http://ratings:9080/admin');
  expect(formatExplanation(explanation, false)).toMatch(
    /On the way:\n {2}envoy\.filters\.http\.rbac of sidecar ratings-v1-\S+: refuses it \(policy ns\[default\]-policy\[rules\]-rule\[0\]\)/,
  );
  expect(judge({ status: 403 }, explanation)).toEqual([]);
  expect(judge({ status: 403 }, ask(deny, 'http://ratings:9080/'))).toEqual(['status: expected 403, got none']);
  const calls = ['/admin', '/0'].map((to) => ({ from: 'productpage', url: `http://ratings:9080${to}`, method: 'GET', headers: {} }));
  expect(changedCalls(worldOf('{}'), worldOf(deny), calls).map(({ call, after }) => [call.url, after.refused])).toEqual([
    ['http://ratings:9080/admin', expect.stringContaining('refuses it')],
  ]);
});

test('a route that is patched', () => {
  const rules = envoyFilter(
    'productpage',
    'HTTP_ROUTE',
    ', routeConfiguration: {vhost: {name: "ratings.default.svc.cluster.local:9080"}}',
    '{operation: MERGE, value: {route: {timeout: 7s}}}',
  );
  const timeout = (from: string) => ask(rules, 'http://ratings:9080/', {}, from).outcome;
  expect(timeout('productpage')).toMatchObject({ policies: { timeoutMs: 7000 } });
  expect(timeout('reviews')).not.toMatchObject({ policies: { timeoutMs: 7000 } });
});

test('a filter that the proxy does not know leaves EnvoyFilters out, and says so', () => {
  const explanation = ask(filter('odd', 'cors.v3.CorsPolicy'), 'http://ratings:9080/');
  expect(explanation).toMatchObject({ outcome: { kind: 'forward' }, unpatched: expect.stringContaining('filter odd') });
  expect(formatExplanation(explanation, false)).toContain('EnvoyFilters are left out: ');
  expect(ask(filter('odd', 'cors.v3.CorsPolicy'), 'http://ratings:9080/', {}, 'reviews').unpatched).toBeUndefined();
});
