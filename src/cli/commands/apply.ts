// `lateen apply`: makes the mesh hold what files declare.
import type { Command } from 'commander';
import type { ApplyOptions } from '../apply.ts';
import type { Session } from '../session.ts';

export function addApply(program: Command, session: Session): void {
  program
    .command('apply')
    .summary('create or change resources from files')
    .description('Makes the mesh hold what the files declare. What is wrong is said with file, line and field; the rest is applied.')
    .requiredOption('-f, --filename <path...>', 'a file, a directory, or - for standard input')
    .option('-n, --namespace <name>', 'for resources that name none (default: "default")')
    .addHelpText(
      'after',
      `
Examples:
  $ lateen apply -f virtual-service-reviews-v3.yaml
  $ lateen apply -f samples/bookinfo/ -n default
  $ cat gateway.yaml | lateen apply -f -`,
    )
    .action(async (options: ApplyOptions) => {
      const { runApply } = await import('../apply.ts');
      await runApply(session, options);
    });
}
