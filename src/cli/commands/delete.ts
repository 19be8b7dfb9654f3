// `lateen delete`: takes resources out of the mesh.
import type { Command } from 'commander';
import type { DeleteOptions } from '../delete.ts';
import type { Session } from '../session.ts';

export function addDelete(program: Command, session: Session): void {
  program
    .command('delete')
    .summary('delete resources, by file or by name')
    .description('Deletes the resources that files declare, or those of a kind by their names.')
    .argument('[kind]', 'of the resources')
    .argument('[names...]', 'of the resources')
    .option('-f, --filename <path...>', 'a file, a directory, or - for standard input')
    .option('-n, --namespace <name>', 'of the resources (default: "default")')
    .option('--ignore-not-found', 'do not mind what is gone already')
    .addHelpText(
      'after',
      `
Examples:
  $ lateen delete -f virtual-service-reviews-v3.yaml
  $ lateen delete virtualservice reviews ratings`,
    )
    .action(async (word: string | undefined, names: string[], options: DeleteOptions) => {
      const { runDelete } = await import('../delete.ts');
      await runDelete(session, word, names, options);
    });
}
