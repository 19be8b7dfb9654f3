// Which descriptors a request has: of its route's `rate_limits`, and of its virtual host's where they count as well.
import type { HttpStream } from '#proxy/http/stream';
import type { DescriptorEntry, RateLimit } from '#proxy/route/rate-limit';

/** Envoy's VhRateLimitsOptions, by number: only without limits of the route; always; never. */
export type VirtualHostLimits = 'override' | 'include' | 'ignore';

export const virtualHostLimits: readonly VirtualHostLimits[] = ['override', 'include', 'ignore'];

export function descriptorsOf(stream: HttpStream, stage: number, hostLimits: VirtualHostLimits): (readonly DescriptorEntry[])[] {
  const action = stream.route?.action;
  if (action?.kind !== 'forward') return [];
  const { own, host } = action.rateLimits;
  const counted: readonly RateLimit[] =
    hostLimits === 'include' ? [...own, ...host] : hostLimits === 'override' && own.length === 0 ? host : own;
  return counted.flatMap((limit) => {
    const entries = limit.stage === stage ? limit.describe(stream) : undefined;
    return entries === undefined ? [] : [entries];
  });
}
