// What `lateen validate` says of each resource by itself, one analyzer for each kind of Istio's.
import { istioKinds } from '#api/custom-resource-definition';
import type { ApiObject } from '#api/kind';
import { type Analyzer, analyzer, type Finding, finding, type KindKey } from '../analyzer.ts';
import type { Code } from '../code.ts';
import type { Resources } from '../resources.ts';

/** Problems that have a code of their own. */
const ownCodes: Readonly<Record<string, Code>> = { UNREACHABLE_RULE: 'IST0130', INEFFECTIVE_MATCH: 'IST0131' };
const shadowed = 'SHADOWED_RULE';

function* check(object: ApiObject, resources: Resources): Iterable<Finding> {
  for (const { level, code, field = '', message, hint } of resources.problemsOf(object)) {
    if (code === shadowed) continue;
    yield finding(
      ownCodes[code] ?? (level === 'error' ? 'IST0106' : 'IST0133'),
      object,
      field,
      field ? `${field}: ${message}` : message,
      hint,
    );
  }
}

export const schemaValidation: readonly Analyzer[] = istioKinds.map(({ group, kind }) =>
  analyzer(`schema.ValidationAnalyzer.${kind}`, [`${group}/${kind}` satisfies KindKey], check),
);

/** Ours: Istio finds a rule without match in the way of another such rule only. */
export const shadowedRule = analyzer<ApiObject>(
  'lateen.ShadowedRuleAnalyzer',
  ['networking.istio.io/VirtualService'],
  function* (object, resources) {
    for (const { code, field = '', message, hint } of resources.problemsOf(object)) {
      if (code === shadowed) yield finding('LTN0004', object, field, message, hint);
    }
  },
);
