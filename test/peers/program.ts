// Programs of the machine: is one there, run it to its end, or keep it running for the length of a test.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Debian's packages, where they are not named like the program. */
const packages: Readonly<Record<string, string>> = {
  h2load: 'nghttp2-client',
  nghttp: 'nghttp2-client',
  'redis-cli': 'redis-tools',
  'redis-benchmark': 'redis-tools',
  psql: 'postgresql-client',
  pgbench: 'postgresql-contrib',
  setpriv: 'util-linux',
  nginx: 'nginx-light',
};

/** Why a pair cannot be tried; undefined: everything is there. */
export function missing(programs: readonly string[]): string | undefined {
  const absent = programs.find((program) => spawnSync('which', [program]).status !== 0);
  return absent && `${absent} is not installed (Debian: apt-get install ${packages[absent] ?? absent})`;
}

export interface Outcome {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

const runMsMax = 30_000;

/** Runs a program to its end, which comes after `runMsMax` at the latest. */
export function run(command: string, args: readonly string[], input: string | Buffer = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { timeout: runMsMax });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => stdout.push(data));
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
    child.stdin.end(input);
  });
}

/** A program that runs until it is closed. */
export class Running {
  private output = '';

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    const hear = (data: Buffer) => {
      this.output = (this.output + data.toString()).slice(-2000);
    };
    child.stdout!.on('data', hear);
    child.stderr!.on('data', hear);
  }

  /** Resolves when it listens on `port`. */
  static async start(command: string, args: readonly string[], port: number): Promise<Running> {
    const running = new Running(command, spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
    for (let attempt = 0; attempt < 400; attempt++) {
      if (running.child.exitCode !== null) break;
      if (await listens(port)) return running;
      await sleep(25);
    }
    await running.close();
    throw new Error(`${running.name} does not listen on port ${port}: ${running.output}`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) resolve();
      else {
        this.child.once('exit', () => resolve());
        this.child.kill('SIGTERM');
      }
    });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
