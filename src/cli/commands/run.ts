// `lateen run`: puts a command of this machine into the mesh, as a version of a service.
import type { Command } from 'commander';
import { MeshError } from '#foundation/mesh-error';
import type { RunOptions } from '../run.ts';
import type { Session } from '../session.ts';

export function addRun(program: Command, session: Session, workingDirectory: string): void {
  const collect = (value: string, all: string[]) => [...all, value];
  program
    .command('run')
    .summary('put a command of this machine into the mesh')
    .description(
      'Runs a command as a version of a service, with a proxy beside it. It listens on the port at the address $HOST (or $APP_ADDRESS), and reaches the mesh by HTTP_PROXY; both are in its environment.',
    )
    .showHelpAfterError('  hint: what is for the command itself goes behind --: lateen run --service NAME --port PORT -- COMMAND')
    .requiredOption('--service <name>', 'made where it is not there')
    .requiredOption('--port <port>', 'on which the command listens', portNumber)
    .option('--service-version <label>', 'a label of its pods; --version for short', 'v1')
    .option('-n, --namespace <name>', 'of the service', 'default')
    .option('--env <name=value>', 'of the command (repeatable)', collect, [])
    .option('--replicas <count>', 'how many of it run', count, 1)
    .option('--directory <folder>', 'in which it runs', workingDirectory)
    .argument('<command...>', 'program and arguments, behind --')
    .addHelpText(
      'after',
      `
Examples:
  $ lateen run --service reviews --version v4 --port 9080 -- node server.js
  $ lateen run --service files --port 8000 -- sh -c 'python3 -m http.server 8000 --bind $HOST'`,
    )
    .action(async (command: string[], options: RunOptions) => {
      const { runCommand } = await import('../run.ts');
      await runCommand(session, command, options);
    });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw new MeshError('USAGE', `"${text}" is not a port`, { hint: '1 to 65535' });
}

function count(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new MeshError('USAGE', `"${text}" is no number of replicas`);
}
