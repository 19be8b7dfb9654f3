// How endpoints are asked whether they are well: decoded from Envoy's HealthCheck, with its defaults.

import { RequestMethod } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { HealthCheck, HealthCheck_Payload } from '#codec/protobuf/generated/envoy/config/core/v3/health_check';
import { CodecClientType } from '#codec/protobuf/generated/envoy/type/v3/http';
import type { Int64Range } from '#codec/protobuf/generated/envoy/type/v3/range';
import { decodeHeaderMutations } from './decode-header-mutations.ts';
import { type Findings, milliseconds } from './findings.ts';

export interface HealthCheckConfig {
  probe: ProbeConfig;
  timeoutMs: number;
  /** False: each check has a connection of its own. */
  reusesConnection: boolean;
  /** Checks in a row that change an endpoint's health. The very first one decides at once. */
  healthyThreshold: number;
  unhealthyThreshold: number;
  intervals: {
    ms: number;
    unhealthyMs: number;
    /** After a change. */
    healthyEdgeMs: number;
    unhealthyEdgeMs: number;
    /** While the cluster has had no connection. */
    noTrafficMs: number;
    noTrafficHealthyMs: number;
    /** At most, by chance, on top. */
    initialJitterMs: number;
    jitterMs: number;
    jitterPercent: number;
  };
}

export type ProbeConfig =
  | {
      kind: 'http';
      method: string;
      path: string;
      /** Empty: the cluster's name. */
      host: string;
      headers: readonly (readonly [name: string, value: string])[];
      http2: boolean;
      expected: (status: number) => boolean;
      /** Other failures count one by one; any other status makes an endpoint sick at once. */
      retriable: (status: number) => boolean;
    }
  /** `receive`: must all come, in order, with anything in between. Without either, connecting is enough. */
  | { kind: 'tcp'; send: Buffer; receive: readonly Buffer[] }
  /** gRPC's own protocol of health checks. `authority` empty: the cluster's name. */
  | { kind: 'grpc'; service: string; authority: string };

/** Envoy takes one for a cluster. */
export function decodeHealthCheck(checks: readonly HealthCheck[], findings: Findings): HealthCheckConfig | undefined {
  const [check, second] = checks;
  if (second !== undefined) findings.report('health_checks', 'more than one is not supported');
  if (check === undefined) return undefined;
  const required = (name: string, value: number | undefined) => {
    if (!value || value <= 0) findings.report(`health_checks[0].${name}`, 'must be above 0');
    return value ?? 1;
  };
  const probe = decodeProbe(check, findings);
  if (check.altPort !== undefined) findings.report('health_checks[0].alt_port', 'is not supported');
  const ms = required('interval', milliseconds(check.interval, 0));
  const unhealthyMs = milliseconds(check.unhealthyInterval, ms);
  const noTrafficMs = milliseconds(check.noTrafficInterval, 60_000);
  return (
    probe && {
      probe,
      timeoutMs: required('timeout', milliseconds(check.timeout, 0)),
      reusesConnection: check.reuseConnection ?? true,
      healthyThreshold: required('healthy_threshold', check.healthyThreshold),
      unhealthyThreshold: required('unhealthy_threshold', check.unhealthyThreshold),
      intervals: {
        ms,
        unhealthyMs,
        healthyEdgeMs: milliseconds(check.healthyEdgeInterval, ms),
        unhealthyEdgeMs: milliseconds(check.unhealthyEdgeInterval, unhealthyMs),
        noTrafficMs,
        noTrafficHealthyMs: milliseconds(check.noTrafficHealthyInterval, noTrafficMs),
        initialJitterMs: milliseconds(check.initialJitter, 0),
        jitterMs: milliseconds(check.intervalJitter, 0),
        jitterPercent: check.intervalJitterPercent,
      },
    }
  );
}

function decodeProbe({ healthChecker }: HealthCheck, findings: Findings): ProbeConfig | undefined {
  switch (healthChecker?.$case) {
    case 'httpHealthCheck': {
      const at = 'health_checks[0].http_health_check';
      const { path, host, method, codecClientType, receive, send, serviceNameMatcher, ...http } = healthChecker.value;
      if (receive.length > 0 || send !== undefined) findings.report(at, 'send and receive are not supported');
      if (serviceNameMatcher !== undefined) findings.report(`${at}.service_name_matcher`, 'is not supported');
      if (codecClientType === CodecClientType.HTTP3) findings.report(`${at}.codec_client_type`, 'HTTP3 is not supported');
      if (!path.startsWith('/')) findings.report(`${at}.path`, `"${path}" does not begin with a slash`);
      const { set, append, addIfAbsent } = decodeHeaderMutations(http.requestHeadersToAdd, []);
      return {
        kind: 'http',
        method: method === RequestMethod.METHOD_UNSPECIFIED ? 'GET' : RequestMethod[method]!,
        path,
        host,
        headers: [...set, ...append, ...addIfAbsent].map(({ name, value }) => [name, value] as const),
        http2: codecClientType === CodecClientType.HTTP2,
        expected: within(http.expectedStatuses.length > 0 ? http.expectedStatuses : [{ start: 200, end: 201 }]),
        retriable: within(http.retriableStatuses),
      };
    }
    case 'tcpHealthCheck': {
      const { send, receive, proxyProtocolConfig } = healthChecker.value;
      if (proxyProtocolConfig !== undefined) findings.report('health_checks[0].tcp_health_check.proxy_protocol_config', 'is not supported');
      return { kind: 'tcp', send: bytesOf(send), receive: receive.map(bytesOf) };
    }
    case 'grpcHealthCheck':
      return { kind: 'grpc', service: healthChecker.value.serviceName, authority: healthChecker.value.authority };
    default:
      findings.report('health_checks[0]', `${healthChecker?.$case ?? 'a check without a checker'} is not supported`);
      return undefined;
  }
}

/** Half open, as Envoy has it. */
function within(ranges: readonly Pick<Int64Range, 'start' | 'end'>[]): (status: number) => boolean {
  return (status) => ranges.some(({ start, end }) => status >= start && status < end);
}

/** Text is hexadecimal. */
function bytesOf(payload: HealthCheck_Payload | undefined): Buffer {
  const value = payload?.payload;
  if (value === undefined) return Buffer.alloc(0);
  return value.$case === 'text' ? Buffer.from(value.value, 'hex') : value.value;
}
