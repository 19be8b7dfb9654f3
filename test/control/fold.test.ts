import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { fold } from '#control/mesh/fold';
import { emptySnapshot, type MeshChanges, type MeshSnapshot } from '#control/mesh/snapshot';
import type { SourceEvent } from '#control/sources/event';
import { objectsOf, serviceYaml, setsOf, snapshotOf } from './fixture.ts';

const host = 'reviews.default.svc.cluster.local';
const reviews = serviceYaml('reviews', { pods: { '10.0.0.1': 'v1' } });

const virtualService = (subset: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: ${subset}}}]}]}
`;
const destinationRule = (...subsets: string[]) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [${subsets.map((name) => `{name: ${name}, labels: {version: ${name}}}`).join(', ')}]}
`;

const changedKeys = (changes: MeshChanges) =>
  Object.fromEntries(
    Object.entries(changes).flatMap(([section, keys]: [string, ReadonlySet<string>]) => (keys.size > 0 ? [[section, [...keys]]] : [])),
  );

const servedSubset = (snapshot: MeshSnapshot) =>
  snapshot.virtualServices.get('default/reviews')?.object.spec.http?.[0]?.route?.[0]?.destination.subset;
const problemCodes = (snapshot: MeshSnapshot) => [...snapshot.problems.values()].flat().map(({ code }) => code);

describe('sharing', () => {
  const base = snapshotOf(
    `${reviews}\n---\n${serviceYaml('ratings', { pods: { '10.0.1.1': 'v1' } })}\n---\n${destinationRule('v1')}\n---\n${virtualService('v1')}`,
  );

  test.each([
    {
      change: 'an endpoint more',
      yaml: serviceYaml('reviews', { pods: { '10.0.0.1': 'v1', '10.0.0.2': 'v1' } }),
      changed: { endpoints: [host], workloads: ['default/reviews-10-0-0-2'] },
    },
    { change: 'a new rule', yaml: destinationRule('v1', 'v2'), changed: { destinationRules: ['default/reviews'] } },
    { change: 'nothing', yaml: reviews, changed: {} },
    {
      change: 'a port',
      yaml: serviceYaml('ratings', { port: 9999, pods: { '10.0.1.1': 'v1' } }),
      changed: {
        services: ['ratings.default.svc.cluster.local'],
        endpoints: ['ratings.default.svc.cluster.local'],
        workloads: ['default/ratings-10-0-1-1'],
      },
    },
  ])('$change changes what it names and shares the rest', ({ yaml, changed }) => {
    const { snapshot, changes } = fold(base, setsOf(yaml));
    expect(changedKeys(changes)).toEqual(changed);
    for (const section of ['services', 'endpoints', 'virtualServices', 'destinationRules', 'workloads'] as const) {
      if (changes[section].size === 0) expect(snapshot[section]).toBe(base[section]);
      for (const [key, value] of snapshot[section]) if (!changes[section].has(key)) expect(value).toBe(base[section].get(key));
    }
    expect(snapshot.revision).toBe(base.revision + (Object.keys(changed).length > 0 ? 1 : 0));
  });

  test('a slice alone raises the revision and not that of the configuration', () => {
    const [slice] = objectsOf(serviceYaml('reviews', { pods: {} })).filter(({ kind }) => kind === 'EndpointSlice') as [ApiObject];
    const { snapshot } = fold(base, [{ type: 'set', object: slice }]);
    expect([snapshot.revision - base.revision, snapshot.configRevision - base.configRevision]).toEqual([1, 0]);
    expect(snapshot.endpoints.get(host)?.items).toEqual([]);
  });

  test('a new version of an object with the same content is no change', () => {
    const events = setsOf(virtualService('v1')).map((event) => {
      if (event.type !== 'set') return event;
      const { object } = event;
      return {
        ...event,
        object: { ...object, metadata: { ...object.metadata, resourceVersion: '99', generation: 7 }, status: { validationMessages: [] } },
      };
    });
    expect(fold(base, events).snapshot.virtualServices).toBe(base.virtualServices);
  });
});

describe('a rule that names a subset which nobody defines', () => {
  const good = snapshotOf(`${reviews}\n---\n${destinationRule('v1')}\n---\n${virtualService('v1')}`);

  test('the last good version serves until the subset comes', () => {
    const held = fold(good, setsOf(virtualService('v2'))).snapshot;
    expect([servedSubset(held), problemCodes(held)]).toEqual(['v1', ['UNKNOWN_SUBSET']]);
    expect(held.virtualServices).toBe(good.virtualServices);
    const released = fold(held, setsOf(destinationRule('v1', 'v2'))).snapshot;
    expect([servedSubset(released), problemCodes(released)]).toEqual(['v2', []]);
  });

  test('a second bad version does not push the good one out', () => {
    const twice = fold(fold(good, setsOf(virtualService('v2'))).snapshot, setsOf(virtualService('v3'))).snapshot;
    expect([servedSubset(twice), problemCodes(twice)]).toEqual(['v1', ['UNKNOWN_SUBSET']]);
  });

  test('without a good version it is served, as Istio does, and reported', () => {
    const first = snapshotOf(`${reviews}\n---\n${virtualService('v2')}`);
    expect([servedSubset(first), problemCodes(first)]).toEqual(['v2', ['UNKNOWN_SUBSET']]);
  });

  test('deleting it deletes the good version too, and the problem', () => {
    const held = fold(good, setsOf(virtualService('v2'))).snapshot;
    const gone = fold(held, [{ type: 'delete', kind: 'VirtualService', namespace: 'default', name: 'reviews' }]).snapshot;
    expect([servedSubset(gone), problemCodes(gone)]).toEqual([undefined, []]);
  });
});

