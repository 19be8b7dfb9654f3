// A command that runs beside the programs of a container, with the same surroundings, for as long as its caller listens: `kubectl exec`.
import { type ChildProcess, spawn } from 'node:child_process';
import os from 'node:os';
import { withParentDeathSignal } from './process.ts';

/** `notStarted`: what the shell says of a command that is not there. */
const exitCodes = { notStarted: 127, signal: 128 };

export class ContainerCommand {
  private readonly child: ChildProcess;

  constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    const [program = '', ...args] = withParentDeathSignal(command);
    this.child = spawn(program, args, { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get stdin(): NodeJS.WritableStream {
    return this.child.stdin!;
  }

  get stdout(): NodeJS.ReadableStream {
    return this.child.stdout!;
  }

  get stderr(): NodeJS.ReadableStream {
    return this.child.stderr!;
  }

  /** After the last of its output. */
  onExit(listener: (code: number) => void): void {
    this.child.once('error', () => listener(exitCodes.notStarted));
    this.child.once('close', (code, signal) => listener(code ?? exitCodes.signal + (signal ? (os.constants.signals[signal] ?? 0) : 0)));
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
