// Whether a request that failed is tried again, and when: the route's policy, the cluster's budget of retries, the backoff.
// Envoy's `retry_on` words as its router documentation defines them.
import { Backoff } from '#foundation/backoff';
import type { Random } from '#foundation/random';
import type { ResponseHead } from '#proxy/http/head';
import type { ResetReason } from '#proxy/http/port';
import type { RetryPolicy } from '#proxy/route/route';
import type { Cluster } from '#proxy/upstream/cluster';

export type RetryDecision = { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'no' | 'limit' | 'overflow' };

const no: RetryDecision = { kind: 'no' };

/** gRPC status codes that have a word in `retry_on`. */
const grpcWords = new Map([
  ['1', 'cancelled'],
  ['4', 'deadline-exceeded'],
  ['8', 'resource-exhausted'],
  ['13', 'internal'],
  ['14', 'unavailable'],
]);

export class RetryState {
  private retries = 0;
  /** This request's retry under way counts against the cluster's `retriesMax`. */
  private counted = false;
  private readonly backoff: Backoff;

  constructor(
    private readonly policy: RetryPolicy,
    private readonly cluster: Cluster,
    random: Random,
  ) {
    this.backoff = new Backoff({ random, delayMsMin: policy.backoffMsMin, delayMsMax: policy.backoffMsMax });
  }

  /** After a response's head. */
  afterResponse(head: ResponseHead): RetryDecision {
    this.settle();
    return wantsRetryOfStatus(this.policy, head) ? this.decide() : no;
  }

  /** After a try that ended without a response. `sent`: some of it may have reached the upstream. */
  afterReset(reason: ResetReason, sent: boolean): RetryDecision {
    this.settle();
    return wantsRetryOfReset(this.policy.on, reason, sent) ? this.decide() : no;
  }

  /** The try under way is over; to be called at the stream's end too. */
  settle(): void {
    if (this.counted) this.cluster.activeRetries--;
    this.counted = false;
  }

  /** The last try was a retry, and it did it. */
  countSuccess(): void {
    if (this.retries > 0) this.cluster.stats.upstream_rq_retry_success++;
  }

  private decide(): RetryDecision {
    const { stats, config } = this.cluster;
    if (this.retries >= this.policy.retriesMax) {
      stats.upstream_rq_retry_limit_exceeded++;
      return { kind: 'limit' };
    }
    if (this.cluster.activeRetries >= config.circuitBreaker.retriesMax) {
      stats.upstream_rq_retry_overflow++;
      return { kind: 'overflow' };
    }
    this.retries++;
    this.counted = true;
    this.cluster.activeRetries++;
    stats.upstream_rq_retry++;
    return { kind: 'retry', delayMs: this.backoff.next() };
  }
}

function wantsRetryOfStatus({ on, statuses }: RetryPolicy, head: ResponseHead): boolean {
  const { status } = head;
  if (status >= 500 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (on.has('retriable-status-codes') && statuses.has(status)) return true;
  const grpc = grpcWords.get(head.header('grpc-status') ?? '');
  return grpc !== undefined && on.has(grpc);
}

function wantsRetryOfReset(on: ReadonlySet<string>, reason: ResetReason, sent: boolean): boolean {
  if (reason.kind === 'overflow') return false;
  if (on.has('5xx') || on.has('gateway-error') || on.has('reset')) return true;
  if (!sent && on.has('reset-before-request')) return true;
  return (reason.kind === 'connect-failure' || reason.kind === 'connect-timeout') && on.has('connect-failure');
}
