// HTTP connection managers, as Istio configures them.
import type { Filter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import type { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import {
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert,
  HttpConnectionManager,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import type { MeshConfig } from '#control/mesh/mesh-config';
import type { ProxySettings } from '#control/mesh/proxy-settings';
import type { SideTelemetry } from '#control/view/workload-telemetry';
import { type AccessLogOptions, accessLogs } from './access-log.ts';
import type { Guards } from './guards.ts';
import { fault, httpFilters, type ListenerClass, router } from './http-filter.ts';
import { adsSource, durationOf, pack } from './message.ts';
import { type TracingOptions, tracing } from './tracing.ts';

const typeName = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** What of a proxy its listeners depend on. */
export interface ListenerOptions {
  istio: boolean;
  accessLog: AccessLogOptions;
  tracing: TracingOptions | undefined;
  /** What is changed of Istio's metrics. */
  metrics: SideTelemetry['metrics'];
  reportingIntervalMs: SideTelemetry['reportingIntervalMs'];
  pathNormalization: MeshConfig['pathNormalization'];
  settings: ProxySettings;
  /** Some host that it may call is resolved by the name in the request. */
  namesHosts: boolean;
  /** How long a connection's first bytes are waited for where they decide; 0: for ever. */
  detectionTimeoutMs: number;
  guards: Guards;
  /** Of all the others. */
  key: string;
}

export interface HttpConnectionManagerInput extends ListenerOptions {
  place: ListenerClass;
  statPrefix: string;
  /** The name of a route configuration to be discovered, or the configuration itself. */
  routes: string | RouteConfiguration;
  /** It is an explicit proxy: CONNECT is for it. */
  connect?: boolean;
}

export function httpConnectionManager(input: HttpConnectionManagerInput): Filter {
  const { place, statPrefix, routes, istio, accessLog, pathNormalization, settings, connect, guards } = input;
  const { serverName } = settings;
  const edge = place === 'gateway';
  const value = pack(typeName, HttpConnectionManager, {
    statPrefix,
    routeSpecifier:
      typeof routes === 'string'
        ? { $case: 'rds', value: { configSource: adsSource(), routeConfigName: routes } }
        : { $case: 'routeConfig', value: routes },
    httpFilters: httpFilters(place, istio, guards.http(), settings, input.metrics, place !== 'sidecar-inbound' && input.namesHosts),
    ...(serverName === undefined ? { serverHeaderTransformation: ServerHeader.PASS_THROUGH } : { serverName }),
    ...(!settings.makesRequestIds && { generateRequestId: false }),
    streamIdleTimeout: durationOf(0),
    accessLog: accessLogs(accessLog),
    ...tracing(input.tracing),
    useRemoteAddress: edge,
    ...(edge && { xffNumTrustedHops: settings.trustedHops }),
    forwardClientCertDetails: forwardClientCert(place, settings),
    ...(place !== 'sidecar-outbound' && {
      setCurrentClientCertDetails: settings.clientCertParts ?? { subject: true, dns: true, uri: true, cert: edge },
    }),
    upgradeConfigs: [{ upgradeType: 'websocket' }, ...(connect ? [{ upgradeType: 'CONNECT' }] : [])],
    ...normalization(pathNormalization),
  });
  return { name: 'envoy.filters.network.http_connection_manager', configType: { $case: 'typedConfig', value } };
}

/** Istio's words for what is done to a path before it is routed. */
function normalization(word: MeshConfig['pathNormalization']): Partial<HttpConnectionManager> {
  if (word === 'NONE') return { normalizePath: false };
  const mergeSlashes = word !== 'BASE';
  const decoded = word === 'DECODE_AND_MERGE_SLASHES';
  return {
    normalizePath: true,
    mergeSlashes,
    ...(decoded && { pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD }),
  };
}

/** On its way out of a sidecar nobody's certificate is told. */
function forwardClientCert(place: ListenerClass, { gatewayClientCert, clientCert }: ProxySettings): ForwardClientCert {
  if (place === 'gateway') return ForwardClientCert[gatewayClientCert ?? clientCert ?? 'SANITIZE_SET'];
  return place === 'sidecar-inbound' ? ForwardClientCert[clientCert ?? 'APPEND_FORWARD'] : ForwardClientCert.SANITIZE;
}

/** For a gRPC client: routes and their faults, nothing that a library would not know. */
export function grpcClientManager(statPrefix: string, routeConfigName: string): Any {
  return pack(typeName, HttpConnectionManager, {
    statPrefix,
    routeSpecifier: { $case: 'rds', value: { configSource: adsSource(), routeConfigName } },
    httpFilters: [{ ...fault(), isOptional: true }, router({ envoyHeaders: true })],
  });
}
