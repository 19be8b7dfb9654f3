// A VirtualService names a subset that no DestinationRule of the host defines.
import type { ApiObject } from '#api/kind';
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { VirtualService } from '#api/kinds/virtual-service';
import { nearest } from '#api/nearest';
import type { Problem } from '#foundation/problem';
import { naming, warning } from './analyzer.ts';
import { destinationsOf } from './destinations.ts';
import { fullHost } from './host.ts';
import type { ResourceIndex } from './resource-index.ts';

export function unknownSubset(object: ApiObject, resources: ResourceIndex): Problem[] {
  if (object.kind !== 'VirtualService') return [];
  const { namespace = '' } = object.metadata;
  const problems: Problem[] = [];
  for (const { destination, field } of destinationsOf(object as VirtualService)) {
    const { subset } = destination;
    if (subset === undefined || subset === '') continue;
    const host = fullHost(destination.host, namespace);
    const rules = resources.destinationRulesOf(host);
    if (rules.some(({ spec }) => spec.subsets?.some(({ name }) => name === subset))) continue;
    const message = `no DestinationRule defines subset "${subset}" of ${host}: requests for it fail with 503`;
    problems.push(warning(object, 'UNKNOWN_SUBSET', `${field}.subset`, message, hintFor(subset, rules)));
  }
  return problems;
}

function hintFor(subset: string, rules: readonly DestinationRule[]): string {
  const [rule] = rules;
  if (!rule) return 'apply a DestinationRule for the host that defines it';
  const names = rules.flatMap(({ spec }) => (spec.subsets ?? []).map(({ name }) => name));
  const near = nearest(subset, names);
  return `${naming(rule)} defines ${names.join(', ') || 'no subsets'}${near ? `: did you mean "${near}"?` : ''}`;
}
