// Injects faults: a delay before the request goes on, an answer in the upstream's place. Envoy's `fault` filter; the route's own
// configuration stands in for the filter's.
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import type { Findings } from '#proxy/config/findings';
import { type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { valueMatches } from '#proxy/route/header-test';
import type { RoutedRequest } from '#proxy/route/route';
import type { RouteFilters } from '#proxy/route/route-filter';
import { headerValue } from '#proxy/route/route-match';
import { Timeout } from '#proxy/timer-wheel';
import { responseFlag } from '#telemetry/response-flags';
import { type ConditionalFault, decodeFault } from './decode-fault.ts';
import type { FaultConfig } from './fault-config.ts';

const decode = (bytes: Uint8Array, field: string, findings: Findings) => decodeFault(HTTPFault.decode(bytes), field, findings);

export const faultType: HttpFilterType<ConditionalFault | undefined, ConditionalFault | undefined> = {
  message: 'envoy.extensions.filters.http.fault.v3.HTTPFault',
  decode,
  perRoute: { decode },
  make: (general, { name }) => ({
    request(stream) {
      const fault = routeConfig(stream, faultType, name) ?? general;
      if (fault === undefined || !concerns(fault, stream)) return 'continue';
      const { random } = stream.manager.runtime;
      if (fault.delay !== undefined && random.next() < fault.delay.fraction) {
        delay(stream, fault.delay.fixedMs, () => {
          if (!abort(stream, fault)) stream.continueRequest();
        });
        return 'stop';
      }
      return abort(stream, fault) ? 'stop' : 'continue';
    },
  }),
};

/** The fault that a route injects into the request, for who explains it. */
export function faultOf(filters: RouteFilters, request: RoutedRequest): FaultConfig | undefined {
  for (const { type, config } of filters.values()) {
    if (type !== faultType || config === undefined) continue;
    const { delay, abort, ...condition } = config as ConditionalFault;
    return concerns(condition, request) ? { delay, abort } : undefined;
  }
  return undefined;
}

function concerns({ headers }: Pick<ConditionalFault, 'headers'>, request: RoutedRequest): boolean {
  return headers === undefined || headers.every((test) => valueMatches(test, headerValue(request, test.name)));
}

function delay(stream: HttpStream, delayMs: number, then: () => void): void {
  const { timers } = stream.manager.runtime;
  const timeout = new Timeout(() => {
    stream.pending = undefined;
    then();
  });
  stream.flags |= responseFlag.delayInjected;
  stream.pending = { cancel: () => timers.cancel(timeout) };
  timers.set(timeout, delayMs);
}

/** True: the stream is answered. */
function abort(stream: HttpStream, { abort: fault }: FaultConfig): boolean {
  if (fault === undefined || stream.manager.runtime.random.next() >= fault.fraction) return false;
  const { httpStatus, grpcStatus } = fault;
  stream.reply({
    status: httpStatus,
    flags: responseFlag.faultInjected,
    details: 'fault_filter_abort',
    body: 'fault filter abort',
    ...(grpcStatus !== undefined && { grpcStatus }),
  });
  return true;
}
