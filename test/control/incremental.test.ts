// What is made of what was made before is what would be made from nothing: hundreds of random edits of a mesh, each compared with a translation
// from scratch, for proxies of several kinds. A failure prints the seed. And what an edit costs does not depend on what it does not touch.
import { expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { Discovery } from '#control/discovery/discovery';
import { fold } from '#control/mesh/fold';
import { emptySnapshot } from '#control/mesh/snapshot';
import type { SourceEvent } from '#control/sources/event';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { type Random, SeededRandom } from '#foundation/random';
import type { ResourceSet } from '#xds/resource';
import { changesBetween } from '#xds/resource-set';
import { typeUrl } from '#xds/resource-type';
import type { Interest } from '#xds/subscription';
import { serviceYaml, setsOf, testProxy } from './fixture.ts';

const seed = 20_261_121;
const edits = 400;

const vhds = { VIRTUAL_HOST_DISCOVERY: 'true', ISTIO_VERSION: '1.28.0' };
const proxies = [
  testProxy('sidecar~10.0.0.1~client.default~default.svc.cluster.local', { ...vhds, LABELS: { app: 'client' } }),
  testProxy('sidecar~10.0.0.2~other.default~default.svc.cluster.local', { ...vhds, LABELS: { app: 'other' }, HTTP_PROXY_PORT: '15001' }),
  testProxy('sidecar~10.0.0.3~far.other~other.svc.cluster.local', { ISTIO_VERSION: '1.28.0', LABELS: { app: 'far' } }),
  testProxy('router~10.0.0.4~gateway.default~default.svc.cluster.local', { ...vhds, LABELS: { istio: 'edge' } }),
];
const everything: Interest = { wildcard: true, names: new Set() };
const named = (...names: string[]): Interest => ({ wildcard: false, names: new Set(names) });
const asked = [
  [typeUrl.cluster, everything],
  [typeUrl.listener, everything],
  [typeUrl.route, named('80', '9080', 'http_proxy', 'http.8080')],
  [typeUrl.virtualHost, named('80', '9080')],
  [typeUrl.virtualHost, named('http_proxy')],
  [typeUrl.virtualHost, named('http.8080')],
] as const;

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
const istio = 'networking.istio.io/v1';
const object = (kind: string, name: string, spec: object, namespace = 'default'): ApiObject =>
  ({
    apiVersion: kind === 'Service' ? 'v1' : istio,
    kind,
    metadata: { name, namespace, creationTimestamp: `2026-01-0${1 + (name.length % 9)}T00:00:00Z` },
    spec,
  }) as ApiObject;

const hosts = [
  'a',
  'b',
  'c',
  'd',
  'a.default.svc.cluster.local',
  '*.default.svc.cluster.local',
  'nobody.example.com',
  '*.example.com',
  '*',
];

/** One object that comes, changes or goes. */
function edit(random: Random): SourceEvent {
  const name = pick(random, ['one', 'two', 'three', 'four-four']);
  const host = () => pick(random, hosts);
  const destination = () => ({
    host: pick(random, ['a', 'b', 'c', 'd']),
    ...(random.next() < 0.3 && { subset: pick(random, ['v1', 'v2']) }),
  });
  const [kind, spec] = pick<[string, () => object]>(random, [
    ...Array.from({ length: 6 }, (): [string, () => object] => [
      'VirtualService',
      () => ({
        hosts: random.next() < 0.7 ? [host()] : [host(), host()],
        ...(random.next() < 0.3 && { gateways: pick(random, [['edge'], ['edge', 'mesh']]) }),
        ...(random.next() < 0.2 && { exportTo: ['.'] }),
        http: [
          ...(random.next() < 0.3 ? [{ match: [{ sourceLabels: { app: 'client' } }], route: [{ destination: destination() }] }] : []),
          { timeout: `${1 + Math.floor(random.next() * 3)}s`, route: [{ destination: destination() }] },
        ],
      }),
    ]),
    [
      'DestinationRule',
      () => ({
        host: pick(random, ['a', 'b', '*.default.svc.cluster.local']),
        subsets: [{ name: pick(random, ['v1', 'v2']), labels: { version: 'v1' } }],
        ...(random.next() < 0.5 && { trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: pick(random, ['x', 'y']) } } } }),
      }),
    ],
    [
      'Service',
      () => ({ selector: { app: name }, ports: [{ name: pick(random, ['http', 'tcp', 'web']), port: pick(random, [80, 9080]) }] }),
    ],
    [
      'ServiceEntry',
      () => ({
        hosts: [pick(random, ['nobody.example.com', 'x.example.com', 'a.default', 'b.default.svc'])],
        ports: [{ number: pick(random, [80, 9080]), name: 'http', protocol: 'HTTP' }],
        resolution: 'NONE',
      }),
    ],
    ['Sidecar', () => ({ egress: [{ hosts: [pick(random, ['./*', '*/*', './a.default.svc.cluster.local'])] }] })],
    [
      'Gateway',
      () => ({
        selector: { istio: 'edge' },
        servers: [{ port: { number: 8080, name: 'http', protocol: 'HTTP' }, hosts: [pick(random, ['*', '*.example.com'])] }],
      }),
    ],
  ]);
  const namespace = random.next() < 0.2 ? 'other' : 'default';
  const own = kind === 'Gateway' ? 'edge' : name;
  return random.next() < 0.25
    ? { type: 'delete', kind, namespace, name: own }
    : { type: 'set', object: object(kind, own, spec(), namespace) };
}

