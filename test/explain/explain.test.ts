import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readManifest } from '#api/manifest';
import { Explainer } from '#explain/explain';
import type { Explanation } from '#explain/explanation';
import { formatExplanation } from '#explain/format';
import { judge } from '#explain/judge';
import { formatJunit } from '#explain/junit';
import { readTests } from '#explain/route-test';
import { buildWorld } from '#explain/world';

const sample = fileURLToPath(new URL('../../samples/bookinfo', import.meta.url));
const read = (file: string) => readFileSync(path.join(sample, file), 'utf8');
const bookinfo = ['bookinfo.yaml', 'gateway.yaml'].map((file) => [file, read(file)] as const);

const rules = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - match:
        - headers: {end-user: {exact: jason}}
      fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
      route: [{destination: {host: reviews, subset: v2}}]
    - match: [{uri: {prefix: /old/}}]
      redirect: {uri: /new, redirectCode: 308}
    - match: [{uri: {prefix: /gone}}]
      directResponse: {status: 410, body: {string: gone}}
    - match: [{queryParams: {canary: {exact: "1"}}}]
      route:
        - {destination: {host: reviews, subset: v1}, weight: 90}
        - {destination: {host: reviews, subset: v2}, weight: 10}
    - match: [{uri: {prefix: /v1/}}]
      rewrite: {uri: /}
      timeout: 2s
      retries: {attempts: 0}
      route: [{destination: {host: reviews, subset: v1}}]
    - route: [{destination: {host: reviews, subset: v9}}]
