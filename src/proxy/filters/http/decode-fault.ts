// Envoy's HTTPFault -> FaultConfig. Used for the filter itself and for a route's own.
import type { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import { decodeHeaderMatcher, fractionOf } from '#proxy/config/decode-matcher';
import { type Findings, milliseconds } from '#proxy/config/findings';
import { httpStatusOfGrpc } from '#proxy/http/grpc';
import type { HeaderTest } from '#proxy/route/header-test';
import type { FaultConfig } from './fault-config.ts';

/** A fault for requests that match all of `headers`; undefined: for all. */
export interface ConditionalFault extends FaultConfig {
  readonly headers?: readonly HeaderTest[];
}

/** Undefined when it asks for nothing. */
export function decodeFault(fault: HTTPFault, field: string, findings: Findings): ConditionalFault | undefined {
  const headers = fault.headers.map((matcher, i) => decodeHeaderMatcher(matcher, `${field}.headers[${i}]`, findings));
  if (fault.responseRateLimit !== undefined) findings.report(`${field}.response_rate_limit`, 'is not supported');
  const delay = decodeDelay(fault, field, findings);
  const abort = decodeAbort(fault, field, findings);
  return delay === undefined && abort === undefined ? undefined : { delay, abort, ...(headers.length > 0 && { headers }) };
}

function decodeDelay({ delay }: HTTPFault, field: string, findings: Findings): FaultConfig['delay'] {
  if (delay === undefined) return undefined;
  if (delay.faultDelaySecifier?.$case !== 'fixedDelay') {
    findings.report(`${field}.delay`, 'only fixed_delay is supported');
    return undefined;
  }
  return { fixedMs: milliseconds(delay.faultDelaySecifier.value, 0), fraction: fractionOf(delay.percentage, 0) };
}

function decodeAbort({ abort }: HTTPFault, field: string, findings: Findings): FaultConfig['abort'] {
  if (abort === undefined) return undefined;
  const fraction = fractionOf(abort.percentage, 0);
  if (abort.errorType?.$case === 'grpcStatus') {
    const grpcStatus = abort.errorType.value;
    return { httpStatus: httpStatusOfGrpc(grpcStatus), grpcStatus, fraction };
  }
  if (abort.errorType?.$case !== 'httpStatus') {
    findings.report(`${field}.abort`, 'only http_status and grpc_status are supported');
    return undefined;
  }
  const httpStatus = abort.errorType.value;
  if (httpStatus < 200 || httpStatus > 599) findings.report(`${field}.abort.http_status`, `${httpStatus} is not within 200-599`);
  return { httpStatus, fraction };
}
