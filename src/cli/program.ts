// The program `lateen`: its commands, its help, its exit codes. main/ gives it the process; it talks to APIs only.
import { Command, CommanderError, Help, type Option } from 'commander';
import { MeshError } from '#foundation/mesh-error';
import { addAnalyze } from './commands/analyze.ts';
import { addApply } from './commands/apply.ts';
import { addCrd } from './commands/crd.ts';
import { addDelete } from './commands/delete.ts';
import { addDescribe } from './commands/describe.ts';
import { addExperimental } from './commands/experimental.ts';
import { addGet } from './commands/get.ts';
import { addProxyConfig } from './commands/proxy-config.ts';
import { addProxyStatus } from './commands/proxy-status.ts';
import { addValidate } from './commands/validate.ts';
import { addVersion } from './commands/version.ts';
import { addWait } from './commands/wait.ts';
import type { CliContext } from './context.ts';
import { writeFailure } from './message.ts';
import { Session } from './session.ts';

export interface CliProgram {
  /** For further commands, such as `up`. */
  command: Command;
  session: Session;
  /** Takes the arguments after the program's name. Resolves to the exit code: 0, 1 for a failure, 2 for wrong usage. */
  run(args: readonly string[]): Promise<number>;
}

export function createProgram(context: CliContext): CliProgram {
  const command = new Command('lateen')
    .description('A service mesh on this machine: Istio’s resources, real traffic, no cluster.')
    .option('--api-url <url>', `of the API server (default: ${context.apiUrl})`, httpUrl)
    .option('--kubeconfig <file>', 'of an API server and who asks; without it, the mesh of this machine and who started it')
    .option('--debug-url <url>', "of the control plane's debug interface", httpUrl, context.debugUrl)
    .version(context.version, '--version', 'print the version and end')
    .helpOption('-h, --help', 'show this, or the help of a command')
    .configureOutput({ writeOut: context.stdout, writeErr: context.stderr })
    .configureHelp({ optionDescription })
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ lateen up --sample bookinfo              start a mesh with a sample
  $ lateen apply -f virtual-service.yaml     change its routes
  $ lateen get virtualservices -A            see what it holds
  $ lateen proxy-status                      see whether all proxies have it
  $ lateen describe pod reviews-v1           see what acts on a pod`,
    );
  const session = new Session(context, command);
  addApply(command, session);
  addGet(command, session);
  addDelete(command, session);
  addProxyStatus(command, session);
  addProxyConfig(command, session);
  addDescribe(command, session);
  addExperimental(command, session);
  addValidate(command, session);
  addAnalyze(command, session);
  addCrd(command, session);
  addWait(command, session);
  addVersion(command, session);
  return { command, session, run: (args) => run(command, session, args) };
}

/** With its default, unless that is nothing: a switch that is off, a list without entries. */
function optionDescription(option: Option): string {
  const { defaultValue } = option;
  const isNothing = defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0);
  return isNothing ? option.description : new Help().optionDescription(option);
}

async function run(command: Command, session: Session, args: readonly string[]): Promise<number> {
  try {
    await command.parseAsync(withSwitches(command, withServiceVersion(args)), { from: 'user' });
    return session.exitCode;
  } catch (error) {
    // Commander has written its message already; help and version "fail" with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    writeFailure(session.context, error);
    return error instanceof MeshError && error.code === 'USAGE' ? 2 : 1;
  }
}

/** A switch may be written `--NAME=true` or `--NAME=false`, as for istioctl; one that is off is left out. */
function withSwitches(command: Command, args: readonly string[]): string[] {
  const options = withSubcommands(command).flatMap((each) => each.options);
  const switches = new Set(options.filter((option) => option.isBoolean()).map((option) => option.long));
  const end = args.indexOf('--');
  return args.flatMap((arg, index) => {
    const [, name, value] = /^(--[\w-]+)=(true|false)$/.exec(arg) ?? [];
    if (name === undefined || !switches.has(name) || (end >= 0 && index > end)) return [arg];
    if (value === 'true') return [name];
    const off = `--no-${name.slice(2)}`;
    return options.some(({ long }) => long === off) ? [off] : [];
  });
}

/** Commander takes `--version` for the program's own wherever it stands; behind `run` it is the service's. */
function withServiceVersion(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--');
  const run = args.indexOf('run');
  if (run < 0) return args;
  return args.map((arg, index) => (index > run && (end < 0 || index < end) ? arg.replace(/^--version(?==|$)/, '--service-version') : arg));
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function httpUrl(text: string): string {
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text.replace(/\/+$/, '');
  throw new MeshError('USAGE', `"${text}" is no URL of a server`, { hint: 'such as https://127.0.0.1:6443' });
}
