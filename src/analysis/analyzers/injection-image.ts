// Pods whose proxy has another image than the injector would give them now.
import type { ConfigMap } from '#api/kinds/config-map';
import type { Namespace } from '#api/kinds/namespace';
import type { Pod } from '#api/kinds/pod';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { injectionLabel, injectorName, proxyOf, revisionLabel } from '../injection-state.ts';
import { injectorValues } from '../injector-values.ts';
import { podsOf } from '../labels.ts';
import type { Resources } from '../resources.ts';

/** Of each injector's ConfigMap, by its name. */
const images = (resources: Resources) =>
  new Map(resources.all<ConfigMap>('/ConfigMap').map((configMap) => [configMap.metadata.name, injectorValues(configMap).image] as const));

function* check(object: Namespace, resources: Resources): Iterable<Finding> {
  const { name, labels = {} } = object.metadata;
  const revision = labels[revisionLabel];
  if (labels[injectionLabel] !== 'enabled' && revision === undefined) return;
  const image = resources.derived(images).get(injectorName(revision));
  if (image === undefined) return;
  const pods = podsOf(resources, {}, name).filter((pod) => isOutdated(pod, image));
  if (pods.length === 0) return;
  const names = pods.map(({ metadata }) => metadata.name).join(', ');
  yield finding('IST0158', object, 'metadata.name', `the proxies of ${names} are not ${image}`, 'start these pods again');
}

/** Whoever names an image means it. */
function isOutdated({ metadata, spec }: Pod, image: string): boolean {
  const proxy = proxyOf(spec);
  return proxy !== undefined && proxy.image !== image && !metadata.annotations?.['sidecar.istio.io/proxyImage'];
}

export const injectionImage = analyzer('injection.ImageAnalyzer', ['/Namespace'], check);
