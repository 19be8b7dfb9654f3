// Retries: Istio's default, and what a rule asks for instead.

import type { HttpRoute } from '#api/kinds/virtual-service';
import { RetryPolicy } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { PreviousPrioritiesConfig } from '#codec/protobuf/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config';
import { durationMs } from '#foundation/duration';
import { durationOf, pack } from './message.ts';

const defaultConditions = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
const defaultStatuses = [503];
const defaultAttempts = 2;

/**
 * Undefined: the rule, or else the mesh's default, asks for no retries; who says something of them has to say how many. `hashed`: like
 * requests are to meet the same endpoint, at a second try too, unless the rule says otherwise.
 */
export function retryPolicy(own: HttpRoute['retries'], meshDefault: HttpRoute['retries'], hashed: boolean): RetryPolicy | undefined {
  const retries = own ?? meshDefault;
  const attempts = retries === undefined ? defaultAttempts : (retries.attempts ?? 0);
  if (attempts <= 0) return undefined;
  const { conditions, statuses } = retries?.retryOn
    ? parseRetryOn(retries.retryOn)
    : { conditions: defaultConditions, statuses: defaultStatuses };
  const perTryMs = retries?.perTryTimeout && durationMs(retries.perTryTimeout);
  const backoffMs = retries?.backoff && durationMs(retries.backoff);
  return RetryPolicy.fromPartial({
    retryOn: conditions,
    retriableStatusCodes: statuses,
    numRetries: attempts,
    ...(perTryMs && { perTryTimeout: durationOf(perTryMs) }),
    ...(backoffMs && { retryBackOff: { baseInterval: durationOf(backoffMs) } }),
    ...((retries?.retryIgnorePreviousHosts ?? !hashed) && previousHosts()),
    ...(retries?.retryRemoteLocalities && previousPriorities()),
  });
}

/** What never reached a workload may go to it again, without a doubt and for a second or two. */
export function workloadRetryPolicy(): RetryPolicy {
  return RetryPolicy.fromPartial({
    retryOn: 'connect-failure,reset-before-request',
    numRetries: 15,
    retryBackOff: { baseInterval: durationOf(25), maxInterval: durationOf(250) },
  });
}

/** Words stay words; numbers are statuses, which need a word of their own. */
function parseRetryOn(text: string): { conditions: string; statuses: number[] } {
  const words = text.split(',').map((word) => word.trim());
  const statuses = words.filter((word) => /^\d{3}$/.test(word)).map(Number);
  const conditions = words.filter((word) => word !== '' && !/^\d+$/.test(word));
  if (statuses.length > 0 && !conditions.includes('retriable-status-codes')) conditions.push('retriable-status-codes');
  return { conditions: conditions.join(','), statuses };
}

/** After every second try, priorities that were tried are left out: those of other localities come next. */
function previousPriorities(): Parameters<typeof RetryPolicy.fromPartial>[0] {
  const name = 'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig';
  const value = pack(name, PreviousPrioritiesConfig, { updateFrequency: 2 });
  return { retryPriority: { name: 'envoy.retry_priorities.previous_priorities', configType: { $case: 'typedConfig', value } } };
}

/** Another endpoint than those already tried, if one comes up in five picks. */
function previousHosts(): Parameters<typeof RetryPolicy.fromPartial>[0] {
  const typedConfig = {
    typeUrl: 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
    value: Buffer.alloc(0),
  };
  return {
    retryHostPredicate: [{ name: 'envoy.retry_host_predicates.previous_hosts', configType: { $case: 'typedConfig', value: typedConfig } }],
    hostSelectionRetryMaxAttempts: 5,
  };
}
