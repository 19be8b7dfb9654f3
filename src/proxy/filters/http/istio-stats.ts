// Istio's metrics: proxy-instance.ts makes a listener of finished exchanges where a connection manager has this filter.
import { PluginConfig } from '#codec/protobuf/generated/istio/stats';
import type { HttpFilterType } from '#proxy/http/http-filter';

export const istioStatsType: HttpFilterType = {
  message: 'stats.PluginConfig',
  decode: (bytes) => PluginConfig.decode(bytes),
  make: () => undefined,
};
