// Processes that share the ports of this process's proxies: each serves with the same listening sockets, and the kernel gives a new
// connection to whichever is free first. The first process alone speaks with the control plane and answers its admin interface; it tells the
// workers what it has put into effect, and adds up what they count. Limits they keep together, in shared memory.
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import type { ListeningHandle } from '#net/handed-sockets';
import type { ProxyStats } from '#proxy/admin/proxy-stats';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import type { Drain } from '#proxy/data-plane';
import type { LimitSharing } from '#proxy/limits/limit-sharing';
import type { Outcome, Verdicts } from '#proxy/upstream/judging';
import type { WorkerCommand, WorkerReport } from './messages.ts';
import type { SharedRows } from './shared-rows.ts';

/** A worker process; it is started again when it ends. */
export interface WorkerProcess {
  /** Lost when it does not run. */
  send(command: WorkerCommand, socket?: ListeningHandle): void;
  stop(): void;
}

export interface WorkerProcessEvents {
  report(report: WorkerReport): void;
  ended(): void;
}

/** Of the first process: what a worker that has just started lacks. */
export interface WorkerSource {
  /** Everything that is in force, in an order that takes effect. */
  held(): Iterable<DeltaDiscoveryResponse>;
  listeningAt(address: string): Promise<ListeningHandle | undefined>;
  /** How endpoints are, by cluster. */
  verdicts(): Iterable<readonly [cluster: string, verdicts: Verdicts]>;
  hear(cluster: string, outcomes: readonly Outcome[]): void;
}

interface Member {
  readonly bootstrap: ProxyBootstrap;
  readonly source: WorkerSource;
}

/** A command that is answered, without its serial. */
type Question = Omit<Extract<WorkerCommand, { serial: number; id: string }>, 'serial'>;

export class WorkerPool {
  private readonly workers: Worker[] = [];

  constructor(
    private readonly start: (events: WorkerProcessEvents) => WorkerProcess,
    private readonly rows: SharedRows,
  ) {}

  /** The first process's part in the limits of a proxy that `processes` serve. */
  sharingOf(id: string, processes: number): LimitSharing {
    return this.rows.sharingOf(id, processes);
  }

  /** Makes `count` processes serve a proxy beside this one, and starts those that are not there yet. */
  join(id: string, count: number, member: Member): ProxyWorkers {
    while (this.workers.length < count) this.workers.push(new Worker(this.workers.length + 1, this.start, this.rows));
    const workers = this.workers.slice(0, count);
    for (const worker of workers) worker.add(id, member);
    return new ProxyWorkers(id, workers);
  }

  stop(): void {
    for (const worker of this.workers) worker.stop();
  }
}

/** The workers of one proxy. */
export class ProxyWorkers {
  constructor(
    private readonly id: string,
    private readonly workers: readonly Worker[],
  ) {}

  /** Resolves when each has put it into effect that runs; to what they found wrong. */
  async apply(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    const encoded = encode(response);
    const found = await this.askAll<readonly string[]>({ type: 'apply', id: this.id, response: encoded } as Question);
    return [...new Set(found.flat())];
  }

  stats(): Promise<ProxyStats[]> {
    return this.askAll({ type: 'stats', id: this.id });
  }

  async drain(drain: Drain): Promise<void> {
    await this.askAll({ type: 'drain', id: this.id, drain } as Question);
  }

  async dismissCallers(graceMs: number): Promise<void> {
    await this.askAll({ type: 'dismiss', id: this.id, graceMs } as Question);
  }

  tellVerdicts(cluster: string, verdicts: Verdicts): void {
    for (const worker of this.workers) worker.send({ type: 'verdicts', id: this.id, cluster, verdicts });
  }

  setLogLevel(level: string): void {
    for (const worker of this.workers) worker.send({ type: 'log level', id: this.id, level });
  }

  /** Ends what they do for the proxy at once. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.remove(this.id)));
  }

  /** Of those that answer: one that ends before is left out. */
  private async askAll<T>(question: Question): Promise<T[]> {
    const answers = await Promise.all(this.workers.map((worker) => worker.ask(question)));
    return answers.filter((answer) => answer !== undefined) as T[];
  }
}

class Worker {
  private readonly process: WorkerProcess;
  private readonly members = new Map<string, Member>();
  private readonly waiting = new Map<number, (value: unknown) => void>();
  private last = 0;
  /** One that starts is told everything when it is up, and nothing before. */
  private up = false;

  /** `column`: its number among the processes; the first has 0. */
  constructor(
    private readonly column: number,
    start: (events: WorkerProcessEvents) => WorkerProcess,
    private readonly rows: SharedRows,
  ) {
    this.process = start({ report: (report) => void this.receive(report), ended: () => this.ended() });
  }

  add(id: string, member: Member): void {
    this.members.set(id, member);
    if (this.up) this.tell(id, member);
  }

  async remove(id: string): Promise<void> {
    this.members.delete(id);
    await this.ask({ type: 'remove', id });
  }

  send(command: WorkerCommand): void {
    if (this.up) this.process.send(command);
  }

  /** Undefined: it does not run, or ended meanwhile. */
  ask(question: Question): Promise<unknown> {
    if (!this.up) return Promise.resolve(undefined);
    const serial = ++this.last;
    return new Promise((resolve) => {
      this.waiting.set(serial, resolve);
      this.process.send({ ...question, serial } as WorkerCommand);
    });
  }

  stop(): void {
    this.process.stop();
  }

  private async receive(report: WorkerReport): Promise<void> {
    switch (report.type) {
      case 'up':
        this.up = true;
        for (const [id, member] of this.members) this.tell(id, member);
        return;
      case 'answer':
        this.waiting.get(report.serial)?.(report.value);
        this.waiting.delete(report.serial);
        return;
      case 'socket wanted': {
        const socket = await this.members.get(report.id)?.source.listeningAt(report.address);
        this.process.send({ type: 'socket', serial: report.serial }, socket);
        return;
      }
      case 'row wanted': {
        const { id, key } = report;
        const found = await this.rows.take(id, key, this.column);
        this.send({ type: 'row', id, key, ...(found && { found }) });
        return;
      }
      case 'outcomes':
        this.members.get(report.id)?.source.hear(report.cluster, report.outcomes);
        return;
      case 'row left':
        this.rows.leave(report.id, report.key, this.column);
    }
  }

  private tell(id: string, { bootstrap, source }: Member): void {
    this.process.send({ type: 'add', id, bootstrap });
    for (const [cluster, verdicts] of source.verdicts()) this.process.send({ type: 'verdicts', id, cluster, verdicts });
    for (const response of source.held()) void this.ask({ type: 'apply', id, response: encode(response) } as Question);
  }

  private ended(): void {
    this.up = false;
    void this.rows.ended(this.column);
    for (const resolve of this.waiting.values()) resolve(undefined);
    this.waiting.clear();
  }
}

function encode(response: DeltaDiscoveryResponse): string {
  return Buffer.from(DeltaDiscoveryResponse.encode(response).finish()).toString('base64');
}
