// `lateen get`: shows resources.
import { type Command, Option } from 'commander';
import type { GetOptions } from '../get.ts';
import type { Session } from '../session.ts';

export function addGet(program: Command, session: Session): void {
  program
    .command('get')
    .summary('show resources')
    .description('Shows resources of one kind or of several. Kinds are written as kubectl takes them: vs, virtualservice, virtualservices.')
    .argument('<kinds>', 'one kind, or several with commas between them')
    .argument('[names...]', 'of resources; all when left out')
    .option('-n, --namespace <name>', 'of the resources', 'default')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'with these labels: app=reviews,version=v1')
    .addOption(new Option('-o, --output <format>', 'how to show them').choices(['yaml', 'json', 'wide', 'name']))
    .addHelpText(
      'after',
      `
Examples:
  $ lateen get virtualservices
  $ lateen get vs reviews -o yaml
  $ lateen get pods,services -A -o wide`,
    )
    .action(async (word: string, names: string[], options: GetOptions) => {
      const { runGet } = await import('../get.ts');
      await runGet(session, word, names, options);
    });
}
