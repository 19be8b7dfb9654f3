// A Service of several clusters that is not the same in all of them.
import { isDeepStrictEqual } from 'node:util';
import { keyOf } from '#api/kind';
import type { Service } from '#api/kinds/service';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { clusterOf, grouped, type Resources } from '../resources.ts';

const byName = (resources: Resources) =>
  grouped(
    resources.all<Service>('/Service').flatMap((service) => {
      const cluster = clusterOf(service);
      return cluster === undefined ? [] : [[keyOf(service.metadata), { cluster, service }] as const];
    }),
  );

function* check(object: Service, resources: Resources): Iterable<Finding> {
  const copies = resources.derived(byName).get(keyOf(object.metadata)) ?? [];
  const [first] = copies;
  if (copies.length < 2 || first?.service !== object) return;
  const differences = new Set(copies.flatMap(({ service }) => differencesOf(object, service)));
  if (differences.size === 0) return;
  const clusters = copies.map(({ cluster }) => cluster).sort();
  yield finding('IST0170', object, 'spec', `differs between the clusters ${clusters.join(', ')}: ${[...differences].sort().join('; ')}`);
}

function differencesOf({ spec: a }: Service, { spec: b }: Service): string[] {
  const headless = (spec: Service['spec']) => spec.clusterIP === 'None';
  const ports = ({ ports = [] }: Service['spec']) => [...ports].sort((one, other) => ((one.name ?? '') < (other.name ?? '') ? -1 : 1));
  return [
    ...(headless(a) === headless(b) ? [] : ['headless in some of them']),
    ...((a.type ?? 'ClusterIP') === (b.type ?? 'ClusterIP') ? [] : ['different types']),
    ...(isDeepStrictEqual(ports(a), ports(b)) ? [] : ['different ports']),
  ];
}

export const multiClusterService = analyzer('services.MultiClusterServiceAnalyzer', ['/Service'], check);
