// The HTTP filters of a connection manager, in the order in which a request meets them.

import { Cors } from '#codec/protobuf/generated/envoy/extensions/filters/http/cors/v3/cors';
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import { Router } from '#codec/protobuf/generated/envoy/extensions/filters/http/router/v3/router';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { FilterConfig as AlpnFilter, FilterConfig_Protocol as AlpnProtocol } from '#codec/protobuf/generated/istio/alpn';
import { Config as PeerMetadata } from '#codec/protobuf/generated/istio/peer_metadata';
import { PluginConfig as StatsConfig } from '#codec/protobuf/generated/istio/stats';
import type { ProxySettings } from '#control/mesh/proxy-settings';
import type { MetricPlan } from '#control/view/workload-telemetry';
import { dynamicHostFilter } from './dynamic-forward-proxy.ts';
import { durationOf, pack } from './message.ts';
import { offered } from './mutual-tls.ts';

/** Where a listener stands: Istio's filters differ by it. */
export type ListenerClass = 'sidecar-inbound' | 'sidecar-outbound' | 'gateway';

export const faultFilterName = 'envoy.filters.http.fault';
export const corsFilterName = 'envoy.filters.http.cors';

/** `istio`: the proxy has Istio's own filters; `guards`: who may pass; `metrics`: what is changed of Istio's; `namesHosts`: some host is resolved by the
 * name in the request. */
export function httpFilters(
  place: ListenerClass,
  istio: boolean,
  guards: readonly HttpFilter[],
  settings: Pick<ProxySettings, 'envoyHeaders' | 'tellsMeshAlone'>,
  metrics: readonly MetricPlan[],
  namesHosts: boolean,
): HttpFilter[] {
  return [
    ...(istio ? [peerMetadata(place, settings.tellsMeshAlone)] : []), // first: what follows may ask who the peer is
    ...guards,
    ...(istio && place !== 'sidecar-inbound' ? [alpn] : []),
    fault(), // rejects cheaply
    httpFilter(corsFilterName, pack('envoy.extensions.filters.http.cors.v3.Cors', Cors, {})), // per route; answers preflights
    ...(namesHosts ? [dynamicHostFilter()] : []),
    ...(istio ? [stats(place, metrics)] : []), // last before the router: sees what came of all others
    router(settings),
  ];
}

/** Faults are the routes'. */
export function fault(): HttpFilter {
  return httpFilter(faultFilterName, pack('envoy.extensions.filters.http.fault.v3.HTTPFault', HTTPFault, {}));
}

export function router({ envoyHeaders }: Pick<ProxySettings, 'envoyHeaders'>): HttpFilter {
  const config = envoyHeaders ? {} : { suppressEnvoyHeaders: true };
  return httpFilter('envoy.filters.http.router', pack('envoy.extensions.filters.http.router.v3.Router', Router, config));
}

/** Sidecars learn who calls and say who they are, by Istio's headers; nothing is said to services outside of the mesh by a gateway, or at all. */
function peerMetadata(place: ListenerClass, tellsMeshAlone: boolean): HttpFilter {
  const skipExternalClusters = place === 'gateway' || (tellsMeshAlone && place === 'sidecar-outbound');
  const headers = { methodSpecifier: { $case: 'istioHeaders', value: { skipExternalClusters } } } as const;
  const config =
    place === 'sidecar-inbound'
      ? { downstreamDiscovery: [headers], downstreamPropagation: [headers] }
      : { upstreamDiscovery: [headers], upstreamPropagation: [headers] };
  return httpFilter('istio.metadata_exchange', pack('io.istio.http.peer_metadata.Config', PeerMetadata, config));
}

/** A server whose port may speak anything tells by it that there is HTTP inside of the mesh's TLS. */
const alpn = httpFilter(
  'istio.alpn',
  pack('istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig', AlpnFilter, {
    alpnOverride: [
      { upstreamProtocol: AlpnProtocol.HTTP10, alpnOverride: ['istio-http/1.0', 'istio', 'http/1.0'] },
      { upstreamProtocol: AlpnProtocol.HTTP11, alpnOverride: [...offered.http1] },
      { upstreamProtocol: AlpnProtocol.HTTP2, alpnOverride: [...offered.http2] },
    ],
  }),
);

function stats(place: ListenerClass, metrics: readonly MetricPlan[]): HttpFilter {
  return httpFilter('istio.stats', statsConfig(place !== 'sidecar-outbound', metrics));
}

/** Of Istio's metrics, for requests and for connections. */
export function statsConfig(disableHostHeaderFallback: boolean, metrics: readonly MetricPlan[], reportingIntervalMs?: number): Any {
  return pack('stats.PluginConfig', StatsConfig, {
    disableHostHeaderFallback,
    ...(reportingIntervalMs !== undefined && { tcpReportingDuration: durationOf(reportingIntervalMs) }),
    metrics: metrics.map(({ metric, disabled, upserted, removed }) => ({
      name: metricNames[metric] ?? metric,
      drop: disabled,
      dimensions: upserted,
      tagsToRemove: [...removed],
    })),
  });
}

/** Of Istio's API to those that its filter has; a metric of the user's own has its own name. */
const metricNames: Readonly<Record<string, string>> = {
  REQUEST_COUNT: 'requests_total',
  REQUEST_DURATION: 'request_duration_milliseconds',
  REQUEST_SIZE: 'request_bytes',
  RESPONSE_SIZE: 'response_bytes',
  TCP_OPENED_CONNECTIONS: 'tcp_connections_opened_total',
  TCP_CLOSED_CONNECTIONS: 'tcp_connections_closed_total',
  TCP_SENT_BYTES: 'tcp_sent_bytes_total',
  TCP_RECEIVED_BYTES: 'tcp_received_bytes_total',
  GRPC_REQUEST_MESSAGES: 'request_messages_total',
  GRPC_RESPONSE_MESSAGES: 'response_messages_total',
};

export function httpFilter(name: string, config: Any): HttpFilter {
  return { name, configType: { $case: 'typedConfig', value: config }, isOptional: false, disabled: false };
}