`;

function explainer(...files: (readonly [string, string])[]): Explainer {
  return new Explainer(buildWorld(files.flatMap(([file, text]) => readManifest(text, file, { namespace: 'default' }).objects)));
}

const bookinfoWithRules = explainer(...bookinfo, ['rules.yaml', rules]);

function ask(url: string, headers: Record<string, string> = {}, from: string | undefined = 'productpage', method = 'GET'): Explanation {
  return bookinfoWithRules.explain({ from, url, method, headers });
}

describe('an outcome', () => {
  test.each<[string, Explanation, object]>([
    [
      'a header decides',
      ask('http://reviews:9080/', { 'end-user': 'jason' }),
      { kind: 'forward', destinations: [{ subset: 'v2', share: 1 }] },
    ],
    [
      'a fault is told',
      ask('http://reviews:9080/', { 'end-user': 'jason' }),
      { policies: { fault: { abort: { httpStatus: 418, fraction: 1 } } } },
    ],
    ['redirect', ask('http://reviews:9080/old/a?b'), { kind: 'redirect', status: 308, location: 'http://reviews:9080/new?b' }],
    ['direct response', ask('http://reviews:9080/gone'), { kind: 'direct', status: 410, body: 'gone' }],
    [
      'weights',
      ask('http://reviews:9080/?canary=1'),
      {
        destinations: [
          { subset: 'v1', share: 0.9 },
          { subset: 'v2', share: 0.1 },
        ],
      },
    ],
    ['rewrite and timeout', ask('http://reviews:9080/v1/a'), { policies: { path: '/a', timeoutMs: 2000 } }],
    ['a subset that is not defined', ask('http://reviews:9080/'), { destinations: [{ subset: 'v9', known: false, endpoints: [] }] }],
    [
      'endpoints by workload',
      ask('http://reviews:9080/v1/'),
      { destinations: [{ endpoints: [{ workload: 'reviews-v1', healthy: true }] }] },
    ],
    [
      'a service without rules',
      ask('http://details:9080/'),
      { destinations: [{ host: 'details.default.svc.cluster.local', subset: undefined }] },
    ],
    [
      'through the gateway',
      bookinfoWithRules.explain({ from: undefined, url: 'http://any/login', method: 'POST', headers: {} }),
      { destinations: [{ port: 9080 }] },
    ],
    [
      'not through the gateway',
      bookinfoWithRules.explain({ from: undefined, url: 'http://any/x', method: 'GET', headers: {} }),
      { kind: 'none', status: 404 },
    ],
    [
      'no server on that port',
      bookinfoWithRules.explain({ from: undefined, url: 'http://any:81/', method: 'GET', headers: {} }),
      { kind: 'none' },
    ],
    ['out of the mesh', ask('http://example.com/'), { destinations: [{ cluster: 'PassthroughCluster' }] }],
  ])('%s', (_what, { outcome }, expected) => {
    expect(outcome).toMatchObject(expected);
  });
});

test('each candidate says where it is written, and why it lost', () => {
  const { candidates } = ask('http://reviews:9080/gone');
  expect(candidates.map(({ origin, matched }) => [origin, matched])).toEqual([
    ['VirtualService default/reviews spec.http[0] (rules.yaml:14)', false],
    ['VirtualService default/reviews spec.http[1] (rules.yaml:18)', false],
    ['VirtualService default/reviews spec.http[2] (rules.yaml:20)', true],
  ]);
  expect(candidates[0]?.mismatch).toEqual({ condition: 'header end-user', expects: 'exactly "jason"', found: undefined });
  expect(candidates[1]?.mismatch).toEqual({ condition: 'path', expects: 'prefix "/old/"', found: '/gone' });
});

test('as text, an explanation names the way, the losers and the winner', () => {
  const text = formatExplanation(ask('http://reviews:9080/gone'), false);
  expect(text).toContain('listener 0.0.0.0_9080');
  expect(text).toContain('    header end-user: wants exactly "jason", the request has none');
  expect(text).toContain('✓ VirtualService default/reviews spec.http[2] (rules.yaml:20)');
  expect(text).toContain('→ 410 answered by the proxy: gone');
});

test('a source that is not known is named, with those that are', () => {
  expect(() => ask('http://reviews:9080/', {}, 'nobody')).toThrow(/no workload nobody in namespace default/);
});

describe('route tests', () => {
  test("those of the sample pass on the sample's own manifests", () => {
    const { tests, problems } = readTests(read('routes.test.yaml'), 'routes.test.yaml');
    expect(problems).toEqual([]);
    const plain = explainer(...bookinfo);
    const failures = tests.map(({ name, call, expect: expected }) => [name, judge(expected, plain.explain(call))]);
    expect(failures).toEqual(tests.map(({ name }) => [name, []]));
    expect(tests.length).toBeGreaterThan(3);
  });

  test.each<[string, object, Explanation, RegExp]>([
    ['another host', { reaches: 'ratings' }, ask('http://details:9080/'), /reaches: expected ratings, got details\.default/],
    ['another subset', { subset: 'v1' }, ask('http://reviews:9080/', { 'end-user': 'jason' }), /subset: expected v1 alone, got v2/],
    ['other weights', { weights: { v1: 80, v2: 20 } }, ask('http://reviews:9080/?canary=1'), /weights: expected v1 80%, got 90%/],
    ['a status', { status: 200 }, ask('http://reviews:9080/gone'), /status: expected 200, got 410/],
    ['a dead end', { status: 200 }, ask('http://reviews:9080/'), /status: expected 200, got 503/],
    ['a timeout', { timeout: '1s' }, ask('http://reviews:9080/v1/'), /timeout: expected 1000, got 2000/],
    ['retries', { retries: 3 }, ask('http://reviews:9080/v1/'), /retries: expected 3, got 0/],
    [
      'a fault',
      { fault: { abort: 500 } },
      ask('http://reviews:9080/', { 'end-user': 'jason' }),
      /fault\.abort: expected 500 for 100%, got 418 for 100%/,
    ],
  ])('fail on %s', (_what, expected, explanation, message) => {
    expect(judge(expected, explanation).join('\n')).toMatch(message);
  });

  test('a file that is wrong is refused with its line', () => {
    const { tests, problems } = readTests('tests:\n  - call: GET http://a/\n    expect: {reached: a}\n', 'a.yaml');
    expect(tests).toEqual([]);
    expect(problems.map(({ message, origin }) => `${origin?.line}: ${message}`).join('\n')).toMatch(/3: tests\.0\.expect .*reached/);
  });

  test('JUnit has a case per test and the explanation of what failed', () => {
    const origin = { file: 'a.yaml', line: 2 };
    const xml = formatJunit([
      { name: 'good', origin, failures: [], reached: [], explanation: '' },
      { name: 'a < b', origin, failures: ['x & y'], reached: [], explanation: 'why' },
    ]);
    expect(xml).toContain('tests="2" failures="1"');
    expect(xml).toContain('name="a &#60; b"');
    expect(xml).toContain('<failure message="x &#38; y">why</failure>');
  });
});
