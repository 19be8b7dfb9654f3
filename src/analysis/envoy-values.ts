// Values that an EnvoyFilter puts in, against Envoy's own messages: Istio's webhook checks them as well. For who decides by one object
// whether it is taken: `validate` and the API server.
import { type ApiObject, keyOf } from '#api/kind';
import { envoyFilterKind } from '#api/kinds/envoy-filter';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { Problem } from '#foundation/problem';
import { analyze } from './analyze.ts';
import { envoyValue } from './analyzers/envoy-value.ts';
import { levelOf } from './code.ts';
import { envoyProblemFor } from './envoy-problem.ts';
import { Resources } from './resources.ts';

/** Errors for what no Envoy takes, warnings for what a newer one may. Undefined at once for every other kind: nothing is waited for. */
export function envoyValueProblems(object: ApiObject, canonicalJson: () => Promise<CanonicalJson>): Promise<Problem[]> | undefined {
  return object.kind === envoyFilterKind.kind ? problemsOf(object, canonicalJson) : undefined;
}

async function problemsOf(object: ApiObject, canonicalJson: () => Promise<CanonicalJson>): Promise<Problem[]> {
  const envoyProblem = (await envoyProblemFor([object], canonicalJson))!;
  return analyze(new Resources([object], { envoyProblem }), [envoyValue]).map(({ code, field, message, origin }): Problem => {
    const level = levelOf(code) === 'Error' ? 'error' : 'warning';
    const subject = `${object.kind} ${keyOf(object.metadata)}`;
    return { level, code: 'ENVOY_VALUE', field, message, object: subject, ...(origin && { origin }) };
  });
}
