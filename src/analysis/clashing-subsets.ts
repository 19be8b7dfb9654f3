// Two DestinationRules of one host define the same subset differently: only the older definition acts.
import { isDeepStrictEqual } from 'node:util';
import type { ApiObject } from '#api/kind';
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { Problem } from '#foundation/problem';
import { isSame, naming, precedes, seenTogether, warning } from './analyzer.ts';
import { fullHost } from './host.ts';
import type { ResourceIndex } from './resource-index.ts';

export function clashingSubsets(object: ApiObject, resources: ResourceIndex): Problem[] {
  if (object.kind !== 'DestinationRule') return [];
  const own = object as DestinationRule;
  const host = fullHost(own.spec.host, own.metadata.namespace ?? '');
  const older = resources
    .destinationRulesOf(host)
    .filter((other) => !isSame(other, own) && seenTogether(other, own) && precedes(other, own));
  return (own.spec.subsets ?? []).flatMap((subset, index) => {
    for (const other of older) {
      const position = (other.spec.subsets ?? []).findIndex(({ name }) => name === subset.name);
      const theirs = other.spec.subsets?.[position];
      if (!theirs || isDeepStrictEqual(theirs, subset)) continue;
      const message = `${naming(other, `spec.subsets[${position}]`)} defines subset "${subset.name}" of ${host} differently: it is older, and this one has no effect`;
      return [warning(own, 'CLASHING_SUBSETS', `spec.subsets[${index}]`, message, 'define the subsets of one host in one DestinationRule')];
    }
    return [];
  });
}
