// Telemetries that select no pod, or pods that another Telemetry selects too.
import { keyOf } from '#api/kind';
import type { Telemetry } from '#api/kinds/telemetry';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { type Labels, selectorText } from '../labels.ts';
import type { Resources } from '../resources.ts';
import { selectedPods, selection } from '../selecting.ts';

const kind = 'telemetry.istio.io/Telemetry';

const selectorOf = ({ spec }: Telemetry): Labels | undefined => spec?.selector && (spec.selector.matchLabels ?? {});
const telemetries = (resources: Resources) => selection(resources, resources.all<Telemetry>(kind), selectorOf);

function* checkSelector(object: Telemetry, resources: Resources): Iterable<Finding> {
  const selector = selectorOf(object);
  if (!selector || Object.keys(selector).length === 0) return;
  const pods = selectedPods(resources, object, selector);
  if (pods.length === 0) {
    yield finding('IST0101', object, 'spec.selector', `no pod in ${object.metadata.namespace} has ${selectorText(selector)}`);
  }
  for (const pod of pods) {
    const others = (resources.derived(telemetries).byPod.get(keyOf(pod.metadata)) ?? []).filter((other) => other !== object);
    if (others.length === 0) continue;
    const message = `pod ${keyOf(pod.metadata)} is selected by ${names(others)} too: which one acts is not defined`;
    yield finding('IST0159', object, 'metadata.name', message, 'select each pod once');
  }
}

function* checkDefault(object: Telemetry, resources: Resources): Iterable<Finding> {
  const { selector, targetRef, targetRefs } = object.spec ?? {};
  if (selector || targetRef || targetRefs?.length) return;
  const { namespace = '' } = object.metadata;
  const others = (resources.derived(telemetries).ofNamespace.get(namespace) ?? []).filter((other) => {
    return other !== object && !other.spec?.targetRef && !other.spec?.targetRefs?.length;
  });
  if (others.length === 0) return;
  const message = `${names(others)} has no selector either: which one acts for ${namespace} is not defined`;
  yield finding('IST0160', object, 'metadata.name', message, 'keep one without selector for each namespace');
}

function names(objects: readonly Telemetry[]): string {
  return objects.map(({ metadata }) => metadata.name).join(', ');
}

export const telemetrySelector = analyzer('telemetry.SelectorAnalyzer', [kind], checkSelector);
export const telemetryDefaultSelector = analyzer('telemetry.DefaultSelectorAnalyzer', [kind], checkDefault);
