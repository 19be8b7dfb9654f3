// `lateen up` as a user starts it: a process of its own, from dist/, on free ports unless told otherwise.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { apiRecordPath, readApiRecord } from '#apiserver/api-record';
import type { HttpAccess } from '#net/http-access';
import { inherited, program } from './mesh-fixture.ts';
import { descendantsOf, type Incarnation, untilGone } from './process-tree.ts';
import { until } from './until.ts';

const endMsMax = 15_000;
/** Printed last of all when it is up. */
const upNote = 'Ctrl-C ends everything';

export class LateenUp {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-up-'));
  stdout = '';
  stderr = '';
  /** Exit code or signal, when it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
  private readonly child: ChildProcess;
  private over = false;
  private readonly seen = new Map<string, Incarnation>();

  /** `args` come after `up`, and win over the free ports. `before`: a command that becomes the one that it is given. `file`: of the program. */
  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = inherited,
    before: readonly string[] = [],
    file: string = program,
  ) {
    const ports = ['api', 'xds', 'debug', 'gateway-http', 'gateway-https'].map((name) => `--${name}-port`);
    const free = ports.filter((option) => !args.includes(option)).flatMap((option) => [option, '0']);
    // The machine's best mode is not every machine's.
    const capture = args.includes('--capture') ? [] : ['--capture', 'loopback'];
    const state = path.join(this.directory, 'state');
    mkdirSync(state);
    // Whoever it runs as.
    for (const own of [this.directory, state]) chmodSync(own, 0o777);
    const [first = '', ...rest] = [...before, process.execPath, file, 'up', ...capture, '--state-directory', state, ...free, ...args];
    this.child = spawn(first, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk));
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) => {
        this.over = true;
        resolve(signal ?? code ?? -1);
      }),
    );
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Of its administrator. */
  get kubeconfig(): string {
    return /KUBECONFIG=(\S+)/.exec(this.stdout)![1]!;
  }

  /** As its administrator. */
  get api(): HttpAccess {
    return readApiRecord(apiRecordPath(path.dirname(this.kubeconfig)))!;
  }

  /** The address after a word of the table: `API`. */
  url(word: string): string {
    const url = new RegExp(`${word} +(https?://\\S+)`).exec(this.stdout)?.[1];
    if (url === undefined) throw new Error(`there is no ${word} in: ${this.stdout}`);
    return url;
  }

  /** Resolves when it shows its table. */
  async untilUp(): Promise<void> {
    await until(
      'lateen is up',
      () => {
        if (this.over) throw new Error(`it has ended: ${this.stdout}${this.stderr}`);
        return this.stdout.includes(upNote) || this.stdout + this.stderr;
      },
      30_000,
    );
    this.look();
  }

  /** Remembers the processes that it has started so far. */
  look(): Incarnation[] {
    for (const one of descendantsOf(this.pid)) this.seen.set(`${one.pid} ${one.startedAt}`, one);
    return [...this.seen.values()];
  }

  /** Nobody reads what it says from here on. */
  stopReading(): void {
    this.child.stdout!.destroy();
    this.child.stderr!.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves to the exit code or signal once it and everything that it started are gone; rejects when that takes too long. */
  async untilEnded(): Promise<number | NodeJS.Signals> {
    await until(
      'lateen up has ended',
      () => {
        if (!this.over) this.look();
        return this.over || this.stdout + this.stderr;
      },
      endMsMax,
    );
    await untilGone([...this.seen.values()]);
    return this.ended;
  }

  /** For the end of a test, however it went. */
  async dispose(): Promise<void> {
    this.look();
    if (!this.over) this.child.kill('SIGTERM');
    try {
      await this.untilEnded();
    } finally {
      for (const { pid } of this.seen.values()) if (descendantsOf(pid).length > 0) process.kill(pid, 'SIGKILL');
      if (!this.over) this.child.kill('SIGKILL');
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}
