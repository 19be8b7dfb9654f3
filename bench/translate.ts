// How long a mesh of 1,000 services and 1,000 VirtualServices takes to translate for one sidecar and one gateway, and how
// many bytes come out: from nothing, when nothing changed, and after one edit. `npm run bench:translate [-- --json FILE]`.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { ApiObject } from '#api/kind';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { fold } from '#control/mesh/fold';
import { emptySnapshot, type MeshSnapshot } from '#control/mesh/snapshot';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { type MeshProxy, proxyOf } from '#control/view/proxy';
import { type ProxyView, ViewFactory } from '#control/view/proxy-view';
import type { ResourceSet } from '#xds/resource';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { Interest } from '#xds/subscription';

const services = 1000;
const passes = 15;
const types = { cds: typeUrl.cluster, eds: typeUrl.endpoint, lds: typeUrl.listener, rds: typeUrl.route } as const;

type Short = keyof typeof types;
const shorts = Object.keys(types) as Short[];

interface Measurement {
  proxy: string;
  /** Median milliseconds: the view and all four types with nothing cached; nothing changed; one VirtualService edited (routes alone). */
  coldMs: number;
  warmMs: number;
  editMs: number;
  /** After that edit, for one more proxy of the same namespace. */
  nextMs: number;
  /** Median milliseconds of each type, cold. */
  perType: Record<Short, number>;
  resources: Record<Short, number>;
  bytes: Record<Short, number>;
}

const object = (apiVersion: string, kind: string, name: string, fields: object): ApiObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...fields,
});

const istio = 'networking.istio.io/v1';

function virtualService(i: number, weight: number): ApiObject {
  const to = (subset: string) => ({ host: `service-${i}`, subset });
  return object(istio, 'VirtualService', `service-${i}`, {
    spec: {
      hosts: [`service-${i}`, `service-${i}.example.com`],
      gateways: ['mesh', 'edge'],
      http: [
        { match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [{ destination: to('v2') }] },
        { match: [{ uri: { prefix: '/api' } }], timeout: '5s', retries: { attempts: 3 }, route: [{ destination: to('v1') }] },
        {
          route: [
            { destination: to('v1'), weight: 100 - weight },
            { destination: to('v2'), weight },
          ],
        },
      ],
    },
  });
}

