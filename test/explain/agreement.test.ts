// Explanation and reality: generated rules and requests, explained, and sent through a real proxy over a socket. Whatever
// the seed, both must agree. A failure prints the seed, the rules and the request.
import http from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { readManifest } from '#api/manifest';
import { proxyOfCall } from '#explain/call';
import { Explainer } from '#explain/explain';
import type { Explanation } from '#explain/explanation';
import { TableMaker } from '#explain/tables';
import { buildWorld } from '#explain/world';
import { type Random, SeededRandom } from '#foundation/random';
import { roundRobinDefault } from '#proxy/config/load-balancer';
import type { RouteTable } from '#proxy/route/route-table';
import type { ProxiedExchange } from '#proxy/runtime';
import { TestProxy } from '../proxy/fixture.ts';

const seed = 20_261_121;
const configurations = 200;
const requestsEach = 50;

const services = ['reviews', 'ratings', 'productpage'];
const base = services
  .map(
    (name) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}-v1}
spec:
  selector: {matchLabels: {app: ${name}}}
  template: {metadata: {labels: {app: ${name}, version: v1}}, spec: {containers: [{name: c, image: i, ports: [{containerPort: 9080}]}]}}
`,
  )
  .join('---\n');
const subsets = ['v1', 'v2'];
const destinationRule: ApiObject & { spec: object } = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'reviews', namespace: 'default' },
  spec: { host: 'reviews', subsets: subsets.map((name) => ({ name, labels: { version: name } })) },
};

// ---- generated rules and requests, from a small alphabet, so that they meet

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
const chance = (random: Random, part: number) => random.next() < part;
const paths = ['/', '/a', '/a/b', '/A', '/ab', '/old/x', '/c/../a', '/%2e/a', '/a//b', '/v1/x'];
const values = ['1', '2', 'jason', ''];
const names = ['x-user', 'x-canary'];

function stringMatch(random: Random, list: readonly string[]): object {
  const value = pick(random, list);
  const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return pick(random, [{ exact: value }, { prefix: value || '1' }, { regex: `${escaped}.*` }, { regex: `.*[12]${escaped}?` }]);
}

function match(random: Random): object {
  return {
    ...(chance(random, 0.6) ? { uri: stringMatch(random, paths) } : {}),
    ...(chance(random, 0.2) ? { ignoreUriCase: true } : {}),
    ...(chance(random, 0.3) ? { headers: { [pick(random, names)]: stringMatch(random, values.filter(Boolean)) } } : {}),
    ...(chance(random, 0.15) ? { withoutHeaders: { [pick(random, names)]: stringMatch(random, values.filter(Boolean)) } } : {}),
    ...(chance(random, 0.2) ? { method: { exact: pick(random, ['GET', 'POST', 'PUT']) } } : {}),
    ...(chance(random, 0.2) ? { queryParams: { q: stringMatch(random, values.filter(Boolean)) } } : {}),
    ...(chance(random, 0.1) ? { authority: stringMatch(random, ['reviews:9080', 'reviews.default:9080']) } : {}),
  };
}

function rule(random: Random): object {
  const destination = () => ({
    host: pick(random, ['reviews', 'reviews', 'ratings']),
    ...(chance(random, 0.6) ? { subset: pick(random, [...subsets, 'v9']) } : {}),
  });
  const route = () => {
    const [a, b] = [destination(), destination()];
    const without = (d: { host: string; subset?: string }) => (d.host === 'ratings' ? { host: d.host } : d);
    if (chance(random, 0.7)) return [{ destination: without(a) }];
    const weight = pick(random, [0, 30, 100]);
    return [
      { destination: without(a), weight },
      { destination: without(b), weight: 100 - weight },
    ];
  };
  const end = random.next();
  return {
    ...(chance(random, 0.8) ? { match: Array.from({ length: 1 + Math.floor(random.next() * 2) }, () => match(random)) } : {}),
    ...(end < 0.15
      ? { redirect: { uri: pick(random, ['/new', '/']), redirectCode: pick(random, [301, 308]) } }
      : end < 0.3
        ? { directResponse: { status: pick(random, [200, 403]), body: { string: 'direct' } } }
        : { route: route(), ...(chance(random, 0.3) ? { rewrite: { uri: pick(random, ['/', '/r']) } } : {}) }),
    ...(end >= 0.3 && chance(random, 0.15) ? { fault: { abort: { httpStatus: 418, percentage: { value: 100 } } } } : {}),
    ...(end >= 0.3 ? { retries: { attempts: 0 } } : {}),
    ...(end >= 0.3 && chance(random, 0.15) ? { mirror: { host: 'ratings' }, mirrorPercentage: { value: pick(random, [0, 100]) } } : {}),
  };
}

interface Sent {
  method: string;
  path: string;
  authority: string;
  headers: Record<string, string>;
}

function request(random: Random): Sent {
  const query = chance(random, 0.3) ? `?q=${pick(random, values)}${chance(random, 0.3) ? '&q=2' : ''}` : '';
  return {
    method: pick(random, ['GET', 'GET', 'POST']),
    path: pick(random, paths) + query,
    authority: pick(random, [
      'reviews:9080',
      'reviews.default:9080',
      'reviews.default.svc.cluster.local:9080',
      'ratings:9080',
      'unknown:9080',
    ]),
    headers: chance(random, 0.5) ? { [pick(random, names)]: pick(random, values.filter(Boolean)) } : {},
  };
}

// ---- reality

const routeTables = new Map<string, RouteTable>();
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let backend: http.Server;
let proxy: TestProxy;
let port = 0;
let seen: { status: number; cluster: string; path: string } | undefined;

beforeAll(async () => {
  backend = http.createServer((_, response) => response.end('ok'));
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const heard = {
    onComplete: ({ status, upstreamCluster, path }: ProxiedExchange) => {
      seen = { status, cluster: upstreamCluster, path };
    },
  };
  proxy = new TestProxy({ routeTables, exchangeListeners: { http: () => [heard], tcp: () => [heard] } });
});

afterAll(async () => {
  agent.destroy();
  await proxy.close();
  backend.closeAllConnections();
  await new Promise((resolve) => backend.close(resolve));
});

function send({ method, path, authority, headers }: Sent): Promise<{ status: number; location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const call = http.request({ host: '127.0.0.1', port, method, path, agent, headers: { ...headers, host: authority } }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location }));
    });
    call.on('error', reject);
    call.end();
  });
}

/** What a client sees, and which cluster was asked: the part of an outcome that a socket shows. */
function observable(explanation: Explanation): { status: number; clusters: readonly string[]; location?: string; path?: string } {
  const { outcome } = explanation;
  switch (outcome.kind) {
    case 'none':
      return { status: outcome.status ?? 0, clusters: [''] };
    case 'direct':
      return { status: outcome.status, clusters: [''] };
    case 'redirect':
      return { status: outcome.status, clusters: [''], location: outcome.location };
    case 'forward': {
      if (outcome.policies.fault?.abort) return { status: outcome.policies.fault.abort.httpStatus, clusters: [] };
      return {
        status: 200,
        clusters: outcome.destinations.map(({ cluster }) => cluster),
        ...(outcome.policies.path ? { path: outcome.policies.path } : {}),
      };
    }
  }
}

test(`${configurations * requestsEach} calls are explained as they are routed (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  const { objects } = readManifest(base, 'base.yaml', { namespace: 'default' });
  const backendPort = (backend.address() as { port: number }).port;
  const kinds = new Set<string>();
  for (let i = 0; i < configurations; i++) {
    const spec = { hosts: ['reviews'], http: Array.from({ length: 1 + Math.floor(random.next() * 5) }, () => rule(random)) };
    const virtualService: ApiObject & { spec: object } = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'reviews', namespace: 'default' },
      spec,
    };
    const world = buildWorld([...objects, destinationRule, virtualService]);
    const explainer = new Explainer(world);
    const from = { from: 'productpage', url: 'http://reviews:9080/', method: 'GET', headers: {} };
    const tables = new TableMaker(world).tablesOf(proxyOfCall(from, world).proxy);
    port = await configure(tables, backendPort);
    for (let j = 0; j < requestsEach; j++) {
      const sent = request(random);
      const explanation = explainer.explain({
        from: 'productpage',
        url: `http://${sent.authority}${sent.path}`,
        method: sent.method,
        headers: { ...sent.headers, host: sent.authority },
      });
      const expected = observable(explanation);
      const { outcome } = explanation;
      const unknown = outcome.kind === 'forward' && !outcome.policies.fault && outcome.destinations.some(({ known }) => !known);
      const got = await send(sent);
      const context = `seed ${seed}, configuration ${i}, ${JSON.stringify(sent)}, rules ${JSON.stringify(spec.http)}`;
      kinds.add(unknown ? 'unknown cluster' : outcome.kind);
      if (unknown) {
        expect([200, 503], context).toContain(got.status);
        continue;
      }
      expect(got.status, context).toBe(expected.status);
      if (expected.location !== undefined) expect(got.location, context).toBe(expected.location);
      if (expected.clusters.length > 0) expect(expected.clusters, context).toContain(seen?.cluster);
      if (expected.path !== undefined) expect(seen?.path, context).toBe(expected.path);
    }
  }
  expect([...kinds].sort()).toEqual(['direct', 'forward', 'none', 'redirect', 'unknown cluster']);
}, 120_000);