const versions = (set: ResourceSet) => [...set.values()].map(({ name, version }) => `${name} ${version}`).sort();

test(`${edits} random edits: as from scratch`, { timeout: 60_000 }, () => {
  const random = new SeededRandom(seed);
  const discovery = new Discovery(new ManualClock(), silentLogger);
  let { snapshot } = fold(emptySnapshot(), setsOf(['a', 'b', 'c', 'd'].map((name) => serviceYaml(name)).join('\n---\n')));
  const last = new Map<string, ResourceSet>();
  for (let done = 0; done < edits; done++) {
    const events = Array.from({ length: pick(random, [1, 1, 1, 2, 5]) }, () => edit(random));
    snapshot = fold(snapshot, events).snapshot;
    if (random.next() < 0.2) continue; // several snapshots may lie between two pushes
    discovery.setSnapshot(snapshot);
    const scratch = { views: new ViewFactory(snapshot), translator: new Translator(new ResourceCache()) };
    for (const [p, proxy] of proxies.entries()) {
      if (random.next() < 0.2) continue; // a proxy may not ask after every change
      for (const [a, [type, interest]] of asked.entries()) {
        const made = discovery.resources(proxy, type, interest);
        const place = `seed ${seed}, edit ${done}, ${proxy.name}, ${type.split('.').at(-1)} ${[...interest.names]}`;
        expect(versions(made), place).toEqual(versions(scratch.translator.translate(scratch.views.view(proxy), type, interest)));
        const before = last.get(`${p} ${a}`) ?? new Map();
        const { fresh, gone } = changesBetween(before, made);
        const after = new Map([...before, ...fresh.map((each) => [each.name, each] as const)]);
        for (const name of gone) after.delete(name);
        expect(versions(after), place).toEqual(versions(made));
        last.set(`${p} ${a}`, made);
      }
    }
  }
});

class CountingCache extends ResourceCache {
  asked = 0;

  override make: ResourceCache['make'] = (recipe, input) => {
    this.asked++;
    return super.make(recipe, input);
  };
}

test('what an edit of a route costs does not depend on how many services there are', () => {
  const costs = [20, 200].map((count) => {
    const names = Array.from({ length: count }, (_, i) => `s${i}`);
    const routes = (name: string, timeout: string) =>
      object('VirtualService', name, { hosts: [name], http: [{ timeout, route: [{ destination: { host: name } }] }] });
    const sets: SourceEvent[] = names.map((name) => ({ type: 'set', object: routes(name, '1s') }));
    const before = fold(emptySnapshot(), [...setsOf(names.map((name) => serviceYaml(name)).join('\n---\n')), ...sets]).snapshot;
    const after = fold(before, [{ type: 'set', object: routes('s7', '2s') }]).snapshot;
    const cache = new CountingCache();
    const translator = new Translator(cache);
    const views = new ViewFactory(before);
    const hosts = named('9080');
    const first = translator.translate(views.view(proxies[0]!), typeUrl.virtualHost, hosts);
    const built = cache.asked;
    const second = translator.translate(new ViewFactory(after, views).view(proxies[0]!), typeUrl.virtualHost, hosts);
    expect(built).toBe(count + 1);
    expect(changesBetween(first, second).fresh.map(({ name }) => name)).toEqual(['9080/s7.default.svc.cluster.local:9080']);
    return cache.asked - built;
  });
  expect(costs).toEqual([1, 1]);
});
