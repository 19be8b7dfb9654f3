// One question to one endpoint, and its answer. Made by health-checker.ts for each check, by the kind of check.

import type { HealthCheckConfig } from '#proxy/config/health-check';
import { Http2Stats } from '#proxy/http2/http2-stats';
import { ClusterStats } from '../cluster-stats.ts';
import { Endpoint } from '../endpoint.ts';
import type { UpstreamContext } from '../upstream-context.ts';

/** `broken`: it could not be asked, or answered nothing that can be judged. */
export type ProbeResult = 'healthy' | 'degraded' | 'unhealthy' | 'broken';

export interface Probe {
  /** No answer is wanted any more; `done` is not called. */
  cancel(): void;
}

const unlimited = Number.POSITIVE_INFINITY;

/**
 * The endpoint as its checks see it: connections of their own, which neither count among those of the requests nor are bounded with them.
 */
export function probedEndpoint(endpoint: Endpoint, { probe, timeoutMs, reusesConnection }: HealthCheckConfig): Endpoint {
  const { context } = endpoint;
  const http2 = probe.kind === 'grpc' || (probe.kind === 'http' && probe.http2);
  const probed: UpstreamContext = {
    ...context,
    stats: new ClusterStats(),
    http2Stats: new Http2Stats(),
    config: {
      ...context.config,
      protocol: http2 ? 'http2' : 'http1',
      connectTimeoutMs: timeoutMs,
      circuitBreaker: { connectionsMax: unlimited, pendingRequestsMax: unlimited, requestsMax: unlimited, retriesMax: 0 },
      maxRequestsPerConnection: reusesConnection ? 0 : 1,
    },
  };
  return new Endpoint(probed, endpoint.config);
}
