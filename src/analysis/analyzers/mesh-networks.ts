// Networks of the mesh whose endpoints come from a registry that nobody has.
import type { ConfigMap } from '#api/kinds/config-map';
import type { Secret } from '#api/kinds/secret';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { meshNetworksOf } from '../mesh-config.ts';
import type { Resources } from '../resources.ts';

const builtIn = ['Mock', 'Kubernetes', 'External'];

/** Each remote cluster is a registry, named by its Secret's entry. */
const registries = (resources: Resources) =>
  new Set([
    ...builtIn,
    ...resources
      .all<Secret>('/Secret')
      .filter(({ metadata }) => metadata.labels?.['istio/multiCluster'] === 'true')
      .flatMap(({ data = {}, stringData = {} }) => Object.keys({ ...data, ...stringData })),
  ]);

function* check(object: ConfigMap, resources: Resources): Iterable<Finding> {
  const { name, namespace } = object.metadata;
  if (name !== 'istio' || namespace !== resources.meshConfig.rootNamespace) return;
  const known = resources.derived(registries);
  for (const { network, registries: named } of meshNetworksOf(object)) {
    for (const registry of named.filter((each) => !known.has(each))) {
      const message = `network ${network} takes its endpoints from registry ${registry}, which does not exist`;
      yield finding('IST0126', object, 'data.meshNetworks', message, `known: ${[...known].join(', ')}`);
    }
  }
}

export const meshNetworks = analyzer('meshnetworks.MeshNetworksAnalyzer', ['/ConfigMap'], check);
