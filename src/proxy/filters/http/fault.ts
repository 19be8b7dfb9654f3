// Injects faults: a delay before the request goes on, an answer in the upstream's place. Envoy's `fault` filter; the route's own
// configuration stands in for the filter's.

import type { HttpFilter } from '#proxy/http/connection-manager';
import type { HttpStream } from '#proxy/http/stream';
import type { FaultConfig } from '#proxy/route/fault';
import { Timeout } from '#proxy/timer-wheel';
import { responseFlag } from '#telemetry/response-flags';

export function faultFilter(general: FaultConfig | undefined): HttpFilter {
  return {
    request(stream) {
      const fault = stream.route?.fault ?? general;
      if (fault === undefined) return 'continue';
      const { random } = stream.manager.runtime;
      if (fault.delay !== undefined && random.next() < fault.delay.fraction) {
        delay(stream, fault.delay.fixedMs, () => {
          if (!abort(stream, fault)) stream.continueRequest();
        });
        return 'stop';
      }
      return abort(stream, fault) ? 'stop' : 'continue';
    },
  };
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
function abort(stream: HttpStream, fault: FaultConfig): boolean {
  if (fault.abort === undefined || stream.manager.runtime.random.next() >= fault.abort.fraction) return false;
  const { httpStatus } = fault.abort;
  stream.reply({ status: httpStatus, flags: responseFlag.faultInjected, details: 'fault_filter_abort', body: 'fault filter abort' });
  return true;
}
