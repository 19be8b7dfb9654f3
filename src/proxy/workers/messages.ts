// What the first process of a proxy and its worker processes say to each other. Plain JSON, but for the sockets that go beside it.
import type { ProxyBootstrap } from '#proxy/bootstrap';
import type { Drain } from '#proxy/data-plane';
import type { Outcome, Verdicts } from '#proxy/upstream/judging';

/** First process to worker. One with a serial is answered, by `answer` with the same. */
export type WorkerCommand =
  | { type: 'add'; id: string; bootstrap: ProxyBootstrap }
  /** `response`: a DeltaDiscoveryResponse, base64. The answer: findings. */
  | { type: 'apply'; id: string; serial: number; response: string }
  /** The answer: ProxyStats. */
  | { type: 'stats'; id: string; serial: number }
  /** Answered when no connection is left. */
  | { type: 'drain'; id: string; serial: number; drain: Drain }
  /** Answered when no caller is left. */
  | { type: 'dismiss'; id: string; serial: number; graceMs: number }
  | { type: 'remove'; id: string; serial: number }
  | { type: 'log level'; id: string; level: string }
  /** To `socket wanted`, with the socket where there is one. */
  | { type: 'socket'; serial: number }
  /** How the endpoints of a cluster are; in place of what was said of them before. */
  | { type: 'verdicts'; id: string; cluster: string; verdicts: Verdicts }
  /** To `row wanted`. Without `found`: there is none. */
  | { type: 'row'; id: string; key: string; found?: RowFound };

/** A row of shared memory: which, since when, the worker's column in it, and where the memory is. */
export interface RowFound {
  readonly index: number;
  readonly ageMs: number;
  readonly column: number;
  readonly path: string;
}

/** Worker to first process. */
export type WorkerReport =
  /** It has just started, and knows nothing. */
  | { type: 'up' }
  | { type: 'answer'; serial: number; value: unknown }
  /** `address`: as the listener's configuration asks for it. */
  | { type: 'socket wanted'; serial: number; id: string; address: string }
  /** How its tries of a cluster's endpoints went. */
  | { type: 'outcomes'; id: string; cluster: string; outcomes: readonly Outcome[] }
  /** For limits that all processes keep together. */
  | { type: 'row wanted'; id: string; key: string }
  | { type: 'row left'; id: string; key: string };
