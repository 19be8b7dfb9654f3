// Namespaces that do not say whether sidecars are injected, and pods that should have one and do not.
import type { ConfigMap } from '#api/kinds/config-map';
import type { Namespace } from '#api/kinds/namespace';
import type { Pod } from '#api/kinds/pod';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import {
  injectionLabel,
  injectName,
  injectorName,
  isSystemNamespace,
  namespaceInAmbient,
  proxyOf,
  revisionLabel,
} from '../injection-state.ts';
import { injectorValues } from '../injector-values.ts';
import type { Resources } from '../resources.ts';

type State = 'injected' | 'off' | 'unsaid' | 'by default' | 'contradictory';

function stateOf({ metadata }: Namespace, resources: Resources): State {
  const { name, labels = {} } = metadata;
  if (isSystemNamespace(name)) return 'off';
  const [asked, revision] = [labels[injectionLabel], labels[revisionLabel]];
  if (asked && revision !== undefined) return 'contradictory';
  if (revision !== undefined || asked === 'enabled') return 'injected';
  if (asked) return 'off';
  const injectors = resources.all<ConfigMap>('/ConfigMap').filter((configMap) => configMap.metadata.name === injectorName(revision));
  return injectors.some((configMap) => injectorValues(configMap).enableNamespacesByDefault) ? 'by default' : 'unsaid';
}

function* check(object: Namespace | Pod, resources: Resources): Iterable<Finding> {
  if (object.kind === 'Pod') yield* checkPod(object as Pod, resources);
  else yield* checkNamespace(object as Namespace, resources);
}

function* checkNamespace(object: Namespace, resources: Resources): Iterable<Finding> {
  const { name } = object.metadata;
  const state = stateOf(object, resources);
  if (state === 'by default') yield finding('IST0148', object, 'metadata.name', 'injects sidecars, as all namespaces do by default');
  if (state === 'contradictory') {
    const message = `has the labels ${injectionLabel} and ${revisionLabel}: the first one wins, and no revision is chosen`;
    yield finding('IST0123', object, 'metadata.labels', message, 'remove one of them');
  }
  if (state === 'unsaid' && !namespaceInAmbient(object)) {
    const hint = `kubectl label namespace ${name} ${injectionLabel}=enabled, or =disabled to say that none is wanted`;
    yield finding('IST0102', object, 'metadata.name', 'injects no sidecars: its pods are not in the mesh', hint);
  }
}

function* checkPod(object: Pod, resources: Resources): Iterable<Finding> {
  const { namespace = '', labels = {}, annotations = {} } = object.metadata;
  const home = resources.find<Namespace>('/Namespace', '', namespace);
  if (!home || stateOf(home, resources) !== 'injected') return;
  const asked = labels[injectName] ?? annotations[injectName] ?? '';
  const { hostNetwork } = object.spec as Pod['spec'] & { hostNetwork?: unknown };
  if (asked.toLowerCase() === 'false' || hostNetwork === true || proxyOf(object.spec)?.image) return;
  yield finding('IST0103', object, 'metadata.name', 'has no proxy, though its namespace injects one', 'start it again');
}

export const injection = analyzer('injection.Analyzer', ['/Namespace', '/Pod'], check);
