// A command in a pod joined to a client that is elsewhere: exec and attach, whatever carries their streams.
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { RunningCommand, TerminalSize } from './pod-access.ts';
import { isTrue } from './request.ts';

/** What a client gives of itself, and takes. */
export interface CommandChannels {
  /** Undefined: it sends nothing. */
  stdin: Readable | undefined;
  stdout: Writable | undefined;
  stderr: Writable | undefined;
  onResize(listener: (size: TerminalSize) => void): void;
  /** The client has gone. */
  onClose(listener: () => void): void;
  /** The last word, after all output: a Status of Kubernetes. */
  end(status: object): void;
}

/** Which streams a client asks for. */
export interface CommandStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

export function streamsAsked(query: URLSearchParams): CommandStreams {
  const asks = (name: string) => isTrue(query.get(name));
  // A terminal has one output.
  return { stdin: asks('stdin'), stdout: asks('stdout'), stderr: asks('stderr') && !asks('tty'), tty: asks('tty') };
}

/** Until either ends. */
export function joinCommand(command: RunningCommand, channels: CommandChannels): void {
  const outputs = [
    [command.stdout, channels.stdout],
    [command.stderr, channels.stderr],
  ] as const;
  const written = outputs.map(([from, to]) => {
    if (to === undefined) return from.resume();
    return finished(from.pipe(to), { readable: false }).catch(() => undefined);
  });
  // The command may close its input first: what comes for it then is dropped.
  command.stdin.on('error', () => undefined);
  if (channels.stdin) channels.stdin.pipe(command.stdin);
  else command.stdin.end();
  channels.onResize((size) => command.resize?.(size));
  channels.onClose(() => command.kill());
  command.onExit((code) => void Promise.all(written).then(() => channels.end(exitStatus(code))));
}

/** How Kubernetes says how a command ended. */
function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: `${code}` }] },
  };
}

/** Of `{"Width":80,"Height":24}`; undefined where it is none. */
export function terminalSize(text: string): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    const isSize = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0 && (value as number) <= 0xffff;
    return isSize(Width) && isSize(Height) ? { columns: Width, rows: Height } : undefined;
  } catch {
    return undefined;
  }
}
