import { describe, expect, test } from 'vitest';
import { readManifest } from '#api/manifest';
import { changedCalls, generateCalls } from '#explain/diff';
import { readCalls } from '#explain/recorded-calls';
import { buildWorld, type World } from '#explain/world';

const workload = (name: string, labels = '') => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}-1, labels: {app: ${name}${labels}}}
spec: {containers: [{name: c, ports: [{containerPort: 9080}]}]}
---
`;
const rules = (http: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b}
spec:
  hosts: [b]
  http: ${http}
`;
const worldOf = (http: string): World =>
  buildWorld(
    readManifest(workload('a', ', tier: gold') + workload('b') + workload('c') + rules(http), 'mesh.yaml', { namespace: 'default' })
      .objects,
  );
const changed = (before: string, after: string) => {
  const [old, young] = [worldOf(before), worldOf(after)];
  return changedCalls(old, young, generateCalls(old, young));
};

const to = (host: string) => `route: [{destination: {host: ${host}}}]`;
const base = `[{match: [{headers: {x: {exact: "1"}}, uri: {prefix: /p}}], ${to('c')}}, {${to('b')}}]`;

describe('generated calls find', () => {
  test.each<[string, string]>([
    ['another destination', `[{match: [{headers: {x: {exact: "1"}}, uri: {prefix: /p}}], ${to('a')}}, {${to('b')}}]`],
    ['a condition that is gone', `[{match: [{uri: {prefix: /p}}], ${to('c')}}, {${to('b')}}]`],
    [
      'a condition that is new',
      `[{match: [{headers: {x: {exact: "1"}}, uri: {prefix: /p}, method: {exact: PUT}}], ${to('c')}}, {${to('b')}}]`,
    ],
    ['another value', `[{match: [{headers: {x: {exact: "2"}}, uri: {prefix: /p}}], ${to('c')}}, {${to('b')}}]`],
    ['a prefix for an exact path', `[{match: [{headers: {x: {exact: "1"}}, uri: {exact: /p}}], ${to('c')}}, {${to('b')}}]`],
    ['another order', `[{${to('b')}}, {match: [{headers: {x: {exact: "1"}}, uri: {prefix: /p}}], ${to('c')}}]`],
    [
      'a source',
      `[{match: [{sourceLabels: {tier: gold}}], ${to('c')}}, {match: [{headers: {x: {exact: "1"}}, uri: {prefix: /p}}], ${to('c')}}, {${to('b')}}]`,
    ],
    ['a timeout', `[{match: [{headers: {x: {exact: "1"}}, uri: {prefix: /p}}], timeout: 3s, ${to('c')}}, {${to('b')}}]`],
    ['a mirror', `[{match: [{headers: {x: {exact: "1"}}, uri: {prefix: /p}}], mirror: {host: a}, ${to('c')}}, {${to('b')}}]`],
  ])('%s', (_what, after) => {
    expect(changed(base, after).length).toBeGreaterThan(0);
    expect(changed(after, base).length).toBeGreaterThan(0);
  });

  test('nothing where nothing is decided otherwise', () => {
    expect(changed(base, base)).toEqual([]);
    expect(changed(base, base.replace('{match', '{name: renamed, match'))).toEqual([]);
  });

  test('only the calls that change, with both rules and their lines', () => {
    const changes = changed(base, base.replace(to('c'), to('a')));
    expect(changes.every(({ call }) => call.headers['x'] === '1' && call.url.includes('/p'))).toBe(true);
    expect(changes.find(({ call }) => call.url === 'http://b.default.svc.cluster.local:9080/p')).toMatchObject({
      before: {
        outcome: { destinations: [{ host: 'c.default.svc.cluster.local' }] },
        origin: 'VirtualService default/b spec.http[0] (mesh.yaml:36)',
      },
      after: { outcome: { destinations: [{ host: 'a.default.svc.cluster.local' }] } },
    });
  });

  test('of each kind of source one is asked for', () => {
    const world = worldOf(base);
    const sources = (given: World) => [...new Set(generateCalls(given, given).map(({ from }) => from))];
    expect(sources(world)).toEqual(['a.default']);
    const bySource = worldOf(`[{match: [{sourceLabels: {tier: gold}}], ${to('c')}}]`);
    expect(sources(bySource)).toEqual(['a.default', 'b.default']);
  });
});

describe('recorded calls', () => {
  test('of a file, and of route tests', () => {
    const { calls, problems } = readCalls(
      'calls: [{from: a, call: POST http://b:9080/x, headers: {X-A: "1"}}]\ntests: [{call: http://c/, expect: {status: 404}}]\n',
      'f.yaml',
      undefined,
    );
    expect(problems).toEqual([]);
    expect(calls).toEqual([
      { from: undefined, url: 'http://c/', method: 'GET', headers: {} },
      { from: 'a', url: 'http://b:9080/x', method: 'POST', headers: { 'x-a': '1' } },
    ]);
  });

  test('of an access log: what went out, each once', () => {
    const line = (cluster: string, path: string) =>
      `[2026-01-01T00:00:00.000Z] "GET ${path} HTTP/1.1" 200 - via_upstream - "-" 0 12 3 2 "-" "curl/8" "0a" "b:9080" "127.0.0.1:1" ${cluster} 127.0.0.1:2 127.0.0.1:3 127.0.0.1:4 - default\n`;
    const log = line('outbound|9080||b.default', '/x') + line('outbound|9080||b.default', '/x') + line('inbound|9080||', '/y');
    expect(readCalls(log, 'a.log', 'a')).toEqual({
      calls: [{ from: 'a', method: 'GET', url: 'http://b:9080/x', headers: {} }],
      problems: [],
    });
    expect(readCalls('[something else]\n', 'a.log', 'a').problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('no line'),
    ]);
  });
});
