// Whether a request that nobody decided about yet is traced: by Envoy's three fractions, and what the request id says that a proxy before
// this one decided. Pure but for the chance that it is given.
import type { Random } from '#foundation/random';
import type { TracingConfig } from '#proxy/config/tracing';
import type { RequestHead } from '#proxy/http/head';

/** Envoy's names of its counters. */
export interface SamplingDecision {
  readonly reason: 'client_enabled' | 'service_forced' | 'random_sampling' | 'not_traceable';
}

/** Envoy keeps the decision in a request id, where a UUID has its version: the 15th character. */
const markPosition = 14;
const uuidLength = 36;
const marks = { random_sampling: '9', service_forced: 'a', client_enabled: 'b' } as const;

/** `header`: of the request, which has its id. */
export function decideSampling(
  { clientSampling, randomSampling, overallSampling, requestIds }: TracingConfig,
  header: (name: string) => string | undefined,
  random: Random,
): SamplingDecision {
  if (!requestIds.followed) return { reason: 'random_sampling' };
  const chosen = (fraction: number) => fraction >= 1 || (fraction > 0 && random.next() < fraction);
  const before = header('x-request-id')?.[markPosition];
  const known = Object.entries(marks).find(([, mark]) => mark === before)?.[0] as keyof typeof marks | undefined;
  let reason: SamplingDecision['reason'] = known ?? 'not_traceable';
  if (known === undefined) {
    if (header('x-client-trace-id') !== undefined && chosen(clientSampling)) reason = 'client_enabled';
    else if (header('x-envoy-force-trace') !== undefined) reason = 'service_forced';
    else if (chosen(randomSampling)) reason = 'random_sampling';
  }
  return { reason: reason !== 'not_traceable' && !chosen(overallSampling) ? 'not_traceable' : reason };
}

/** Writes the decision into the request id, for the proxies behind this one. */
export function markSampled(request: RequestHead, { reason }: SamplingDecision): void {
  const id = request.header('x-request-id');
  if (reason === 'not_traceable' || id?.length !== uuidLength || id[markPosition] === marks[reason]) return;
  request.set('x-request-id', id.slice(0, markPosition) + marks[reason] + id.slice(markPosition + 1));
}
