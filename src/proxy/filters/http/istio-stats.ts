// Istio's metrics: data-plane.ts makes a listener of finished exchanges where a connection manager has this filter.
import { PluginConfig } from '#codec/protobuf/generated/istio/stats';
import type { HttpFilterType } from '#proxy/http/http-filter';
import { MetricOverrides } from '#proxy/telemetry/metric-overrides';

export interface IstioStatsConfig {
  /** Undefined: the standard metrics as they are. */
  readonly overrides?: MetricOverrides | undefined;
}

export const istioStatsType: HttpFilterType<IstioStatsConfig> = {
  message: 'stats.PluginConfig',
  decode: (bytes, field, findings) => ({ overrides: MetricOverrides.decode(PluginConfig.decode(bytes).metrics, field, findings) }),
  make: () => undefined,
};
