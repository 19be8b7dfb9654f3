// A command with a terminal of its own: `kubectl exec -it`. util-linux' script makes the terminal; Node cannot without native code.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import type { Clock } from '#foundation/clock';
import { ContainerCommand } from './container-command.ts';

const script = '/usr/bin/script';
/** A program opens its terminal a moment after it was started. */
const triesMax = 50;
const triesEveryMs = 20;

export class TerminalCommand extends ContainerCommand {
  /** Whether this machine can. */
  static readonly isPossible = (): boolean => existsSync(script);

  constructor(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
    private readonly clock: Clock,
  ) {
    const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    super([script, '--quiet', '--flush', '--return', '--command', `exec ${line}`, '/dev/null'], {
      TERM: 'xterm',
      ...env,
      SHELL: '/bin/sh',
    });
  }

  /** Of the terminal. */
  resize(size: { columns: number; rows: number }, tries = 0): void {
    const terminal = this.pid === undefined ? undefined : terminalBelow(this.pid);
    if (terminal !== undefined) execFile('stty', ['-F', terminal, 'rows', `${size.rows}`, 'cols', `${size.columns}`], () => undefined);
    else if (tries < triesMax && !this.hasEnded) this.clock.after(triesEveryMs, () => this.resize(size, tries + 1), { unref: true });
  }
}

/** `/dev/pts/3`, of the first process below this one whose input is a terminal. */
function terminalBelow(pid: number): string | undefined {
  try {
    for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)) {
      const input = readlinkSync(`/proc/${child}/fd/0`);
      const terminal = input.startsWith('/dev/pts/') ? input : terminalBelow(Number(child));
      if (terminal !== undefined) return terminal;
    }
  } catch {
    // It has ended meanwhile.
  }
  return undefined;
}
