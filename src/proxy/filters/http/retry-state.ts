// Whether a request that failed is tried again, and when: the route's policy, the cluster's budget of retries, the backoff.
// Envoy's `retry_on` words as its router documentation defines them.
import { fieldName } from '#codec/http2/field';
import { Backoff } from '#foundation/backoff';
import type { Random } from '#foundation/random';
import type { ResponseHead } from '#proxy/http/head';
import type { ResetReason } from '#proxy/http/port';
import { valueMatches } from '#proxy/route/header-test';
import type { RetryPolicy, RoutedRequest } from '#proxy/route/route';
import { headerMatches } from '#proxy/route/route-match';
import type { Cluster } from '#proxy/upstream/cluster';
import type { Endpoint } from '#proxy/upstream/endpoint';

export type RetryDecision = { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'no' | 'limit' | 'overflow' };

export const noRetry: RetryDecision = { kind: 'no' };

/** The retries of one request; made when its first try has failed. */
export class RetryState {
  retries = 0;
  /** This request's retry under way counts against the cluster's `retriesMax`. */
  private counted = false;
  private readonly backoff: Backoff;
  /** Endpoints of failed tries, when the policy avoids them. */
  private readonly tried = new Set<Endpoint>();
  /** Of the tries since priorities were last left out. */
  private priorities: number[] = [];
  excludedPriorities: Set<number> | undefined;

  constructor(
    private readonly policy: RetryPolicy,
    private readonly cluster: Cluster,
    random: Random,
  ) {
    this.backoff = new Backoff({ random, delayMsMin: policy.backoffMsMin, delayMsMax: policy.backoffMsMax });
  }

  /** A try has failed there. */
  note(endpoint: Endpoint): void {
    const { avoidPreviousHosts, triesPerPriority } = this.policy;
    if (avoidPreviousHosts) this.tried.add(endpoint);
    if (triesPerPriority === 0) return;
    this.priorities.push(endpoint.config.priority);
    if (this.priorities.length < triesPerPriority) return;
    this.excludedPriorities = new Set([...(this.excludedPriorities ?? []), ...this.priorities]);
    this.priorities = [];
  }

  avoids(endpoint: Endpoint): boolean {
    return this.tried.has(endpoint);
  }

  /** May a request that the policy wants to retry be retried now? */
  decide(): RetryDecision {
    const { stats } = this.cluster;
    this.settle();
    if (this.retries >= this.policy.retriesMax) {
      stats.upstream_rq_retry_limit_exceeded++;
      return { kind: 'limit' };
    }
    if (this.cluster.retriesReached) {
      stats.upstream_rq_retry_overflow++;
      return { kind: 'overflow' };
    }
    this.retries++;
    this.counted = true;
    stats.activeRetries++;
    stats.upstream_rq_retry++;
    return { kind: 'retry', delayMs: this.backoff.next() };
  }

  /** The try under way is over; to be called at the stream's end too. */
  settle(): void {
    if (this.counted) this.cluster.stats.activeRetries--;
    this.counted = false;
  }
}

const grpcStatus = fieldName('grpc-status');

/** gRPC status codes that have a word in `retry_on`. */
const grpcWords: Readonly<Record<string, string>> = {
  '1': 'cancelled',
  '4': 'deadline-exceeded',
  '8': 'resource-exhausted',
  '13': 'internal',
  '14': 'unavailable',
};

/** May this request be retried at all, as its headers say? */
export function wantsRetries({ requestHeaders }: RetryPolicy, request: RoutedRequest): boolean {
  return requestHeaders.length === 0 || requestHeaders.some((test) => headerMatches(test, request));
}

function responseValue(head: ResponseHead, name: string): string | undefined {
  return name === ':status' ? String(head.status) : head.header(name);
}

/** Does the policy want a response with this head to be retried? */
export function retriesStatus({ on, statuses, responseHeaders }: RetryPolicy, head: ResponseHead): boolean {
  const { status } = head;
  if (status >= 500 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (statuses.has(status) && on.has('retriable-status-codes')) return true;
  if (on.has('retriable-headers') && responseHeaders.some((test) => valueMatches(test, responseValue(head, test.name)))) return true;
  if (!head.has(grpcStatus)) return false;
  const word = grpcWords[head.header(grpcStatus) ?? ''];
  return word !== undefined && on.has(word);
}

/** Does it want a try without a response to be? `sent`: some of the request may have reached the upstream. */
export function retriesReset({ on }: RetryPolicy, reason: ResetReason, sent: boolean): boolean {
  if (reason.kind === 'overflow') return false;
  if (on.has('5xx') || on.has('gateway-error') || on.has('reset')) return true;
  if (!sent && on.has('reset-before-request')) return true;
  if (reason.kind === 'refused-stream' && on.has('refused-stream')) return true;
  return (reason.kind === 'connect-failure' || reason.kind === 'connect-timeout') && on.has('connect-failure');
}
