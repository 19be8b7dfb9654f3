// `lateen analyze`: what is wrong with resources together, in files, in a running mesh, or with files laid over a mesh.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { MeshError } from '#foundation/mesh-error';
import type { Session } from '../session.ts';

const collect = (value: string, all: string[]) => [...all, value];
const level = (text: string) => {
  const found = ['Info', 'Warning', 'Error'].find((each) => each.toLowerCase() === text.toLowerCase());
  if (!found) throw new InvalidArgumentError('It is Info, Warning or Error.');
  return found;
};

/** Of Go: `30s`, `1m30s`. */
function duration(text: string): string {
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return text;
  throw new InvalidArgumentError('Write a number with a unit, such as 30s.');
}

export function addAnalyze(program: Command, session: Session): void {
  program
    .command('analyze')
    .summary('find what is wrong with resources together')
    .description(
      'Analyzes files, a running mesh (-k), or a running mesh with the files laid over it, as istioctl analyze does.\n' +
        'Exit status: 0, 79 where something is as grave as --failure-threshold, 65 where a file could not be read.',
    )
    .argument('[paths...]', 'files, directories, or - for standard input')
    .option('-k, --use-kube', 'with what the running mesh holds', false)
    .option('-R, --recursive', 'directories with all below them', false)
    .option('-n, --namespace <name>', 'only what is found in this namespace')
    .option('-A, --all-namespaces', 'what is found in all namespaces (the default)', false)
    .option('-L, --list-analyzers', 'list the analyzers', false)
    .option('--analyzer <name>', 'run this one (repeatable); all of -L but Alpha annotations when left out', collect, [])
    .option('-S, --suppress <code=resource>', 'leave this out: "IST0102=Namespace a*" (repeatable)', collect, [])
    .addOption(new Option('--failure-threshold <level>', 'that fails: Info, Warning, Error').argParser(level).default('Error'))
    .addOption(new Option('--output-threshold <level>', 'that is shown: Info, Warning, Error').argParser(level).default('Info'))
    .addOption(new Option('-o, --output <format>', 'how to show it').choices(['log', 'json', 'yaml']).default('log'))
    .option('--meshConfigFile <file>', 'Istio’s MeshConfig, in YAML')
    .option('--timeout <duration>', 'for reading the running mesh', duration, '30s')
    .option('--color', 'colours', session.context.color)
    .option('-v, --verbose', 'say what is done')
    .addOption(new Option('--no-color', 'no colours').hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  $ lateen analyze -R mesh/                          files, before they are applied
  $ lateen analyze -k                                the running mesh
  $ lateen analyze -k reviews.yaml                   what would be wrong with the mesh, were the file applied
  $ lateen analyze mesh/ -S "IST0102=Namespace test-*" --failure-threshold Warning`,
    )
    .action(async (paths: string[], options) => {
      if (!options.listAnalyzers && !options.useKube && paths.length === 0) {
        throw new MeshError('USAGE', 'what is to be analyzed?', { hint: 'give files, or -k for the running mesh' });
      }
      const { runAnalysis } = await import('../analysis.ts');
      await runAnalysis(session, paths, options);
    });
}
