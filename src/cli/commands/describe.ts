// `lateen describe`: what acts on a pod or a service.
import type { Command } from 'commander';
import type { DescribeOptions } from '../describe/run.ts';
import type { Session } from '../session.ts';

const collect = (value: string, all: string[]) => [...all, value];

export function addDescribe(parent: Command, session: Session): void {
  const describe = parent
    .command('describe')
    .alias('des')
    .summary('show what acts on a pod or a service')
    .description(
      'Shows ports and protocols, DestinationRules with the subsets that match, VirtualServices with the routes that lead there\n' +
        'and those that do not, Gateways, mutual TLS and authorization; with warnings.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ lateen describe pod reviews-v1
  $ lateen x describe service productpage.default
  $ lateen describe service reviews -f mesh/`,
    );
  const kinds = [
    ['pod', 'po', 'NAME[.NAMESPACE], deployment/NAME, or the beginning of a name'],
    ['service', 'svc', 'NAME[.NAMESPACE]'],
  ] as const;
  for (const [kind, alias, argument] of kinds) {
    describe
      .command(kind)
      .alias(alias)
      .summary(`what acts on a ${kind}`)
      .argument('<name>', argument)
      .option('-n, --namespace <name>', `of the ${kind}`, 'default')
      .option('-f, --filename <path>', 'resources of a file or folder (repeatable) instead of those of the running mesh', collect, [])
      .action(async (word: string, options: DescribeOptions) => {
        const { runDescribe } = await import('../describe/run.ts');
        await runDescribe(session, kind, word, options);
      });
  }
}