describe('a DestinationRule that takes away a subset which is in use', () => {
  const good = snapshotOf(`${reviews}\n---\n${destinationRule('v1')}\n---\n${virtualService('v1')}`);
  const subsetsOf = (snapshot: MeshSnapshot) =>
    [...snapshot.destinationRules.values()].flatMap(({ object }) => (object.spec.subsets ?? []).map(({ name }) => name));

  test('its last good version serves until the VirtualService follows; then both are new', () => {
    const held = fold(good, setsOf(destinationRule('v2'))).snapshot;
    expect([subsetsOf(held), servedSubset(held), problemCodes(held)]).toEqual([['v1'], 'v1', ['SUBSET_IN_USE']]);
    const released = fold(held, setsOf(virtualService('v2'))).snapshot;
    expect([subsetsOf(released), servedSubset(released), problemCodes(released)]).toEqual([['v2'], 'v2', []]);
  });

  test('the other way round it is the VirtualService that waits', () => {
    const held = fold(good, setsOf(virtualService('v2'))).snapshot;
    const released = fold(held, setsOf(destinationRule('v2'))).snapshot;
    expect([subsetsOf(released), servedSubset(released), problemCodes(released)]).toEqual([['v2'], 'v2', []]);
  });

  test('when the VirtualService goes, or the rule is mended, it waits no more', () => {
    const held = fold(good, setsOf(destinationRule('v2'))).snapshot;
    const alone = fold(held, [{ type: 'delete', kind: 'VirtualService', namespace: 'default', name: 'reviews' }]).snapshot;
    expect([subsetsOf(alone), problemCodes(alone)]).toEqual([['v2'], []]);
    const mended = fold(held, setsOf(destinationRule('v1', 'v2'))).snapshot;
    expect([subsetsOf(mended), problemCodes(mended)]).toEqual([['v1', 'v2'], []]);
  });

  test('what else it changes waits with it', () => {
    const other = `${virtualService('v1').replace('name: reviews', 'name: other')}`;
    const both = fold(good, setsOf(other)).snapshot;
    const held = fold(fold(both, setsOf(destinationRule('v2'))).snapshot, setsOf(virtualService('v2'))).snapshot;
    expect([subsetsOf(held), servedSubset(held)]).toEqual([['v1'], 'v1']);
    expect(problemCodes(held).sort()).toEqual(['SUBSET_IN_USE', 'UNKNOWN_SUBSET']);
  });
});

test('whatever the order of the events and however they are batched, the end is the same', () => {
  const pool: SourceEvent[] = [
    ...setsOf(reviews),
    ...setsOf(serviceYaml('ratings', { pods: { '10.0.1.1': 'v1', '10.0.1.2': 'v2' } })),
    ...setsOf(destinationRule('v1', 'v2')),
    ...setsOf(virtualService('v1')),
    ...setsOf(
      '{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: e}, spec: {hosts: [e.example], resolution: STATIC, ports: [{number: 80, name: http}], workloadSelector: {labels: {app: ratings}}}}',
    ),
  ];
  // Endpoints come in the order in which pods and slices came; stamps count what was made.
  const strip = (snapshot: MeshSnapshot) =>
    (['services', 'endpoints', 'virtualServices', 'destinationRules', 'workloads'] as const).map((section) =>
      [...(snapshot[section] as ReadonlyMap<string, object>)]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [
          key,
          { ...value, stamp: 0, ...('items' in value && { items: (value.items as object[]).map((item) => JSON.stringify(item)).sort() }) },
        ]),
    );
  const expected = strip(fold(emptySnapshot(), pool).snapshot);
  fc.assert(
    fc.property(fc.shuffledSubarray(pool, { minLength: pool.length }), fc.integer({ min: 1, max: 5 }), (events, batch) => {
      let snapshot = emptySnapshot();
      for (let i = 0; i < events.length; i += batch) snapshot = fold(snapshot, events.slice(i, i + batch)).snapshot;
      expect(strip(snapshot)).toEqual(expected);
    }),
    { seed: 7, numRuns: 50 },
  );
});
