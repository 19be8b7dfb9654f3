// A VirtualService names a subset that no DestinationRule of the host defines.
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { VirtualService } from '#api/kinds/virtual-service';
import { nearest } from '#api/nearest';
import { analyzer, type Finding, finding, naming } from '../analyzer.ts';
import { destinationRules } from '../destination-rules.ts';
import { destinationsOf } from '../destinations.ts';
import { fullHost } from '../host.ts';
import type { Resources } from '../resources.ts';

function* check(object: VirtualService, resources: Resources): Iterable<Finding> {
  for (const { destination, field } of destinationsOf(object)) {
    const { subset } = destination;
    if (!subset) continue;
    const host = fullHost(destination.host, object.metadata.namespace ?? '');
    const rules = resources.derived(destinationRules).covering(host);
    if (rules.some(({ spec }) => spec.subsets?.some(({ name }) => name === subset))) continue;
    const message =
      `no DestinationRule defines subset "${subset}" of ${host}: ` +
      'requests for it fail with 503; a version of this resource that is served already stays in force until it is defined';
    yield finding('IST0101', object, `${field}.subset`, message, hintFor(subset, rules));
  }
}

function hintFor(subset: string, rules: readonly DestinationRule[]): string {
  const [rule] = rules;
  if (!rule) return 'apply a DestinationRule for the host that defines it';
  const names = rules.flatMap(({ spec }) => (spec.subsets ?? []).map(({ name }) => name));
  const near = nearest(subset, names);
  return `${naming(rule)} defines ${names.join(', ') || 'no subsets'}${near ? `: did you mean "${near}"?` : ''}`;
}

export const virtualServiceSubset = analyzer('virtualservice.DestinationRuleAnalyzer', ['networking.istio.io/VirtualService'], check);
