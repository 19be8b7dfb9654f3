// Faults of a VirtualService's rule, as the per-route configuration of Envoy's fault filter.

import { grpcStatuses } from '#api/grpc-status';
import type { HttpRoute } from '#api/kinds/virtual-service';
import { type FaultAbort, HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { durationMs } from '#foundation/duration';
import { fraction } from './fraction.ts';
import { faultFilterName } from './http-filter.ts';
import { durationOf, pack } from './message.ts';

type Fault = NonNullable<HttpRoute['fault']>;

export function routeFault(fault: Fault | undefined): Record<string, Any> {
  const delayMs = fault?.delay?.fixedDelay === undefined ? undefined : durationMs(fault.delay.fixedDelay);
  const errorType = abortError(fault?.abort);
  if (delayMs === undefined && errorType === undefined) return {};
  const config = pack('envoy.extensions.filters.http.fault.v3.HTTPFault', HTTPFault, {
    ...(delayMs !== undefined && {
      delay: { faultDelaySecifier: { $case: 'fixedDelay', value: durationOf(delayMs) }, percentage: fraction(percentOf(fault?.delay)) },
    }),
    ...(errorType && { abort: { errorType, percentage: fraction(percentOf(fault?.abort)) } }),
  });
  return { [faultFilterName]: config };
}

/** Who does not say how many requests means none: Istio's way. `percent` is the old form. */
function percentOf(part: { percentage?: { value?: number }; percent?: number } | undefined): number {
  return part?.percentage ? (part.percentage.value ?? 0) : (part?.percent ?? 0);
}

function abortError(abort: Fault['abort']): FaultAbort['errorType'] {
  if (abort?.httpStatus !== undefined) return { $case: 'httpStatus', value: abort.httpStatus };
  if (abort?.grpcStatus !== undefined) return { $case: 'grpcStatus', value: grpcStatuses.indexOf(abort.grpcStatus) };
  return undefined;
}
