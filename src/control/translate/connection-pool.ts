// A DestinationRule's `connectionPool` and `retryBudget`: how many connections and requests a cluster may have, how long each connection
// lives. Envoy spreads them over circuit breakers, protocol options and connection options.

import type { TrafficPolicy } from '#api/kinds/destination-rule';
import type { CircuitBreakers } from '#codec/protobuf/generated/envoy/config/cluster/v3/circuit_breaker';
import type { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import type { TcpKeepalive } from '#control/mesh/mesh-config';
import { durationMs } from '#foundation/duration';
import { httpProtocolOptions, type MoreOptions, type UpstreamProtocol } from './http-protocol-options.ts';
import { durationOf } from './message.ts';
import type { PortPolicy } from './traffic-policy.ts';

type ConnectionPool = NonNullable<TrafficPolicy['connectionPool']>;

/** Istio's defaults of a budget of which not everything is said. */
const budgetDefault = { percent: 20, minRetryConcurrency: 3 };

/** What is not said has no limit: Istio's default, where Envoy's own would be 1024. */
export function circuitBreakers({ connectionPool, retryBudget }: Pick<PortPolicy, 'connectionPool' | 'retryBudget'>): CircuitBreakers {
  const unlimited = 4_294_967_295;
  const { tcp, http } = connectionPool ?? {};
  const threshold = {
    priority: 0,
    maxConnections: tcp?.maxConnections || unlimited,
    maxPendingRequests: http?.http1MaxPendingRequests || unlimited,
    maxRequests: http?.http2MaxRequests || unlimited,
    maxRetries: http?.maxRetries || unlimited,
    retryBudget: retryBudget && {
      budgetPercent: { value: retryBudget.percent ?? budgetDefault.percent },
      minRetryConcurrency: retryBudget.minRetryConcurrency ?? budgetDefault.minRetryConcurrency,
      budgetInterval: wireDuration(retryBudget.budgetInterval),
    },
    trackRemaining: true,
    maxConnectionPools: undefined,
  };
  return { thresholds: [threshold], perHostThresholds: [] };
}

/** Empty where HTTP/1 with Envoy's own defaults is spoken. */
export function protocolOptions(protocol: UpstreamProtocol, { http, tcp }: ConnectionPool, more: MoreOptions = {}): Record<string, Any> {
  const idleTimeout = wireDuration(http?.idleTimeout ?? tcp?.idleTimeout);
  const maxConnectionDuration = wireDuration(tcp?.maxConnectionDuration);
  const { maxRequestsPerConnection, maxConcurrentStreams, http2KeepAlive } = http ?? {};
  const common = {
    ...(idleTimeout && { idleTimeout }),
    ...(maxConnectionDuration && { maxConnectionDuration }),
    ...(maxRequestsPerConnection && { maxRequestsPerConnection }),
  };
  if (protocol === 'http1' && Object.keys({ ...common, ...more }).length === 0) return {};
  const interval = wireDuration(http2KeepAlive?.interval);
  const timeout = wireDuration(http2KeepAlive?.timeout);
  const http2 = {
    ...(maxConcurrentStreams && { maxConcurrentStreams }),
    ...(http2KeepAlive && { connectionKeepalive: { ...(interval && { interval }), ...(timeout && { timeout }) } }),
  };
  return httpProtocolOptions(protocol, common, http2, more);
}

/** `meshDefault`: where the pool says nothing of it. */
export function connectionOptions(
  { tcp }: ConnectionPool,
  meshDefault: TcpKeepalive | undefined,
): Pick<Partial<Cluster>, 'upstreamConnectionOptions'> {
  const keepalive = tcp?.tcpKeepalive ?? meshDefault;
  if (!keepalive) return {};
  const seconds = (text: string | undefined) => (text === undefined ? undefined : Math.round((durationMs(text) ?? 0) / 1000));
  const tcpKeepalive = {
    keepaliveProbes: keepalive.probes,
    keepaliveTime: seconds(keepalive.time),
    keepaliveInterval: seconds(keepalive.interval),
  };
  return {
    upstreamConnectionOptions: { tcpKeepalive, setLocalInterfaceNameOnUpstreamConnections: false, happyEyeballsConfig: undefined },
  };
}

function wireDuration(text: string | undefined): ReturnType<typeof durationOf> | undefined {
  const ms = text === undefined ? undefined : durationMs(text);
  return ms === undefined ? undefined : durationOf(ms);
}
