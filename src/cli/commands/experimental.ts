// `lateen experimental`, or `x`: where istioctl has some of its commands.
import { type Command, Option } from 'commander';
import type { Session } from '../session.ts';
import { addDescribe } from './describe.ts';
import { addWait } from './wait.ts';

export function addExperimental(program: Command, session: Session): void {
  const experimental = program
    .command('experimental', { hidden: true })
    .alias('x')
    .summary("istioctl's place for some commands")
    .description('Commands that istioctl has below "experimental" or "x".');
  addDescribe(experimental, session);
  addWait(experimental, session);
  experimental
    .command('precheck')
    .summary('check whether an API server is fit for the mesh')
    .description(
      "Looks at what an installation or an upgrade needs: the API's version, the right to read what the mesh is made of, and the\n" +
        'versions of the Gateway API that definitions in files serve; in running pods, for programs that no other pod can reach. Exit status: 0, or 79 where something is an error.',
    )
    .argument('[paths...]', 'files with CustomResourceDefinitions; then the API server is left alone')
    .option('-f, --from-version <version>', 'the Istio that the resources come from, such as 1.20: what acts otherwise here is named')
    .addOption(new Option('-o, --output <format>', 'how to show it').choices(['log', 'json', 'yaml']).default('log'))
    .action(async (paths: string[], options) => {
      const { runPrecheck } = await import('../precheck.ts');
      await runPrecheck(session, paths, options);
    });
}
