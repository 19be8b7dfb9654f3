// Answers health checks in the upstream's place, by how many endpoints of its clusters are healthy: Envoy's `health_check` filter.
import { HealthCheck } from '#codec/protobuf/generated/envoy/extensions/filters/http/health_check/v3/health_check';
import { decodeHeaderMatcher } from '#proxy/config/decode-matcher';
import type { HttpFilterType } from '#proxy/http/http-filter';
import type { HeaderTest } from '#proxy/route/header-test';
import { headerMatches } from '#proxy/route/route-match';
import type { ClusterManager } from '#proxy/upstream/cluster-manager';
import { responseFlag } from '#telemetry/response-flags';

interface HealthCheckConfig {
  /** All of them; they say which requests are health checks. */
  readonly headers: readonly HeaderTest[];
  /** The upstream answers itself. */
  readonly passThrough: boolean;
  readonly minHealthyPercent: readonly (readonly [cluster: string, percent: number])[];
}

export const healthCheckType: HttpFilterType<HealthCheckConfig> = {
  message: 'envoy.extensions.filters.http.health_check.v3.HealthCheck',
  decode(bytes, field, findings) {
    const config = HealthCheck.decode(bytes);
    if (config.cacheTime !== undefined) findings.report(`${field}.cache_time`, 'is not supported');
    return {
      headers: config.headers.map((header, i) => decodeHeaderMatcher(header, `${field}.headers[${i}]`, findings)),
      passThrough: config.passThroughMode ?? false,
      minHealthyPercent: Object.entries(config.clusterMinHealthyPercentages).map(([name, { value }]) => [name, value] as const),
    };
  },
  make: ({ headers, passThrough, minHealthyPercent }, { runtime }) => ({
    request(stream) {
      if (passThrough || !headers.every((header) => headerMatches(header, stream))) return 'continue';
      const healthy = minHealthyPercent.every(([name, percent]) => healthyPercent(runtime.clusters, name) >= percent);
      const details = healthy ? 'health_check_ok' : 'health_check_failed';
      stream.reply({ status: healthy ? 200 : 503, flags: responseFlag.none, details });
      return 'stop';
    },
  }),
};

function healthyPercent(clusters: ClusterManager, name: string): number {
  const { membership_total: total = 0, membership_healthy: healthy = 0 } = clusters.get(name)?.stats ?? {};
  return total === 0 ? 0 : (100 * healthy) / total;
}
