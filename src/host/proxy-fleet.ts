// The supervisor's end of the proxies' process: says which proxies it must run, hears how they are. When that process
// is started again it is told everything again.
import type { ServiceAccountName } from '#identity/service-account-token';
import type { ProxyBootstrap } from '#proxy/bootstrap';

/** Supervisor to proxies. */
export type FleetCommand =
  | { type: 'add'; id: string; bootstrap: ProxyBootstrap }
  | { type: 'remove'; id: string; drainMs: number }
  /** An answer. */
  | { type: 'token'; id: string; token: string };

/** Proxies to supervisor. */
export type FleetReport =
  | { type: 'up' }
  | { type: 'serving'; id: string }
  | { type: 'failed'; id: string; message: string }
  | { type: 'removed'; id: string }
  /** The proxy needs to show who it is. */
  | { type: 'token wanted'; id: string };

export class ProxyFleet {
  private readonly wanted = new Map<string, ProxyBootstrap>();
  private readonly listeners = new Map<string, (report: FleetReport) => void>();
  private readonly removals = new Map<string, () => void>();

  /** `send` reaches the process when it runs, and is lost when it does not. `issue` makes a token of a service account. */
  constructor(
    private readonly send: (command: FleetCommand) => void,
    private readonly issue: (account: ServiceAccountName) => string,
  ) {}

  /** `heard` is told when the proxy serves, or why it cannot. */
  add(id: string, bootstrap: ProxyBootstrap, heard: (report: FleetReport) => void): void {
    this.wanted.set(id, bootstrap);
    this.listeners.set(id, heard);
    this.send({ type: 'add', id, bootstrap });
  }

  /** Lets the proxy finish what it has, for `drainMs` at most; resolves when it is gone. */
  remove(id: string, drainMs: number): Promise<void> {
    this.listeners.delete(id);
    if (!this.wanted.delete(id)) return Promise.resolve();
    return new Promise((resolve) => {
      this.removals.set(id, resolve);
      this.send({ type: 'remove', id, drainMs });
    });
  }

  receive(report: FleetReport): void {
    switch (report.type) {
      case 'up':
        for (const [id, bootstrap] of this.wanted) this.send({ type: 'add', id, bootstrap });
        this.finishRemovals();
        return;
      case 'removed':
        this.removals.get(report.id)?.();
        this.removals.delete(report.id);
        return;
      case 'token wanted':
        this.sendToken(report.id);
        return;
      default:
        this.listeners.get(report.id)?.(report);
    }
  }

  private sendToken(id: string): void {
    const metadata = this.wanted.get(id)?.node.metadata;
    if (metadata === undefined) return;
    const account = { namespace: String(metadata['NAMESPACE']), serviceAccount: String(metadata['SERVICE_ACCOUNT']) };
    this.send({ type: 'token', id, token: this.issue(account) });
  }

  /** A process that is gone has nothing left to remove. */
  finishRemovals(): void {
    for (const resolve of this.removals.values()) resolve();
    this.removals.clear();
  }
}
