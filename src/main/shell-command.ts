// `lateen shell POD`: a shell, or any command, on the network of a pod: what it calls goes through the pod's proxy, and it knows the
// names of the mesh. Goes in from outside, so that it has the terminal.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { Session } from '#cli/session';
import { MeshError } from '#foundation/mesh-error';
import type { CaptureMode } from '#host/capture/capture-mode';

/** What `lateen up` leaves in its run directory for who comes later. */
interface CaptureRecord {
  mode: CaptureMode;
  /** Of the supervisor: the way into its user namespace, where it has one. */
  pid: number;
}

const recordOf = (runDirectory: string) => path.join(runDirectory, 'capture.json');

export function recordCapture(runDirectory: string, mode: CaptureMode): void {
  writeFileSync(recordOf(runDirectory), JSON.stringify({ mode, pid: process.pid } satisfies CaptureRecord));
}

interface ShellOptions {
  apiPort: string;
  stateDirectory: string;
  namespace: string;
}

export function addShell(
  program: Command,
  session: Session,
  { env, stateDirectory }: { env: NodeJS.ProcessEnv; stateDirectory: string },
): void {
  program
    .command('shell <pod> [command...]')
    .summary('open a shell, or run a command, on the network of a pod')
    .description('Runs a command, or $SHELL, where the programs of a pod are: what it calls goes through the pod’s proxy.')
    .showHelpAfterError('  hint: what is for the command itself goes behind --: lateen shell POD -- COMMAND')
    .option('-n, --namespace <namespace>', 'of the pod', 'default')
    .option('--api-port <port>', 'of the mesh, as "lateen up" was told', '6443')
    .option('--state-directory <folder>', 'the same', stateDirectory)
    .addHelpText(
      'after',
      `
Examples:
  $ lateen shell productpage                                  then: curl http://reviews:9080/reviews/0
  $ lateen shell deployment/reviews-v1 -- curl -s http://ratings:9080/ratings/0`,
    )
    .action(async (word: string, command: string[], options: ShellOptions) => {
      const { podArgument } = await import('#cli/pod-argument');
      const { insideNamespace, namespaceFiles } = await import('#host/capture/namespace-command');
      const { SystemTools } = await import('#host/capture/system-tools');
      const runDirectory = path.join(options.stateDirectory, `run-${options.apiPort}`);
      const { mode, pid } = readRecord(runDirectory);
      if (mode === 'loopback') {
        throw new MeshError('NO_NAMESPACE', 'in capture mode loopback pods have no network of their own to be on', {
          hint: 'run the command here, with HTTP_PROXY as the pod’s programs have it; or start the mesh with --capture netns or user',
        });
      }
      const pod = await podArgument(session, word, options.namespace);
      const tools = SystemTools.find(env['PATH'] ?? '');
      const files = namespaceFiles(pod, pod.status?.podIP ?? '', { mode, directory: path.join(runDirectory, 'netns') });
      const wanted = command.length > 0 ? command : [env['SHELL'] ?? '/bin/sh'];
      const inside = insideNamespace(tools, files, wanted);
      const way =
        mode === 'user' ? tools.command('nsenter', '-t', String(pid), '--user', '--preserve-credentials', '--mount', '--net', '--') : [];
      process.exitCode = await run([...way, ...inside], { ...env, LATEEN_POD: pod.metadata.name });
      if (process.exitCode !== 0) process.exit(process.exitCode);
    });
}

function readRecord(runDirectory: string): CaptureRecord {
  const file = recordOf(runDirectory);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as CaptureRecord;
  throw new MeshError('NO_MESH', `no mesh has been started that keeps its state in ${runDirectory}`, {
    hint: 'start it with "lateen up"; with another --api-port or --state-directory, say so here too',
  });
}

/** Resolves to its exit code, as a shell counts. */
function run([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    // Ctrl-C is the command's.
    process.on('SIGINT', () => {});
    child.once('error', (cause) => reject(new MeshError('SHELL', `${program} cannot be started: ${cause.message}`, { cause })));
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 137)));
  });
}
