// Which ports of the machine Services get, and how a port that cannot be had is refused: Kubernetes' range, order and words.
import { describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import type { Service } from '#api/kinds/service';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';
import { withNodePorts } from '#store/node-port';

const setUp = (spread = '') =>
  new MemoryStore({
    clock: new ManualClock(),
    random: new SeededRandom(1),
    complete: (object, view) =>
      withNodePorts(object, view, { isPublished: ({ metadata }) => metadata.annotations?.['published'] !== undefined, spread }),
  });

const service = (name: string, spec: Partial<Service['spec']>, annotations = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'a', annotations },
    spec: { ports: [{ port: 80 }], ...spec },
  }) as ApiObject;
const portsOf = (object: ApiObject) => (object as Service).spec.ports!.map(({ nodePort }) => nodePort);

describe('allocation', () => {
  test('each port its own, by protocol; kept when the Service changes, given back when it is of another type', async () => {
    const store = setUp();
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ];
    const [a, b] = portsOf(await store.create(service('web', { type: 'NodePort', ports })));
    expect([a, b].every((port) => port! >= 30_000 && port! <= 32_767)).toBe(true);
    expect(a).not.toBe(b);
    expect(portsOf(await store.update(service('web', { type: 'LoadBalancer', ports: [...ports].reverse() })))).toEqual([b, a]);
    const again = [{ port: 80, nodePort: a! }];
    expect(portsOf(await store.update(service('web', { type: 'ClusterIP', ports: again })))).toEqual([undefined]);
    expect(portsOf(await store.create(service('other', { type: 'NodePort', ports: again })))).toEqual([a]);
    const udp = [{ port: 80, nodePort: a!, protocol: 'UDP' as const }];
    expect(portsOf(await store.create(service('udp', { type: 'NodePort', ports: udp })))).toEqual([a]);
  });

  test('meshes on one machine give Services of the same names ports that differ', async () => {
    const ports = await Promise.all(
      ['127.64.255.253', '127.66.255.253', '10.244.0.1', '10.245.0.1'].map(async (spread) =>
        portsOf(await setUp(spread).create(service('web', { type: 'NodePort' }))),
      ),
    );
    expect(new Set(ports.flat()).size).toBe(4);
  });

  test.each([
    ['ClusterIP', { type: 'ClusterIP' as const }, {}],
    ['a LoadBalancer that wants none', { type: 'LoadBalancer' as const, allocateLoadBalancerNodePorts: false }, {}],
    ['published elsewhere', { type: 'LoadBalancer' as const }, { published: '' }],
  ])('%s: none', async (_, spec, annotations) => {
    expect(portsOf(await setUp().create(service('web', spec, annotations)))).toEqual([undefined]);
  });

  test.each([
    ['NodePort', 8080, 'Invalid value: 8080: provided port is not in the valid range. The range of valid ports is 30000-32767'],
    ['NodePort', 30_080, 'Invalid value: 30080: provided port is already allocated'],
    ['ClusterIP', 30_081, "Forbidden: may not be used when `type` is 'ClusterIP'"],
  ] as const)('%s %d is refused', async (type, nodePort, message) => {
    const store = setUp();
    await store.create(service('first', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }));
    await expect(store.create(service('web', { type, ports: [{ port: 80, nodePort }] }))).rejects.toMatchObject({
      code: 'INVALID',
      message: `Service "web" is invalid: spec.ports[0].nodePort: ${message}`,
    });
  });
});
