// A bucket that gives out so many tokens per interval, and holds so many: Envoy's TokenBucket. Pure; the time is told.
import type { TokenBucket as EnvoyTokenBucket } from '#codec/protobuf/generated/envoy/type/v3/token_bucket';
import { type Findings, milliseconds } from '#proxy/config/findings';

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

export class TokenBucket {
  private tokens: number;
  private filledAtMs: number;

  constructor(
    readonly config: TokenBucketConfig,
    nowMs: number,
  ) {
    this.tokens = config.tokensMax;
    this.filledAtMs = nowMs;
  }

  /** False: there is none left. */
  take(nowMs: number): boolean {
    this.fill(nowMs);
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  get remaining(): number {
    return this.tokens;
  }

  /** Until the next fill. */
  resetMs(nowMs: number): number {
    return Math.max(0, this.filledAtMs + this.config.fillIntervalMs - nowMs);
  }

  private fill(nowMs: number): void {
    const { tokensMax, tokensPerFill, fillIntervalMs } = this.config;
    const fills = Math.floor((nowMs - this.filledAtMs) / fillIntervalMs);
    if (fills <= 0) return;
    this.tokens = Math.min(tokensMax, this.tokens + fills * tokensPerFill);
    this.filledAtMs += fills * fillIntervalMs;
  }
}
