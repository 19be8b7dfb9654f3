// What outlier detection remembers of one endpoint: its failures in a row, its ejections. Told by filters/ how each try went.

import type { ConsecutiveKind, OutlierDetectionConfig } from '#proxy/config/outlier-detection';
import type { Outcomes } from './rate.ts';

/** Who is told when there were enough failures in a row. */
export interface OutlierJudge {
  readonly config: OutlierDetectionConfig;
  suspect(monitor: HostMonitor, kind: ConsecutiveKind): void;
}

/** Is told how every try of an endpoint went. */
export interface EndpointMonitor {
  readonly ejected: boolean;
  /** The endpoint answered; of gRPC, with what its status is in HTTP. */
  answered(status: number): void;
  /** A connection was made, to an endpoint whose protocol has no answers to be judged by. */
  connected(): void;
  /** It could not be reached, broke off, or took too long. `status`: what the client is told. */
  failed(status: 503 | 504): void;
}

/** Whether anybody is compared by rates: then an interval must follow the other. */
export function ratesCount({ successRate, failurePercentage, splitsLocalOrigin }: OutlierDetectionConfig): boolean {
  return [successRate, failurePercentage].some(
    ({ enforcedPercent, localEnforcedPercent }) => enforcedPercent > 0 || (splitsLocalOrigin && localEnforcedPercent > 0),
  );
}

export class HostMonitor implements EndpointMonitor {
  ejected = false;
  ejectedAtMs = 0;
  /** Ejections lately: each makes the next one longer, each interval without one takes one off. */
  ejections = 0;
  /** Of the interval under way: answers, and what happened on the way to them. */
  answers: Outcomes = { total: 0, succeeded: 0 };
  local: Outcomes = { total: 0, succeeded: 0 };
  private readonly inRow: Record<ConsecutiveKind, number> = {
    consecutive_5xx: 0,
    consecutive_gateway_failure: 0,
    consecutive_local_origin_failure: 0,
  };

  constructor(private readonly judge: OutlierJudge) {}

  answered(status: number): void {
    this.inRow.consecutive_local_origin_failure = 0;
    note(this.local, true);
    note(this.answers, status < 500);
    this.count('consecutive_5xx', status >= 500);
    this.count('consecutive_gateway_failure', status >= 502 && status <= 504);
  }

  connected(): void {
    this.answered(200);
  }

  failed(status: 503 | 504): void {
    if (!this.judge.config.splitsLocalOrigin) {
      this.answered(status);
      return;
    }
    note(this.local, false);
    this.count('consecutive_local_origin_failure', true);
  }

  eject(nowMs: number): void {
    this.ejected = true;
    this.ejectedAtMs = nowMs;
    this.ejections++;
  }

  /** It is given another chance, with a clean slate. */
  uneject(): void {
    this.ejected = false;
    this.inRow.consecutive_5xx = 0;
    this.inRow.consecutive_gateway_failure = 0;
    this.inRow.consecutive_local_origin_failure = 0;
  }

  /** An interval is over. */
  forget(): void {
    this.answers = { total: 0, succeeded: 0 };
    this.local = { total: 0, succeeded: 0 };
  }

  private count(kind: ConsecutiveKind, failed: boolean): void {
    if (!failed) {
      this.inRow[kind] = 0;
      return;
    }
    this.inRow[kind]++;
    if (this.inRow[kind] !== this.judge.config.consecutive[kind].failures) return;
    this.inRow[kind] = 0;
    this.judge.suspect(this, kind);
  }
}

function note(outcomes: Outcomes, succeeded: boolean): void {
  outcomes.total++;
  if (succeeded) outcomes.succeeded++;
}
