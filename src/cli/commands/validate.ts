// `lateen validate`: what Istio's schemas and rules would refuse, without a mesh.
import { type Command, Option } from 'commander';
import type { ManifestItem } from '#api/manifest';
import type { Problem } from '#foundation/problem';
import { writeProblems } from '../message.ts';
import { asJson } from '../output.ts';
import type { Session } from '../session.ts';

interface ValidateOptions {
  output: 'log' | 'json';
  recursive?: boolean;
}

export function addValidate(program: Command, session: Session): void {
  program
    .command('validate')
    .summary('check files of resources against their schemas and rules')
    .description(
      'Checks each resource by itself, as the API server does before it stores one: unknown fields, wrong types, values that\n' +
        'contradict each other. Fails where one would be refused. `lateen analyze` looks at resources together.',
    )
    .argument('<paths...>', 'files, directories, or - for standard input')
    .option('-R, --recursive', 'directories with all below them')
    .addOption(new Option('-o, --output <format>', 'how to show what was found').choices(['log', 'json']).default('log'))
    .addHelpText('after', '\nExamples:\n  $ lateen validate mesh/\n  $ lateen validate -o json virtual-service.yaml')
    .action(async (paths: string[], options: ValidateOptions) => {
      const { manifestItems } = await import('#api/manifest');
      const { kubernetesKinds } = await import('#api/kubernetes-kinds');
      const { textsOf } = await import('../manifest-files.ts');
      const { envoyValueProblems } = await import('#analysis/envoy-values');
      const read: ManifestItem[] = [];
      for await (const { name, text } of textsOf(session.context, paths, options.recursive)) {
        for (const item of manifestItems(text, name, { otherKinds: kubernetesKinds }))
          read.push({ ...item, problems: item.problems.map(forgiven) });
      }
      const { canonicalJson } = session.context;
      const items = await Promise.all(
        read.map(async (item) => {
          const found = item.object && canonicalJson && (await envoyValueProblems(item.object, canonicalJson));
          return found ? { ...item, problems: [...item.problems, ...found.map((problem) => ofItem(problem, item))] } : item;
        }),
      );
      if (items.some(isInvalid)) session.fail();
      if (options.output === 'json') session.context.stdout(asJson(items.map(row)));
      else writeLog(session, items);
    });
}

/** Files for kubectl hold what this mesh does not know; it is not checked, and no error. */
function forgiven(problem: Problem): Problem {
  const { code, message, object } = problem;
  if (code !== 'UNKNOWN_KIND' || message.includes('.istio.io')) return problem;
  return { level: 'warning', code: 'NOT_CHECKED', message: `${message}: not checked`, ...(object && { object }), ...placeOf(problem) };
}

const placeOf = ({ origin }: Problem) => (origin ? { origin } : {});
const isError = ({ level }: Problem) => level === 'error';
const isInvalid = ({ problems }: ManifestItem) => problems.some(isError);

/** As the item's own problems name it. */
const ofItem = (problem: Problem, { subject }: ManifestItem): Problem => ({ ...problem, ...(subject && { object: subject }) });

/** One resource, for programs. */
function row({ origin, subject, problems }: ManifestItem) {
  const shown = ({ code, message, field, hint, origin: place }: Problem) => ({
    code,
    message,
    path: field ?? '',
    ...(hint && { hint }),
    line: place?.line,
    column: place?.column,
  });
  return {
    file: origin.file,
    line: origin.line,
    ...(subject !== undefined && { resource: subject }),
    valid: !problems.some(isError),
    errors: problems.filter(isError).map(shown),
    warnings: problems.filter((problem) => !isError(problem)).map(shown),
  };
}

function writeLog(session: Session, items: readonly ManifestItem[]): void {
  writeProblems(
    session.context,
    items.flatMap(({ problems }) => problems),
  );
  const invalid = items.filter(isInvalid).length;
  const all = `${items.length} ${items.length === 1 ? 'resource' : 'resources'}`;
  session.context.stdout(invalid === 0 ? `${all}: valid\n` : `${all}: ${invalid} invalid\n`);
}