/** The tables of the explained proxy in a real one: every cluster leads to the one backend, the listener is on a free port. */
async function configure(tables: ReturnType<TableMaker['tablesOf']>, backendPort: number): Promise<number> {
  const listener = tables.listeners.find(({ name }) => name === '0.0.0.0_9080')!;
  const table = tables.routeTable('9080')!;
  routeTables.set('9080', table);
  const named = new Set(
    table.virtualHosts.flatMap(({ routes }) =>
      routes.flatMap(({ route }) => (route.action.kind === 'forward' ? route.action.clusters.map(({ name }) => name) : [])),
    ),
  );
  for (const { name } of [...proxy.runtime.clusters.all()]) if (!named.has(name)) proxy.runtime.clusters.remove(name);
  for (const name of named) {
    const config = tables.cluster(name);
    if (config === undefined) {
      proxy.runtime.clusters.remove(name);
      continue;
    }
    const endpoint = {
      address: { address: '127.0.0.1', port: backendPort },
      weight: 1,
      priority: 0,
      health: 'healthy' as const,
      locality: '',
      localityWeight: 0,
      workload: '',
      transportLabels: {},
    };
    proxy.runtime.clusters.set({ ...config, discovery: { kind: 'static' }, loadBalancer: roundRobinDefault, endpoints: [endpoint] });
  }
  if (port > 0) return port;
  return proxy.listen({ ...listener, addresses: [{ address: '127.0.0.1', port: 0 }], bindToPort: true });
}
