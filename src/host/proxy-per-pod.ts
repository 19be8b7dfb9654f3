// A process for each proxy, as in a cluster: to the fleet they are one. What a process costs is paid for each pod; what one proxy does to
// its process, no other feels.

import type { SupervisedProcess } from './process.ts';
import type { FleetCommand, FleetProcess, FleetReport } from './proxy-fleet.ts';

/** Of one proxy; it says that it is up at each of its starts. */
type ProxyProcess = Pick<SupervisedProcess, 'start' | 'stop'> & FleetProcess;

/** What becomes of one. */
export interface ProxyProcessEvents {
  report(report: FleetReport): void;
  /** It has ended by itself, and is started again. */
  ended(): void;
}

type Add = Extract<FleetCommand, { type: 'add' }>;

export class ProxyPerPod implements FleetProcess {
  private readonly running = new Map<string, { process: ProxyProcess; add: Add; leaving: boolean }>();
  private readonly stopping = new Set<Promise<void>>();
  /** There is not one. */
  readonly pid = undefined;

  /** `heard`: what the fleet is told. */
  constructor(
    private readonly make: (id: string, events: ProxyProcessEvents) => ProxyProcess,
    private readonly heard: (report: FleetReport) => void,
  ) {}

  /** Each starts with its proxy. */
  start(): void {}

  async stop(): Promise<void> {
    for (const id of this.running.keys()) this.end(id);
    await Promise.all(this.stopping);
  }

  send(command: FleetCommand): void {
    if (command.type === 'add') this.add(command);
    else if (command.type === 'dismiss' || command.type === 'remove' || command.type === 'token') {
      const known = this.running.get(command.id);
      if (known) known.leaving ||= command.type === 'remove';
      known?.process.send(command);
    }
  }

  private add(add: Add): void {
    if (this.running.has(add.id)) return;
    const process = this.make(add.id, { report: (report) => this.receive(add.id, report), ended: () => this.ended(add.id) });
    this.running.set(add.id, { process, add, leaving: false });
    process.start();
  }

  private receive(id: string, report: FleetReport): void {
    const known = this.running.get(id);
    if (report.type === 'up') known?.process.send(known.add);
    else {
      if (report.type === 'removed') this.end(id);
      this.heard(report);
    }
  }

  /** One that was to leave has left. */
  private ended(id: string): void {
    this.heard({ type: 'dismissed', id });
    if (!this.running.get(id)?.leaving) return;
    this.end(id);
    this.heard({ type: 'removed', id });
  }

  private end(id: string): void {
    const known = this.running.get(id);
    if (!known) return;
    this.running.delete(id);
    const stopped = known.process.stop().finally(() => this.stopping.delete(stopped));
    this.stopping.add(stopped);
  }
}
