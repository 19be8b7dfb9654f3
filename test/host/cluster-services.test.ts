// Cluster IPs and names for who is not in the mesh: what Services come to as rules, what a change of one costs, what names stand for.
import { describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { endpointSliceKind } from '#api/kinds/endpoint-slice';
import { serviceKind } from '#api/kinds/service';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { machineRules } from '#host/capture/machine-rules';
import { type ServiceRoute, ServiceTable } from '#host/capture/service-table';
import { ClusterServices } from '#host/cluster-services';
import { publishAnnotation } from '#host/published-ports';
import { MemoryStore } from '#store/memory-store';

const route = (...endpoints: string[]): ServiceRoute => ({
  ...{ address: '10.96.1.1', protocol: 'tcp', port: 80 },
  endpoints: endpoints.map((address) => ({ address, port: 8080 })),
});

describe('rules', () => {
  const steps: readonly (readonly [string, readonly ServiceRoute[], readonly string[]])[] = [
    ['a Service without endpoints refuses', [route()], ['add element ip t addresses { 10.96.1.1 }']],
    ['the same again: nothing', [route()], []],
    [
      'it has two',
      [route('10.244.0.2', '10.244.0.3')],
      [
        'add chain ip t tcp-10.96.1.1-80',
        'add rule ip t tcp-10.96.1.1-80 meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }',
        'add element ip t ports { 10.96.1.1 . tcp . 80 : goto tcp-10.96.1.1-80 }',
      ],
    ],
    [
      'one goes: nobody loses the way meanwhile',
      [route('10.244.0.3')],
      [
        'flush chain ip t tcp-10.96.1.1-80',
        'add rule ip t tcp-10.96.1.1-80 meta l4proto tcp dnat ip to numgen random mod 1 map { 0 : 10.244.0.3 . 8080 }',
      ],
    ],
    [
      'it is gone',
      [],
      [
        'delete element ip t addresses { 10.96.1.1 }',
        'delete element ip t ports { 10.96.1.1 . tcp . 80 }',
        'flush chain ip t tcp-10.96.1.1-80',
        'delete chain ip t tcp-10.96.1.1-80',
      ],
    ],
  ];

  test('of one Service, as it changes', () => {
    const table = new ServiceTable({ name: 't', priority: -99, protocols: ['tcp', 'udp'] });
    for (const [what, routes, lines] of steps) {
      expect([
        what,
        table
          .change(new Map([['default/a', routes]]))
          ?.trim()
          .split('\n') ?? [],
      ]).toEqual([what, lines]);
    }
  });

  test('a client stays with its endpoint where the Service says so', () => {
    const table = new ServiceTable({ name: 't', priority: -99, protocols: ['tcp'] });
    expect(table.change(new Map([['default/a', [{ ...route('10.244.0.2', '10.244.0.3'), sticky: true }]]]))).toContain(
      'dnat ip to jhash ip saddr mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }',
    );
  });

  test('of UDP alone, beside a proxy', () => {
    const table = new ServiceTable({ name: 't', priority: -99, protocols: ['udp'] });
    expect(table.create()).not.toContain('tcp');
    expect(table.change(new Map([['default/a', [route('10.244.0.2')]]]))).toBeUndefined();
    const udp = table.change(new Map([['default/a', [route('10.244.0.2'), { ...route('10.244.0.2'), protocol: 'udp' as const }]]]));
    expect(udp).toContain('add element ip t ports { 10.96.1.1 . udp . 80 : goto udp-10.96.1.1-80 }');
    expect(udp).not.toContain('tcp');
  });

  test('of the machine: what is nobody’s goes to the gateway; of its own programs too, where it is enclosed', () => {
    const options = { prefix: 'lateen3', ours: ['10.247.0.0/16', '169.254.7.127/32'], gatewayPort: 4444 };
    const lead = 'ip daddr != { 10.247.0.0/16, 169.254.7.127/32 } meta l4proto tcp redirect to :4444';
    expect(machineRules({ ...options, enclosed: false })).toContain(`iifname "lateen3" ${lead}`);
    expect(machineRules({ ...options, enclosed: false })).not.toContain('hook output');
    expect(machineRules({ ...options, enclosed: true })).toContain(`hook output priority -100; policy accept;\n    ${lead}`);
  });
});

const service = (name: string, spec: object) =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ name: 'http', port: 80 }], ...spec },
  }) as ApiObject;
