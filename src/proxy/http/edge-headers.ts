// What clients outside of the mesh may not say, and what is said of them instead: Envoy's rules for the headers that services behind
// it believe. Pure; prepare.ts asks for each request of a connection manager with `use_remote_address`.
import { isIP } from 'node:net';
import type { RequestHead } from './head.ts';

/** They steer retries, timeouts, traces and names of whoever is behind (Envoy's `cleanInternalHeaders`). */
const internalNames: readonly string[] = [
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-external-address',
  'x-envoy-force-trace',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-internal',
  'x-envoy-ip-tags',
  'x-envoy-is-timeout-retry',
  'x-envoy-max-retries',
  'x-envoy-original-host',
  'x-envoy-original-path',
  'x-envoy-original-url',
  'x-envoy-retriable-header-names',
  'x-envoy-retriable-status-codes',
  'x-envoy-retry-grpc-on',
  'x-envoy-retry-on',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-stream-duration-ms',
];

const privateAddress = /^(?:10\.|127\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|::1$|f[cd])/i;

/** What `x-forwarded-for` says of the one that stands `fromEnd` places before its last; undefined: no address. */
export function forwardedAddress(header: string | undefined, fromEnd: number): string | undefined {
  const address = header
    ?.split(',')
    .at(-1 - fromEnd)
    ?.trim();
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}

/** Of a request that comes over the edge: from outside, as far as its own connection tells. */
export function isExternal(remoteAddress: string): boolean {
  return !privateAddress.test(remoteAddress);
}

/** Of an external request. */
export function cleanEdgeHeaders(request: RequestHead, remoteAddress: string): void {
  for (const name of internalNames) request.remove(name);
  request.set('x-envoy-external-address', remoteAddress);
}
