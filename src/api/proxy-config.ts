// Istio's ProxyConfig, as the mesh's `defaultConfig`, resources, and a pod's annotation say it: which hold for a workload, and how they are
// laid over each other. Pure. https://istio.io/latest/docs/reference/config/networking/proxy-config/
import { parseYaml } from '#codec/yaml/documents';
import { isPlainObject } from './json.ts';
import { keyOf, type ObjectMeta } from './kind.ts';
import type { ProxyConfig } from './kinds/proxy-config.ts';
import { selects } from './label-selector.ts';

/** By the names of MeshConfig's `ProxyConfig`. */
export type ProxyConfigFields = Readonly<Record<string, unknown>>;

const annotation = 'proxy.istio.io/config';

/** Later ones go before earlier ones; objects are laid over each other field by field. */
export function mergeProxyConfigs(...layers: readonly ProxyConfigFields[]): ProxyConfigFields {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      const below = merged[name];
      merged[name] = isPlainObject(below) && isPlainObject(value) ? mergeProxyConfigs(below, value) : value;
    }
  }
  return merged;
}

/**
 * What is said of one workload beyond the mesh's default: resources of the root namespace, of its own, its annotation, resources that select
 * it, in this order. Of several in one place the oldest goes before the others. An annotation that cannot be read says nothing.
 */
export function proxyConfigOf(
  { namespace = '', labels = {}, annotations = {} }: Pick<ObjectMeta, 'namespace' | 'labels' | 'annotations'>,
  resources: Iterable<ProxyConfig>,
  rootNamespace: string,
): ProxyConfigFields {
  const youngestFirst = [...resources].sort((a, b) => (ageOf(a) < ageOf(b) ? 1 : -1));
  const selectorOf = ({ spec }: ProxyConfig) => spec?.selector?.matchLabels;
  const ofAll = (owner: string) => youngestFirst.filter((each) => each.metadata.namespace === owner && !selectorOf(each)).map(fieldsOf);
  const selecting = youngestFirst.filter((each) => {
    const selector = selectorOf(each);
    return each.metadata.namespace === namespace && selector !== undefined && selects(selector, labels);
  });
  const annotated = parseYaml(annotations[annotation] ?? '')[0]?.value;
  return mergeProxyConfigs(
    ...ofAll(rootNamespace),
    ...(namespace === rootNamespace ? [] : ofAll(namespace)),
    isPlainObject(annotated) ? annotated : {},
    ...selecting.map(fieldsOf),
  );
}

const ageOf = ({ metadata }: ProxyConfig): string => `${metadata.creationTimestamp ?? ''} ${keyOf(metadata)}`;

/** `image` is for installers. */
function fieldsOf({ spec }: ProxyConfig): ProxyConfigFields {
  const { concurrency, environmentVariables } = spec ?? {};
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(environmentVariables && { proxyMetadata: environmentVariables }),
  };
}
