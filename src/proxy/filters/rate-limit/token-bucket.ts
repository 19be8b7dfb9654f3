// A bucket that gives out so many tokens per interval, and holds so many: Envoy's TokenBucket, one for all processes of a proxy. Pure; the
// time is told.
import type { TokenBucket as EnvoyTokenBucket } from '#codec/protobuf/generated/envoy/type/v3/token_bucket';
import { type Findings, milliseconds } from '#proxy/config/findings';
import { rowCells, type SharedRow } from '#proxy/limits/limit-sharing';

export interface TokenBucketConfig {
  readonly tokensMax: number;
  readonly tokensPerFill: number;
  readonly fillIntervalMs: number;
}

/** Envoy's bound: below, a bucket would be filled all the time. */
const fillIntervalMsMin = 50;

export function decodeTokenBucket(bucket: EnvoyTokenBucket, field: string, findings: Findings): TokenBucketConfig {
  const fillIntervalMs = milliseconds(bucket.fillInterval, 0);
  if (bucket.maxTokens === 0) findings.report(`${field}.max_tokens`, 'must be above 0');
  if (fillIntervalMs < fillIntervalMsMin) findings.report(`${field}.fill_interval`, `must be at least ${fillIntervalMsMin} ms`);
  return { tokensMax: bucket.maxTokens, tokensPerFill: bucket.tokensPerFill ?? 1, fillIntervalMs };
}

/** In the row: the tokens taken since the bucket was made, and those that there was no room for. */
const takenCell = 0;

export class TokenBucket {
  private own: Float64Array = new Float64Array(rowCells);
  private row: SharedRow | undefined;

  /** `processes`: how many take from it, each its share while there is no row. `sinceMs`: when it was full. */
  constructor(
    readonly config: TokenBucketConfig,
    private sinceMs: number,
    private readonly processes = 1,
  ) {}

  /** From here on what the others take is missing here. */
  readonly join = (row: SharedRow): void => {
    row.own[takenCell]! += this.own[takenCell]!;
    this.own = row.own;
    this.sinceMs = row.sinceMs;
    this.row = row;
  };

  /** False: there is none left. */
  take(nowMs: number): boolean {
    const level = this.level(nowMs);
    if (level < 1) return false;
    this.own[takenCell]!++;
    return true;
  }

  remaining(nowMs: number): number {
    return Math.max(0, Math.floor(this.level(nowMs)));
  }

  /** Until the next fill. */
  resetMs(nowMs: number): number {
    const { fillIntervalMs } = this.config;
    return fillIntervalMs - ((nowMs - this.sinceMs) % fillIntervalMs);
  }

  /** Who looks first after a fill takes out what there is no room for; the others see that it is taken. */
  private level(nowMs: number): number {
    const { tokensMax, tokensPerFill, fillIntervalMs } = this.config;
    const { row } = this;
    const share = row === undefined ? this.processes : 1;
    const most = Math.ceil(tokensMax / share);
    const fills = Math.floor((nowMs - this.sinceMs) / fillIntervalMs);
    const taken = this.own[takenCell]! + (row === undefined ? 0 : row.others(takenCell));
    const level = most + (fills * tokensPerFill) / share - taken;
    if (level <= most) return level;
    this.own[takenCell]! += level - most;
    return most;
  }
}
