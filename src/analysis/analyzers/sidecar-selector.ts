// Sidecars that select no pod, pods that another Sidecar selects too, or pods that have no sidecar at all.
import { keyOf } from '#api/kind';
import type { Namespace } from '#api/kinds/namespace';
import type { Sidecar } from '#api/kinds/sidecar';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { namespaceInAmbient, podInAmbient } from '../injection-state.ts';
import { type Labels, selectorText } from '../labels.ts';
import type { Resources } from '../resources.ts';
import { selectedPods, selection } from '../selecting.ts';

const kind = 'networking.istio.io/Sidecar';

const selectorOf = ({ spec }: Sidecar): Labels | undefined => spec.workloadSelector && (spec.workloadSelector.labels ?? {});
const sidecars = (resources: Resources) => selection(resources, resources.all<Sidecar>(kind), selectorOf);

function* check(object: Sidecar, resources: Resources): Iterable<Finding> {
  const selector = selectorOf(object);
  const { namespace = '' } = object.metadata;
  if (namespaceInAmbient(resources.find<Namespace>('/Namespace', '', namespace))) {
    return yield finding('IST0167', object, '', `does nothing: namespace ${namespace} is in ambient mode, without sidecars`);
  }
  if (!selector || Object.keys(selector).length === 0) return yield* checkGeneral(object, resources);
  const pods = selectedPods(resources, object, selector);
  if (pods.length === 0) {
    yield finding('IST0101', object, 'spec.workloadSelector', `no pod in ${namespace} has ${selectorText(selector)}`);
  }
  if (pods.some(podInAmbient))
    yield finding('IST0167', object, 'spec.workloadSelector', 'does nothing for pods in ambient mode, without sidecars');
  for (const pod of pods.filter((each) => !podInAmbient(each))) {
    const others = (resources.derived(sidecars).byPod.get(keyOf(pod.metadata)) ?? []).filter((other) => other !== object);
    if (others.length === 0) continue;
    const message = `pod ${keyOf(pod.metadata)} is selected by ${names(others)} too: which one acts is not defined`;
    yield finding('IST0110', object, 'metadata.name', message, 'select each pod once');
  }
}

function* checkGeneral(object: Sidecar, resources: Resources): Iterable<Finding> {
  if (object.spec.workloadSelector) return;
  const { namespace = '' } = object.metadata;
  const others = (resources.derived(sidecars).ofNamespace.get(namespace) ?? []).filter((other) => other !== object);
  if (others.length === 0) return;
  const message = `${names(others)} has no workloadSelector either: which one acts for ${namespace} is not defined`;
  yield finding('IST0111', object, 'metadata.name', message, 'keep one without selector for each namespace');
}

function names(objects: readonly Sidecar[]): string {
  return objects.map(({ metadata }) => metadata.name).join(', ');
}

export const sidecarSelector = analyzer('sidecar.SelectorAnalyzer', [kind], check);
