// Faults of a VirtualService's rule, as the per-route configuration of Envoy's fault filter.
import { durationMs } from '#api/duration';
import type { HttpRoute } from '#api/kinds/virtual-service';
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { fraction } from './fraction.ts';
import { faultFilterName } from './http-filter.ts';
import { durationOf, pack } from './message.ts';

type Fault = NonNullable<HttpRoute['fault']>;

export function routeFault(fault: Fault | undefined): Record<string, Any> {
  const delayMs = fault?.delay?.fixedDelay === undefined ? undefined : durationMs(fault.delay.fixedDelay);
  const status = fault?.abort?.httpStatus;
  if (delayMs === undefined && status === undefined) return {};
  const config = pack('envoy.extensions.filters.http.fault.v3.HTTPFault', HTTPFault, {
    ...(delayMs !== undefined && {
      delay: { faultDelaySecifier: { $case: 'fixedDelay', value: durationOf(delayMs) }, percentage: fraction(fault?.delay) },
    }),
    ...(status !== undefined && { abort: { errorType: { $case: 'httpStatus', value: status }, percentage: fraction(fault?.abort) } }),
  });
  return { [faultFilterName]: config };
}
