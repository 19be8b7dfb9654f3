// Values that EnvoyFilters put in, against Envoy's own messages, for `validate`: Istio's webhook checks them as well.
import { analyze } from '#analysis/analyze';
import { envoyValue } from '#analysis/analyzers/envoy-value';
import { levelOf } from '#analysis/code';
import { envoyProblemFor } from '#analysis/envoy-problem';
import { Resources } from '#analysis/resources';
import type { ManifestItem } from '#api/manifest';
import type { Problem } from '#foundation/problem';
import type { CliContext } from './context.ts';

/** The items with these problems among theirs: as errors what no Envoy takes, as warnings what a newer one may. */
export async function withEnvoyProblems(context: CliContext, items: readonly ManifestItem[]): Promise<ManifestItem[]> {
  const objects = items.flatMap(({ object }) => object ?? []);
  const envoyProblem = await envoyProblemFor(objects, context.canonicalJson);
  return items.map((item) => {
    if (!envoyProblem || !item.object) return item;
    const found = analyze(new Resources([item.object], { envoyProblem }), [envoyValue]);
    const problems = found.map(({ code, field, message, origin }): Problem => {
      const level = levelOf(code) === 'Error' ? 'error' : 'warning';
      return { level, code: 'ENVOY_VALUE', field, message, ...(item.subject && { object: item.subject }), ...(origin && { origin }) };
    });
    return { ...item, problems: [...item.problems, ...problems] };
  });
}
