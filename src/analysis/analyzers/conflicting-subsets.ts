// Two DestinationRules of one host define the same subset differently: only the older definition acts.
import { isDeepStrictEqual } from 'node:util';
import type { DestinationRule } from '#api/kinds/destination-rule';
import { analyzer, type Finding, finding, isSame, naming, precedes } from '../analyzer.ts';
import { destinationRules } from '../destination-rules.ts';
import { exportScopes } from '../exported-hosts.ts';
import { fullHost } from '../host.ts';
import type { Resources } from '../resources.ts';

function* check(object: DestinationRule, resources: Resources): Iterable<Finding> {
  const host = fullHost(object.spec.host, object.metadata.namespace ?? '');
  const older = resources
    .derived(destinationRules)
    .covering(host)
    .filter((other) => !isSame(other, object) && seenTogether(other, object) && precedes(other, object));
  for (const [index, subset] of (object.spec.subsets ?? []).entries()) {
    for (const other of older) {
      const position = (other.spec.subsets ?? []).findIndex(({ name }) => name === subset.name);
      const theirs = other.spec.subsets?.[position];
      if (!theirs || isDeepStrictEqual(theirs, subset)) continue;
      const message = `${naming(other, `spec.subsets[${position}]`)} defines subset "${subset.name}" of ${host} differently: it is older, and this one has no effect`;
      yield finding('LTN0002', object, `spec.subsets[${index}]`, message, 'define the subsets of one host in one DestinationRule');
      break;
    }
  }
}

/** Whether some proxy sees both. */
function seenTogether(a: DestinationRule, b: DestinationRule): boolean {
  const isPublic = ({ spec, metadata }: DestinationRule) => exportScopes(spec.exportTo, metadata.namespace ?? '').includes('*');
  return a.metadata.namespace === b.metadata.namespace || (isPublic(a) && isPublic(b));
}

export const conflictingSubsets = analyzer('lateen.ConflictingSubsetsAnalyzer', ['networking.istio.io/DestinationRule'], check);
