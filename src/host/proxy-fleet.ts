// The supervisor's end of the proxies' process: says which proxies it must run, hears how they are. When that process
// is started again it is told everything again; when another is to replace it, proxies move there one by one, with what listens.
import { MeshError } from '#foundation/mesh-error';
import type { ServiceAccountName } from '#identity/service-account-token';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import type { SentSocket } from './process.ts';

/** Supervisor to proxies. */
export type FleetCommand =
  | { type: 'add'; id: string; bootstrap: ProxyBootstrap }
  /** Callers of the pod are to leave within `graceMs`; its programs go on, and call by the proxy. Answered after `withinMs` at most. */
  | { type: 'dismiss'; id: string; graceMs: number; withinMs: number }
  | { type: 'remove'; id: string; drainMs: number }
  /** An answer. */
  | { type: 'token'; id: string; token: string }
  /** Another process is to take over: `socket` for each that listens, then `handed over`. */
  | { type: 'hand over' }
  /** With a socket that listens: of the process before. */
  | { type: 'socket'; id: string; address: string };

/** Proxies to supervisor. */
export type FleetReport =
  | { type: 'up' }
  | { type: 'serving'; id: string }
  | { type: 'failed'; id: string; message: string }
  | { type: 'dismissed'; id: string }
  | { type: 'removed'; id: string }
  /** The proxy needs to show who it is. */
  | { type: 'token wanted'; id: string }
  /** With a socket that listens. */
  | { type: 'socket'; id: string; address: string }
  | { type: 'handed over' };

/** Reaches the process when it runs, and is lost when it does not. */
export interface FleetProcess {
  send(command: FleetCommand, socket?: SentSocket): void;
}

/** From one process to the next: what is to move still, and who waits for it. */
interface Move {
  readonly from: FleetProcess;
  readonly to: FleetProcess;
  readonly drainMs: number;
  /** Told to the new process, not gone from the old one. */
  readonly moving: Set<string>;
  readonly done: (fault?: MeshError) => void;
}

export class ProxyFleet {
  private readonly wanted = new Map<string, ProxyBootstrap>();
  private readonly listeners = new Map<string, (report: FleetReport) => void>();
  private readonly dismissals = new Map<string, () => void>();
  private readonly removals = new Map<string, () => void>();
  private move: Move | undefined;

  /** `issue` makes a token of a service account. */
  constructor(
    private process: FleetProcess,
    private readonly issue: (account: ServiceAccountName) => string,
  ) {}

  /** Where the proxies run. */
  get runsIn(): FleetProcess {
    return this.process;
  }

  /**
   * Moves every proxy to `next`, a process that was just started: it listens with the sockets of the present one before that closes
   * them, so that no connection is refused; those that are open finish there what they have, for `drainMs` at most. Resolves when
   * nothing is left in the old process. Rejects when one of the two ends meanwhile.
   */
  moveTo(next: FleetProcess, drainMs: number): Promise<void> {
    if (this.move !== undefined)
      return Promise.reject(new MeshError('PROXIES_MOVING', 'the proxies are moving to another process already'));
    return new Promise((resolve, reject) => {
      const done = (fault?: MeshError): void => {
        this.move = undefined;
        if (fault) reject(fault);
        else resolve();
      };
      this.move = { from: this.process, to: next, drainMs, moving: new Set(), done };
    });
  }

  /** `heard` is told when the proxy serves, or why it cannot. */
  add(id: string, bootstrap: ProxyBootstrap, heard: (report: FleetReport) => void): void {
    this.wanted.set(id, bootstrap);
    this.listeners.set(id, heard);
    this.process.send({ type: 'add', id, bootstrap });
  }

  /** Asks the callers of its pod to leave within `graceMs`; resolves when they have, and after `withinMs` in any case. */
  dismiss(id: string, graceMs: number, withinMs: number): Promise<void> {
    if (!this.wanted.has(id)) return Promise.resolve();
    return new Promise((resolve) => {
      this.dismissals.set(id, resolve);
      this.process.send({ type: 'dismiss', id, graceMs, withinMs });
    });
  }

  /** Lets the proxy finish what it has, for `drainMs` at most; resolves when it is gone. */
  remove(id: string, drainMs: number): Promise<void> {
    this.listeners.delete(id);
    if (!this.wanted.delete(id)) return Promise.resolve();
    return new Promise((resolve) => {
      this.removals.set(id, resolve);
      this.process.send({ type: 'remove', id, drainMs });
    });
  }

  /** `from`: who says so; `socket`: what came with it. */
  receive(report: FleetReport, from: FleetProcess, socket?: SentSocket): void {
    switch (report.type) {
      case 'up':
        if (from === this.move?.to) this.move.from.send({ type: 'hand over' });
        else this.addAll();
        return;
      case 'socket':
        this.move?.to.send(report, socket);
        return;
      case 'handed over':
        this.takeOver();
        return;
      case 'dismissed':
        settle(this.dismissals, report.id);
        return;
      case 'removed':
        if (from === this.process) this.removed(report.id);
        else this.moved(report.id);
        return;
      case 'token wanted':
        this.sendToken(report.id, from);
        return;
      default:
        if (from !== this.process) return;
        this.listeners.get(report.id)?.(report);
        this.leave(report.id);
    }
  }

  private addAll(): void {
    for (const [id, bootstrap] of this.wanted) this.process.send({ type: 'add', id, bootstrap });
    this.finishAll();
  }

  private removed(id: string): void {
    settle(this.removals, id);
    this.leave(id);
  }

  /** What listens has been sent on: from here on the new process is the one. */
  private takeOver(): void {
    const { move } = this;
    if (move === undefined) return;
    this.process = move.to;
    for (const id of this.wanted.keys()) move.moving.add(id);
    this.addAll();
    if (move.moving.size === 0) move.done();
  }

  /** The new process has it, or could not start it: the old one lets it go. */
  private leave(id: string): void {
    if (this.move?.moving.has(id)) this.move.from.send({ type: 'remove', id, drainMs: this.move.drainMs });
  }

  private moved(id: string): void {
    const { move } = this;
    if (move?.moving.delete(id) && move.moving.size === 0) move.done();
  }

  private sendToken(id: string, to: FleetProcess): void {
    const metadata = this.wanted.get(id)?.node.metadata;
    if (metadata === undefined) return;
    const account = { namespace: String(metadata['NAMESPACE']), serviceAccount: String(metadata['SERVICE_ACCOUNT']) };
    to.send({ type: 'token', id, token: this.issue(account) });
  }

  /** `process` is gone: it has nothing left to remove, and no callers. */
  ended(process: FleetProcess): void {
    const { move } = this;
    if (process === move?.from || process === move?.to) {
      move.done(new MeshError('PROXIES_MOVING', 'a process ended while the proxies moved from it, or to it'));
    }
    if (process === this.process) this.finishAll();
  }

  private finishAll(): void {
    for (const waiting of [this.dismissals, this.removals]) for (const id of waiting.keys()) settle(waiting, id);
  }
}

function settle(waiting: Map<string, () => void>, id: string): void {
  waiting.get(id)?.();
  waiting.delete(id);
}
