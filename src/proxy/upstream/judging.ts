// Who finds out how endpoints are when several processes serve a proxy: the first asks and judges, for all; the others tell it how their
// tries went, and go by what it says. Nobody waits: what is told takes effect when it comes.
import type { Clock, Timer } from '#foundation/clock';
import type { EndpointHealth } from '#proxy/config/cluster';
import type { OutlierDetectionConfig } from '#proxy/config/outlier-detection';
import { type EndpointMonitor, ratesCount } from './outlier/host-monitor.ts';

/** What was found out of one endpoint. Plain data: it goes from process to process. */
export interface Verdict {
  readonly ejected: boolean;
  /** By active health checks, where there are any. */
  readonly checked?: { readonly health: EndpointHealth; readonly pending: boolean };
}

/** By the endpoint's address, as xDS says it. Who is not in it is neither ejected nor checked yet. */
export type Verdicts = Readonly<Record<string, Verdict>>;

/** So many tries of an endpoint, one after the other, ended so. Plain data. */
export interface Outcome {
  readonly endpoint: string;
  readonly kind: 'answered' | 'failed';
  readonly status: number;
  times: number;
}

/** `for all`: here, and others hear of it. `elsewhere`: there, and we hear of it. A process by itself has neither. */
export type Judging =
  | { readonly kind: 'for all'; publish(cluster: string, verdicts: Verdicts): void }
  | { readonly kind: 'elsewhere'; readonly judge: RemoteJudge };

/** How long an outcome waits for others to go with. */
const tellMs = 10;
/** More do not wait. */
const outcomesMax = 256;

const notAsked = { health: 'unhealthy', pending: true } as const;

/** The judge, as a process sees it that is not the one. */
export class RemoteJudge {
  private readonly verdicts = new Map<string, Verdicts>();
  private readonly untold = new Map<string, Outcome[]>();
  private count = 0;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly tell: (cluster: string, outcomes: readonly Outcome[]) => void,
  ) {}

  receive(cluster: string, verdicts: Verdicts): void {
    if (Object.keys(verdicts).length === 0) this.verdicts.delete(cluster);
    else this.verdicts.set(cluster, verdicts);
  }

  isEjected(cluster: string, endpoint: string): boolean {
    return this.verdicts.get(cluster)?.[endpoint]?.ejected === true;
  }

  checked(cluster: string, endpoint: string): NonNullable<Verdict['checked']> {
    return this.verdicts.get(cluster)?.[endpoint]?.checked ?? notAsked;
  }

  note(cluster: string, endpoint: string, kind: Outcome['kind'], status: number): void {
    let outcomes = this.untold.get(cluster);
    if (outcomes === undefined) this.untold.set(cluster, (outcomes = []));
    const last = outcomes.at(-1);
    if (last?.endpoint === endpoint && last.kind === kind && last.status === status) last.times++;
    else {
      outcomes.push({ endpoint, kind, status, times: 1 });
      this.count++;
    }
    if (this.count >= outcomesMax) this.tellAll();
    else this.timer ??= this.clock.after(tellMs, () => this.tellAll(), { unref: true });
  }

  close(): void {
    this.timer?.cancel();
  }

  private tellAll(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.count = 0;
    for (const [cluster, outcomes] of this.untold) this.tell(cluster, outcomes);
    this.untold.clear();
  }
}

/** What such a process remembers of an endpoint: whether it has told of a failure since the last success. Successes alone are not told of. */
export class RemoteMonitor implements EndpointMonitor {
  private inDoubt = false;

  constructor(
    private readonly judge: RemoteJudge,
    private readonly cluster: string,
    private readonly endpoint: string,
    private readonly config: () => OutlierDetectionConfig | undefined,
  ) {}

  get ejected(): boolean {
    return this.judge.isEjected(this.cluster, this.endpoint);
  }

  answered(status: number): void {
    const failed = status >= 500;
    const config = this.config();
    // Who is compared by rates is judged by every answer.
    if (failed || this.inDoubt || (config !== undefined && ratesCount(config))) this.tell('answered', status);
    this.inDoubt = failed;
  }

  connected(): void {
    this.answered(200);
  }

  failed(status: 503 | 504): void {
    this.inDoubt = true;
    this.tell('failed', status);
  }

  private tell(kind: Outcome['kind'], status: number): void {
    this.judge.note(this.cluster, this.endpoint, kind, status);
  }
}
