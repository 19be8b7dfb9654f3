import { describe, expect, test } from 'vitest';
import type { MeshChanges } from '#control/mesh/snapshot';
import { type Impact, impactOf } from '#control/push/impact';
import { PushScheduler } from '#control/push/push-scheduler';
import { ManualClock } from '#foundation/clock';
import { type TypeUrl, typeUrl } from '#xds/resource-type';

const impact = (...types: TypeUrl[]): Impact => ({ types: new Set(types), onlyEndpointsOf: undefined });
const short = (types: Iterable<TypeUrl>) => [...types].map((type) => type.split('.').at(-1)).sort();

describe('scheduler', () => {
  function schedule(costMs = 0) {
    const clock = new ManualClock();
    const pushes: string[] = [];
    const scheduler = new PushScheduler({
      clock,
      push: ({ types }) => {
        pushes.push(`${clock.now()}:${short(types).join('+')}`);
        clock.advance(costMs);
      },
    });
    return { clock, pushes, scheduler };
  }

  test('idle: at once', () => {
    const { clock, pushes, scheduler } = schedule();
    scheduler.changed(impact(typeUrl.route));
    clock.advance(100);
    scheduler.changed(impact(typeUrl.cluster));
    expect(pushes).toEqual(['0:RouteConfiguration', '100:Cluster']);
  });

  test('under load: what came together goes together, and nothing waits longer than one interval', () => {
    const { clock, pushes, scheduler } = schedule();
    for (let ms = 0; ms < 12; ms++) {
      scheduler.changed(impact(ms % 2 ? typeUrl.route : typeUrl.cluster));
      clock.advance(1);
    }
    clock.advance(10);
    expect(pushes).toEqual(['0:Cluster', '5:Cluster+RouteConfiguration', '10:Cluster+RouteConfiguration', '15:Cluster+RouteConfiguration']);
  });

  test('a push that took long is followed by as long a rest', () => {
    const { clock, pushes, scheduler } = schedule(40);
    scheduler.changed(impact(typeUrl.route));
    scheduler.changed(impact(typeUrl.cluster));
    clock.advance(39);
    expect(pushes).toHaveLength(1);
    clock.advance(1);
    expect(pushes).toEqual(['0:RouteConfiguration', '80:Cluster']);
  });

  test('stopped: nothing any more', () => {
    const { clock, pushes, scheduler } = schedule();
    scheduler.changed(impact(typeUrl.route));
    scheduler.changed(impact(typeUrl.cluster));
    scheduler.stop();
    scheduler.changed(impact(typeUrl.cluster));
    clock.advance(100);
    expect(pushes).toHaveLength(1);
  });
});

const none: MeshChanges = {
  services: new Set(),
  endpoints: new Set(),
  serviceAccounts: new Set(),
  virtualServices: new Set(),
  destinationRules: new Set(),
  gateways: new Set(),
  sidecars: new Set(),
  peerAuthentications: new Set(),
  requestAuthentications: new Set(),
  authorizationPolicies: new Set(),
  envoyFilters: new Set(),
  telemetries: new Set(),
  workloads: new Set(),
  secrets: new Set(),
  config: new Set(),
};

test.each([
  { changes: { endpoints: ['a'] }, types: ['ClusterLoadAssignment'], only: ['a'] },
  { changes: { endpoints: ['dns'] }, types: ['Cluster', 'ClusterLoadAssignment', 'NameTable'], only: undefined },
  { changes: { virtualServices: ['x/y'] }, types: ['Listener', 'RouteConfiguration', 'VirtualHost'], only: undefined },
  {
    changes: { destinationRules: ['x/y'] },
    types: ['Cluster', 'ClusterLoadAssignment', 'Listener', 'RouteConfiguration', 'Secret', 'VirtualHost'],
    only: undefined,
  },
  { changes: { secrets: ['x/y'] }, types: ['Secret'], only: undefined },
  {
    changes: { services: ['a'], endpoints: ['a'] },
    types: ['Cluster', 'ClusterLoadAssignment', 'Listener', 'NameTable', 'RouteConfiguration', 'VirtualHost'],
    only: undefined,
  },
])('$changes touch $types', ({ changes, types, only }) => {
  const sets = Object.fromEntries(Object.entries(changes).map(([section, keys]) => [section, new Set(keys)]));
  const result = impactOf({ ...none, ...sets }, (hostname) => hostname === 'dns');
  expect(short(result.types)).toEqual(types);
  expect(result.onlyEndpointsOf && [...result.onlyEndpointsOf]).toEqual(only);
});