function meshObjects(): ApiObject[] {
  const objects: ApiObject[] = [
    object(istio, 'Gateway', 'edge', {
      spec: {
        selector: { istio: 'edge' },
        servers: [{ port: { number: 8080, name: 'http', protocol: 'HTTP' }, hosts: ['*.example.com'] }],
      },
    }),
  ];
  for (let i = 0; i < services; i++) {
    const address = `10.${1 + (i >> 8)}.${i & 255}`;
    objects.push(
      object('v1', 'Service', `service-${i}`, {
        spec: { clusterIP: `${address}.1`, selector: { app: `service-${i}` }, ports: [{ name: 'http', port: 8000 }] },
      }),
      {
        ...object('discovery.k8s.io/v1', 'EndpointSlice', `service-${i}-1`, {
          addressType: 'IPv4',
          ports: [{ name: 'http', port: 8000 }],
          endpoints: [{ addresses: [`${address}.2`] }, { addresses: [`${address}.3`] }],
        }),
        metadata: { name: `service-${i}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': `service-${i}` } },
      },
      object(istio, 'DestinationRule', `service-${i}`, {
        spec: {
          host: `service-${i}`,
          subsets: [
            { name: 'v1', labels: { version: 'v1' } },
            { name: 'v2', labels: { version: 'v2' } },
          ],
        },
      }),
      virtualService(i, 10),
    );
  }
  return objects;
}

function testProxy(id: string, labels: Record<string, string>): MeshProxy {
  const proxy = proxyOf(Node.fromPartial({ id, metadata: { ISTIO_VERSION: '1.28.0', LABELS: labels } }));
  if (!proxy) throw new Error(`not a node id: ${id}`);
  return proxy;
}

/** What a proxy asks for, having seen its clusters and listeners. */
function interests(translator: Translator, view: ProxyView): Record<Short, Interest> {
  const all: Interest = { wildcard: true, names: new Set() };
  const named = (names: Iterable<string>): Interest => ({ wildcard: false, names: new Set(names) });
  const clusters = [...translator.translate(view, typeUrl.cluster, all).values()].map(({ body }) => Cluster.decode(body.value));
  const listeners = [...translator.translate(view, typeUrl.listener, all).values()].map(({ body }) => Listener.decode(body.value));
  const managers = listeners
    .flatMap(({ filterChains }) => filterChains.flatMap(({ filters }) => filters))
    .flatMap(({ name, configType }) =>
      name.endsWith('http_connection_manager') && configType?.$case === 'typedConfig'
        ? [HttpConnectionManager.decode(configType.value.value)]
        : [],
    );
  return {
    cds: all,
    lds: all,
    eds: named(clusters.flatMap(({ edsClusterConfig }) => (edsClusterConfig ? [edsClusterConfig.serviceName] : []))),
    rds: named(managers.flatMap(({ routeSpecifier }) => (routeSpecifier?.$case === 'rds' ? [routeSpecifier.value.routeConfigName] : []))),
  };
}

function timed<T>(run: () => T): [number, T] {
  const start = performance.now();
  const result = run();
  return [performance.now() - start, result];
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

const bytesOf = (set: ResourceSet) => [...set.values()].reduce((sum, { body }) => sum + body.value.length, 0);

function measure(snapshot: MeshSnapshot, proxy: MeshProxy): Measurement {
  const wanted = interests(new Translator(new ResourceCache()), new ViewFactory(snapshot).view(proxy));
  const times = { cold: [] as number[], warm: [] as number[], edit: [] as number[], next: [] as number[] };
  const perType: Record<Short, number[]> = { cds: [], eds: [], lds: [], rds: [] };
  let sets: Record<Short, ResourceSet> | undefined;
  for (let pass = 0; pass < passes; pass++) {
    const translator = new Translator(new ResourceCache());
    const all = (view: ProxyView) =>
      Object.fromEntries(
        shorts.map((short) => {
          const [ms, set] = timed(() => translator.translate(view, types[short] satisfies TypeUrl, wanted[short]));
          return [short, { ms, set }];
        }),
      ) as Record<Short, { ms: number; set: ResourceSet }>;
    const [coldMs, cold] = timed(() => all(new ViewFactory(snapshot).view(proxy)));
    times.cold.push(coldMs);
    for (const short of shorts) perType[short].push(cold[short].ms);
    sets = { cds: cold.cds.set, eds: cold.eds.set, lds: cold.lds.set, rds: cold.rds.set };
    times.warm.push(timed(() => all(new ViewFactory(snapshot).view(proxy)))[0]);
    const routesOf = (view: ProxyView) => [
      translator.translate(view, types.lds, wanted.lds),
      translator.translate(view, types.rds, wanted.rds),
    ];
    const edit = () => {
      const views = new ViewFactory(fold(snapshot, [{ type: 'set', object: virtualService(pass, 50) }]).snapshot);
      routesOf(views.view(proxy));
      return views;
    };
    const [editMs, views] = timed(edit);
    times.edit.push(editMs);
    times.next.push(timed(() => routesOf(views.view({ ...proxy, id: `${proxy.id}-2` })))[0]);
  }
  const each = (value: (short: Short) => number) =>
    Object.fromEntries(shorts.map((short) => [short, value(short)])) as Record<Short, number>;
  return {
    proxy: proxy.type,
    coldMs: median(times.cold),
    warmMs: median(times.warm),
    editMs: median(times.edit),
    nextMs: median(times.next),
    perType: each((short) => median(perType[short])),
    resources: each((short) => sets?.[short].size ?? 0),
    bytes: each((short) => (sets ? bytesOf(sets[short]) : 0)),
  };
}

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const objects = meshObjects();
const [foldMs, { snapshot }] = timed(() =>
  fold(
    emptySnapshot(),
    objects.map((item) => ({ type: 'set' as const, object: item })),
  ),
);
const measurements = [
  measure(snapshot, testProxy('sidecar~10.1.0.2~client.default~default.svc.cluster.local', { app: 'client' })),
  measure(snapshot, testProxy('router~10.9.0.2~edge.default~default.svc.cluster.local', { istio: 'edge' })),
];

console.log(
  `${services} services, ${services} VirtualServices, ${services} DestinationRules: ${objects.length} objects folded in ${foldMs.toFixed(0)} ms; medians of ${passes} passes\n`,
);
const table = new Table({
  head: ['proxy', 'type', 'resources', 'KB', 'cold ms'],
  style: { head: [], border: [] },
  colAligns: ['left', 'left', 'right', 'right', 'right'],
});
for (const { proxy, resources, bytes, perType } of measurements) {
  for (const short of shorts)
    table.push([proxy, short.toUpperCase(), resources[short], (bytes[short] / 1024).toFixed(0), perType[short].toFixed(1)]);
}
console.log(table.toString());
const summary = new Table({
  head: ['proxy', 'all cold, ms', 'unchanged, ms', 'one VirtualService edited, ms', 'and for the next proxy, ms'],
  style: { head: [], border: [] },
});
for (const { proxy, coldMs, warmMs, editMs, nextMs } of measurements)
  summary.push([proxy, ...[coldMs, warmMs, editMs, nextMs].map((ms) => ms.toFixed(1))]);
console.log(summary.toString());
if (values.json) fs.writeFileSync(values.json, `${JSON.stringify({ services, foldMs, measurements }, null, 2)}\n`);