const slice = (name: string, of: string, endpoints: object[]) =>
  ({
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints,
  }) as ApiObject;

describe('Services', () => {
  async function follow() {
    const clock = new ManualClock();
    const random = new SeededRandom(7);
    const store = new MemoryStore({ clock, random });
    const told: [string, readonly ServiceRoute[]][][] = [];
    const services = new ClusterServices({ store, clock, random, changed: (routes) => void told.push([...routes]) });
    services.start();
    const settle = async () => {
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
      clock.advance(100);
      return told.splice(0);
    };
    await settle();
    return { store, services, settle };
  }

  test('a burst of changes is told once: the endpoints of all slices that are ready', async () => {
    const { store, services, settle } = await follow();
    await store.create(service('web', { clusterIP: '10.96.1.2' }));
    await store.create(
      slice('web-1', 'web', [
        { addresses: ['10.244.0.2'], conditions: { ready: true } },
        { addresses: ['10.244.0.3'], conditions: { ready: false } },
      ]),
    );
    await store.create(slice('web-2', 'web', [{ addresses: ['10.244.0.4'] }]));
    const to = (...endpoints: string[]) => [
      'shop/web',
      [{ address: '10.96.1.2', protocol: 'tcp', port: 80, endpoints: endpoints.map((address) => ({ address, port: 8080 })) }],
    ];
    expect(await settle()).toEqual([[to('10.244.0.2', '10.244.0.4')]]);
    await store.delete(endpointSliceKind, 'shop', 'web-1');
    expect(await settle()).toEqual([[to('10.244.0.4')]]);
    await store.delete(serviceKind, 'shop', 'web');
    expect(await settle()).toEqual([[['shop/web', []]]]);
    services.stop();
  });

  test('node ports are for this machine to open, unless the Service is published by its own proxy', async () => {
    const { store, services, settle } = await follow();
    const open = service('web', { clusterIP: '10.96.1.2', ports: [{ name: 'http', port: 80, nodePort: 30080 }] });
    const { metadata } = open;
    const annotations = { [publishAnnotation]: '80=127.0.0.1:30080' };
    await store.create(open);
    await store.create({ ...open, metadata: { ...metadata, name: 'gateway', annotations } } as ApiObject);
    const told = new Map((await settle()).flat());
    expect([told.get('shop/web')?.[0]?.nodePort, told.get('shop/gateway')?.[0]?.nodePort]).toEqual([30_080, undefined]);
    services.stop();
  });

  test('names', async () => {
    const { store, services, settle } = await follow();
    await store.create(service('web', { clusterIP: '10.96.1.2' }));
    await store.create(service('db', { clusterIP: 'None' }));
    await store.create(service('ext', { type: 'ExternalName', externalName: 'db.example.com' }));
    await store.create(
      slice('db-1', 'db', [
        { addresses: ['10.244.0.2'], hostname: 'db-0' },
        { addresses: ['10.244.0.3'], hostname: 'db-1' },
      ]),
    );
    await settle();
    const known = (...ipv4: string[]) => ({ kind: 'known', addresses: { ipv4, ipv6: [] } });
    const names: readonly (readonly [string, object])[] = [
      ['web.shop.svc.cluster.local', known('10.96.1.2')],
      ['WEB.Shop.SVC.cluster.local', known('10.96.1.2')],
      ['db.shop.svc.cluster.local', known('10.244.0.2', '10.244.0.3')],
      ['db-1.db.shop.svc.cluster.local', known('10.244.0.3')],
      ['ext.shop.svc.cluster.local', { kind: 'alias', name: 'db.example.com' }],
      ['a.ext.shop.svc.cluster.local', { kind: 'absent' }],
      ['db-2.db.shop.svc.cluster.local', { kind: 'absent' }],
      ['web.other.svc.cluster.local', { kind: 'absent' }],
      ['web.shop.pod.cluster.local', { kind: 'absent' }],
      ['cluster.local', { kind: 'absent' }],
      ['web', { kind: 'foreign' }],
      ['web.shop.example', { kind: 'foreign' }],
    ];
    expect(names.map(([name]) => [name, services.lookup(name)])).toEqual(names);
    services.stop();
  });
});
