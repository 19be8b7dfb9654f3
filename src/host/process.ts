// One local process that is kept running: started, its output appended to a file, restarted with backoff when it ends.
// It dies with its parent, also when the parent is killed: util-linux' setpriv asks the kernel for that.
import { type ChildProcess, type SendHandle, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Random } from '#foundation/random';

export interface ProcessSpec {
  /** Asked at every start. */
  command: () => readonly string[];
  env: Readonly<Record<string, string>>;
  /** Standard output and error are appended to it; without it they go where the errors of this process go. */
  logFile?: string;
  cwd?: string;
  /** Opens Node's message channel to it. */
  channel?: boolean;
  /** Whether it is started again after such an end; always when left out. */
  restarts?: (exit: ProcessExit) => boolean;
}

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** How often it has been restarted before. */
  restarts: number;
  /** Why it could not be started at all. */
  error?: string;
}

/** Of what Node can send, or wraps around such: its types know the first kind alone. */
export interface SentSocket {
  close(): void;
}

export interface ProcessEvents {
  started(pid: number): void;
  /** Called at each end; it is started again after `retryMs`. */
  ended(exit: ProcessExit, retryMs: number): void;
  /** At an end after which it is not started again. */
  finished?(exit: ProcessExit): void;
  /** What it sent over its channel; `socket`: came with it. */
  message?(message: unknown, socket?: SentSocket): void;
}

/** A process that has run so long is taken to be well: its next restart is immediate again. */
const settledMs = 10_000;
const standardError = 2;
const setpriv = '/usr/bin/setpriv';

export class SupervisedProcess {
  private child: ChildProcess | undefined;
  private retry: Timer | undefined;
  private readonly backoff: Backoff;
  private stopping: Promise<void> | undefined;
  private quickEnds = 0;
  restarts = 0;

  constructor(
    private readonly spec: ProcessSpec,
    private readonly options: { clock: Clock; random: Random; events: ProcessEvents; stopMsMax: number },
  ) {
    this.backoff = new Backoff({ random: options.random, delayMsMin: 200, delayMsMax: 10_000 });
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  start(): void {
    const { clock, events } = this.options;
    const startedAt = clock.now();
    const { logFile } = this.spec;
    const log = logFile === undefined ? standardError : openSync(logFile, 'a');
    const [program = '', ...args] = withParentDeathSignal(this.spec.command());
    const child = spawn(program, args, {
      env: { ...this.spec.env },
      cwd: this.spec.cwd,
      stdio: ['ignore', log, log, ...(this.spec.channel ? (['ipc'] as const) : [])],
      // A group of its own: Ctrl-C in a terminal is for the supervisor, who ends the others in order.
      detached: true,
    });
    if (log !== standardError) closeSync(log);
    this.child = child;
    let error: string | undefined;
    child.on('message', (message, socket) => events.message?.(message, socket as SentSocket | undefined));
    child.once('spawn', () => events.started(child.pid ?? 0));
    child.once('error', (thrown) => {
      error = thrown.message;
      if (child.pid === undefined) this.ended(child, { code: null, signal: null, restarts: this.restarts, error }, startedAt);
    });
    child.once('exit', (code, signal) =>
      this.ended(child, { code, signal, restarts: this.restarts, ...(error ? { error } : {}) }, startedAt),
    );
  }

  /** Over its channel; lost when it does not run. `socket`: goes with it, and is not this process's any more unless it is `shared`. */
  send(message: object, socket?: SentSocket, { shared = false } = {}): void {
    const sent = () => (shared ? undefined : socket?.close());
    if (this.child?.connected) this.child.send(message, socket as SendHandle | undefined, sent);
    else sent();
  }

  /** Ends this run of it, by force after that time: what comes then is as after any other end. */
  restart(withinMs = this.options.stopMsMax): void {
    if (this.child) void this.end(this.child, withinMs);
  }

  /** Ends the process, by force after that time; resolves when it is gone. Who asks again may be in more of a hurry. */
  stop(withinMs = this.options.stopMsMax): Promise<void> {
    this.retry?.cancel();
    if (this.child?.pid === undefined) return (this.stopping ??= Promise.resolve());
    const ended = this.end(this.child, withinMs);
    return (this.stopping ??= ended);
  }

  private end(child: ChildProcess, withinMs: number): Promise<void> {
    const { pid } = child;
    if (pid === undefined) return Promise.resolve();
    killGroup(pid, withinMs > 0 ? 'SIGTERM' : 'SIGKILL');
    const force = this.options.clock.after(withinMs, () => killGroup(pid, 'SIGKILL'));
    return new Promise((resolve) =>
      child.once('exit', () => {
        force.cancel();
        resolve();
      }),
    );
  }

  private ended(child: ChildProcess, exit: ProcessExit, startedAt: number): void {
    if (this.child !== child) return;
    this.child = undefined;
    if (this.stopping !== undefined) return;
    const { clock, events } = this.options;
    if (this.spec.restarts?.(exit) === false) {
      events.finished?.(exit);
      return;
    }
    if (clock.now() - startedAt >= settledMs) this.quickEnds = 0;
    // The first restart is at once, so that one crash costs as little as it can.
    const retryMs = this.quickEnds++ === 0 ? 0 : this.backoff.next();
    if (this.quickEnds === 1) this.backoff.reset();
    this.restarts++;
    this.retry = clock.after(retryMs, () => this.start());
    events.ended(exit, retryMs);
  }
}

/** What the process started goes with it. */
function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}

/** The command, ended by the kernel when this process ends, where setpriv is there to ask for that. */
export function withParentDeathSignal(command: readonly string[]): readonly string[] {
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--', ...command] : command;
}
