// `lateen up --sample bookinfo` as a process of its own, as a user starts it, on free ports; for benchmarks that look at it
// from outside. Its addresses are those of the table that it prints.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiRecordPath, readApiRecord } from '#apiserver/api-record';
import type { HttpAccess } from '#net/http-access';

const startMsMax = 30_000;
const pollMs = 5;
/** Printed last of all when it is up. */
const upNote = 'Ctrl-C ends everything';

export class RunningMesh {
  private readonly directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-bench-'));
  private readonly child: ChildProcess;
  private output = '';
  private over = false;

  /** `what`: what it runs, and how its pods are on the network: the same everywhere, unless that is what is measured. */
  constructor(
    program = fileURLToPath(new URL('../main/lateen.js', import.meta.url)),
    what: readonly string[] = ['--sample', 'bookinfo', '--capture', 'loopback'],
  ) {
    const ports = ['api', 'xds', 'debug', 'gateway-http', 'gateway-https'].flatMap((name) => [`--${name}-port`, '0']);
    const args = [program, 'up', ...what, '--state-directory', this.directory, ...ports];
    // As the first line of the program and npm start run it.
    this.child = spawn(process.execPath, ['--max-semi-space-size=4', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout!, this.child.stderr!]) stream.on('data', (chunk: Buffer) => (this.output += chunk));
    this.child.once('close', () => (this.over = true));
  }

  /** Resolves when it shows its table; rejects with what it printed when it ends before, or takes too long. */
  async untilUp(): Promise<void> {
    const end = performance.now() + startMsMax;
    while (!this.output.includes(upNote)) {
      if (this.over || performance.now() > end) throw new Error(`lateen up did not start:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** As its administrator. */
  get api(): HttpAccess {
    return readApiRecord(apiRecordPath(path.join(this.directory, `run-any-${this.child.pid}`)))!;
  }

  /** The URL after a word of the table: `product page`. */
  url(word: string): string {
    return this.match(new RegExp(`${word} +(http://\\S+)`));
  }

  /** The pod address of a workload: `productpage-v1`. */
  podAddress(workload: string): string {
    return this.match(new RegExp(`http://([\\d.]+):15000 +${workload}-`));
  }

  /** Process ids by name: the one that was started, and those of Lateen's own that it started. */
  processes(): Record<'supervisor' | 'control plane' | 'proxies', number> {
    const children = readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8').trim().split(' ').map(Number);
    const running = (file: string) => {
      const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`/main/${file}`));
      if (found === undefined) throw new Error(`no process runs ${file}`);
      return found;
    };
    return { supervisor: this.child.pid!, 'control plane': running('control-plane.js'), proxies: running('proxies.js') };
  }

  /** Ends it as Ctrl-C does; resolves when it has ended. */
  async stop(): Promise<void> {
    if (!this.over) {
      this.child.kill('SIGINT');
      await new Promise((resolve) => this.child.once('close', resolve));
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  private match(pattern: RegExp): string {
    const found = pattern.exec(this.output)?.[1];
    if (found === undefined) throw new Error(`${pattern} does not match:\n${this.output}`);
    return found;
  }
}

/** One request; resolves to status and body. */
export function call(url: string, agent?: http.Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: agent ?? false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}
