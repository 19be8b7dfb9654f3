// `lateen crd`: prints the CustomResourceDefinitions of Istio's kinds.
import { type Command, Option } from 'commander';
import { MeshError } from '#foundation/mesh-error';
import { asJson } from '../output.ts';
import type { Session } from '../session.ts';

export function addCrd(program: Command, session: Session): void {
  program
    .command('crd')
    .summary('print the CustomResourceDefinitions of Istio’s kinds')
    .description('Prints the CustomResourceDefinitions of all of Istio’s kinds, or of those named, for `kubectl apply -f -`.')
    .argument('[kinds...]', 'such as virtualservice; all when left out')
    .addOption(new Option('-o, --output <format>', 'how to print them').choices(['yaml', 'json']).default('yaml'))
    .addHelpText('after', '\nExamples:\n  $ lateen crd | kubectl apply -f -\n  $ lateen crd gateway -o json')
    .action(async (words: string[], options: { output: 'yaml' | 'json' }) => {
      const { customResourceDefinition, istioKinds } = await import('#api/custom-resource-definition');
      const { kindArgument } = await import('../kind-argument.ts');
      const { asYaml } = await import('../yaml-output.ts');
      const kinds = words.length === 0 ? istioKinds : words.map(kindArgument);
      const foreign = kinds.find((kind) => !istioKinds.includes(kind));
      if (foreign) throw new MeshError('USAGE', `${foreign.kind} is a kind of Kubernetes itself`, { hint: 'name one of Istio’s kinds' });
      const definitions = kinds.map(customResourceDefinition);
      session.context.stdout(options.output === 'json' ? asJson(definitions) : definitions.map(asYaml).join('---\n'));
    });
}
