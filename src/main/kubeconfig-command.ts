// `lateen kubeconfig`: prints what lets kubectl reach the mesh of this machine.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { type Role, roles } from '#apiserver/user';
import { MeshError } from '#foundation/mesh-error';

interface KubeconfigOptions {
  role: Role;
  apiPort: string;
  stateDirectory: string;
  path?: boolean;
}

export function addKubeconfig(program: Command, { stdout, stateDirectory }: { stdout(text: string): void; stateDirectory: string }): void {
  program
    .command('kubeconfig')
    .summary('print a kubeconfig for the mesh of this machine')
    .description('Prints the kubeconfig that "lateen up" has written: server, authority and a token of the role.')
    .addOption(new Option('--role <role>', 'what its user may do').choices(roles).default('admin'))
    .option('--path', 'print where it is instead')
    .option('--api-port <port>', 'of the mesh, as "lateen up" was told', '6443')
    .option('--state-directory <folder>', 'the same', stateDirectory)
    .addHelpText(
      'after',
      `
Examples:
  $ export KUBECONFIG=$(lateen kubeconfig --path)      kubectl talks to the mesh
  $ lateen kubeconfig --role view > viewer.yaml        for somebody who only looks`,
    )
    .action(async (options: KubeconfigOptions) => {
      const { kubeconfigPath } = await import('#apiserver/credentials');
      const file = kubeconfigPath(path.join(options.stateDirectory, `run-${options.apiPort}`), options.role);
      if (!existsSync(file)) {
        const hint = 'start the mesh with "lateen up"; with another --api-port or --state-directory, say so here too';
        throw new MeshError('NO_KUBECONFIG', `there is no kubeconfig at ${file}`, { hint });
      }
      stdout(options.path ? `${file}\n` : readFileSync(file, 'utf8'));
    });
}
