#!/usr/bin/env -S node --max-semi-space-size=4
// The command `lateen`: gives the program its process, and adds `up`, which is more than a client of the API.
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Option } from 'commander';
import pc from 'picocolors';
import { apiRecordPath, readApiRecord } from '#apiserver/api-record';
import { addRun } from '#cli/commands/run';
import { writeFailure } from '#cli/message';
import { createProgram } from '#cli/program';
import { systemClock } from '#foundation/clock';
import type { LogLevel } from '#foundation/logger';
import { MeshError } from '#foundation/mesh-error';
import { type CaptureWish, captureWishes } from '#host/capture/capture-mode';
import { addBackup } from './backup-commands.ts';
import { addKubeconfig } from './kubeconfig-command.ts';
import { canonicalJson, dist, version } from './package.ts';
import { addProxy } from './proxy-command.ts';
import { addDiff, addExplain, addTest } from './route-commands.ts';
import { addShell } from './shell-command.ts';
import type { UpOptions } from './up.ts';

const { env } = process;
const stateDefault = path.join(env['XDG_STATE_HOME'] ?? path.join(os.homedir(), '.local', 'state'), 'lateen');

const context = {
  version,
  clock: systemClock,
  stdout: (text: string) => void process.stdout.write(text),
  stderr: (text: string) => void process.stderr.write(text),
  readStdin: async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  },
  color: pc.isColorSupported,
  apiUrl: env['LATEEN_API_URL'] ?? 'https://127.0.0.1:6443',
  kubeconfig: env['LATEEN_KUBECONFIG'],
  apiAt: (url: string) => {
    const { protocol, hostname, port } = new URL(url);
    if (protocol !== 'https:' || !['127.0.0.1', 'localhost'].includes(hostname)) return undefined;
    const recorded = readApiRecord(apiRecordPath(path.join(stateDefault, `run-${port}`)));
    return recorded && { ...recorded, url };
  },
  debugUrl: env['LATEEN_DEBUG_URL'] ?? 'http://127.0.0.1:15014',
  canonicalJson,
  httpCallCommand: [process.execPath, fileURLToPath(new URL('main/http-call.js', dist))],
};

/** What children and the mesh's programs inherit. */
const inheritedNames = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_EXTRA_CA_CERTS', 'LATEEN_LOG_LEVEL'];

function inheritedOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(inheritedNames.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new MeshError('USAGE', `"${text}" is not a port`, { hint: '0 to 65535; 0 takes a free one' });
}

function concurrency(text: string): number {
  const value = text === '0' ? Math.min(os.availableParallelism(), 64) : Number(text);
  if (/^\d+$/.test(text) && value <= 64) return value;
  throw new MeshError('USAGE', `"${text}" is not a number of processes`, { hint: '1 to 64; 0 for one per processor' });
}

const collect = (value: string, all: string[]) => [...all, value];
const dataDefault = path.join(env['XDG_DATA_HOME'] ?? path.join(os.homedir(), '.local', 'share'), 'lateen');
const { command, session, run } = createProgram(context);

