// `lateen wait`: until every proxy has a resource, or has it no more.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Session } from '../session.ts';
import type { WaitOptions } from '../wait.ts';

export function addWait(program: Command, session: Session): void {
  program
    .command('wait')
    .summary('wait until the proxies have a resource')
    .description(
      'Waits until the control plane has sent the resource as the API server has it now, and every proxy (or the part that --threshold names)\n' +
        'has acknowledged. When the time is over it says which proxies are behind, and why; exit status 1.',
    )
    .argument('<kind>', 'of the resource: vs, virtualservice')
    .argument('<name>', 'NAME or NAME.NAMESPACE')
    .addOption(new Option('--for <condition>', 'what to wait for').choices(['distribution', 'delete']).default('distribution'))
    .option('-n, --namespace <name>', 'of the resource', 'default')
    .option('--generation <number>', 'wait for this generation of it; the one of now when left out', number)
    .option('--threshold <part>', 'the part of the proxies that is to have it, from 0 to 1', part, 1)
    .option('--timeout <duration>', 'how long to wait', '30s')
    .addHelpText(
      'after',
      `
Examples:
  $ lateen apply -f reviews.yaml && lateen wait virtualservice reviews
  $ lateen wait --for=delete vs reviews.default --timeout 5s`,
    )
    .action(async (kind: string, name: string, options: WaitOptions) => {
      const { runWait } = await import('../wait.ts');
      await runWait(session, kind, name, options);
    });
}

function number(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number is needed');
}

function part(text: string): number {
  const value = Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('a number from 0 to 1 is needed');
}