command
  .command('up')
  .description('start the mesh of this machine, and stay until Ctrl-C ends it')
  .option('--sample <name>', 'with a sample of Lateen’s: bookinfo')
  .option('-f, --filename <path>', 'with the resources of a file or folder, watched (repeatable)', collect, [])
  .option('--image-map <file>', 'which local command stands for which image (repeatable)', collect, [])
  .option('--meshConfigFile <file>', 'MeshConfig, for what the ConfigMap istio does not say')
  .option('--publish <name=port>', 'make a port of this machine a service of the mesh (repeatable)', collect, [])
  .option('--api-port <port>', 'of the Kubernetes API', port, 6443)
  .option('--insecure-api', 'serve it in plain HTTP as well, to anybody on this machine, as an administrator')
  .option('--xds-port <port>', 'of the control plane', port, 15_010)
  .option('--debug-port <port>', "of the control plane's metrics and debug pages", port, 15_014)
  .option('--gateway-http-port <port>', "where the ingress gateway's port 80 is published", port, 8080)
  .option('--gateway-https-port <port>', "where the ingress gateway's port 443 is published", port, 8443)
  .option('--state-directory <folder>', 'logs and kubeconfigs go below it', stateDefault)
  .option('--data <folder>', `what is applied is kept there (default: ${dataDefault}/mesh-PORT; nothing with --sample)`)
  .option('--proxy-per-pod', 'give each pod’s proxy a process of its own: some 40 MB each')
  .option('--concurrency <n>', 'processes that share the ports of each proxy, 0 for one per processor (Istio’s: 2)', concurrency, 1)
  .option('--ephemeral', 'keep nothing of what is applied')
  .addOption(
    new Option('--capture <mode>', 'how the traffic of pods comes to their proxies; auto takes the best that works here')
      .choices([...captureWishes])
      .default('auto'),
  )
  .addOption(new Option('--log-level <level>', 'of lateen.log').choices(['trace', 'debug', 'info', 'warn', 'error']).default('info'))
  .addHelpText(
    'after',
    `
Examples:
  $ lateen up --sample bookinfo                    the mesh with Istio's Bookinfo, in a second or two
  $ lateen up -f mesh/ --image-map images.yaml     your own resources; a change of a file is a change of the mesh
  $ lateen up --api-port 0 --gateway-http-port 0   beside another one`,
  )
  .action(async (options: UpOptions & { capture: CaptureWish }) => {
    const { runDirectoryOf, up } = await import('./up.ts');
    const { settleCapture } = await import('./capture.ts');
    const ports = {
      '--api-port': options.apiPort,
      '--xds-port': options.xdsPort,
      '--debug-port': options.debugPort,
      '--gateway-http-port': options.gatewayHttpPort,
      '--gateway-https-port': options.gatewayHttpsPort,
    };
    const directory = path.join(runDirectoryOf(options), 'netns');
    const keeps = options.data !== undefined || options.apiPort !== 0;
    const capture = await settleCapture({ wish: options.capture, env, ports, keeps, directory });
    if (capture.kind === 'ended') process.exit(capture.code);
    const { networks, forwarder, refused } = capture;
    const inherited = inheritedOf(env);
    const screen = { write: context.stdout, interactive: process.stdout.isTTY === true };
    const errors = { write: context.stderr, interactive: false };
    await up(
      { ...options, dataDirectory: dataDefault, logLevel: options.logLevel as LogLevel },
      { screen, errors, inherited, networks, forwarder, refused, ended: endAsked(), onRestartAsked },
    );
  });

addRun(command, session, process.cwd());
addKubeconfig(command, { stdout: context.stdout, stateDirectory: stateDefault });
addBackup(command, { stdout: context.stdout, dataDirectory: dataDefault });
addProxy(command, { stdout: context.stdout, stderr: context.stderr, ended: endAsked, env: inheritedOf(env) }, port, concurrency);
addShell(command, session, { env, stateDirectory: stateDefault });
addExplain(command, session, context);
addTest(command, session, context);
addDiff(command, session, context);

/** As of nginx, another signal than those that end it. */
function onRestartAsked(act: () => void): void {
  process.on('SIGUSR2', act);
}

/** Ctrl-C, a closed terminal, or whoever ends this process, or has started it inside of a user namespace; a second Ctrl-C does not wait. */
function endAsked(): Promise<void> {
  return new Promise((resolve) => {
    let asked = 0;
    process.once('disconnect', resolve);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked++ > 0) process.exit(130);
        resolve();
      });
    }
  });
}

const staying = new Set(['up', 'run', 'proxy']);
let stays = false;
command.hook('preAction', (_, action) => {
  stays = staying.has(action.name());
  // A command that lives for a second or two is over before code that V8 optimizes so early (its default is 132 KB of bytecode run) has
  // paid for that: a quarter less time for `explain`, a third for `test` and `analyze` (measured). What stays is optimized as ever.
  if (!stays) setFlagsFromString('--interrupt-budget=1000000');
});

/** What dies of SIGPIPE ends so for a shell; Node has no such death. */
const brokenPipe = 141;

// Whoever reads may go, as `head` does: a command is over then; a mesh goes on unheard, and still ends in order.
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (stays) return;
    if (error.code !== 'EPIPE' && output !== process.stderr) writeFailure(context, error);
    process.exit(error.code === 'EPIPE' ? brokenPipe : 1);
  });
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (thrown) {
  writeFailure(context, thrown);
  process.exitCode = 1;
  // What could not be ended must not keep the rest.
  if (stays) process.exit();
}
