// What listeners have in common, and the recipe by which they are cached: by their whole content.

import { TrafficDirection } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import type { Filter, FilterChain } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { FilterChain as FilterChainMessage } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { settingsOver, type TracerSettings } from '#control/mesh/proxy-settings';
import type { MeshService } from '#control/mesh/service';
import type { ProxyView } from '#control/view/proxy-view';
import type { SidecarScope } from '#control/view/sidecar-scope';
import { type Side, workloadTelemetry } from '#control/view/workload-telemetry';
import { typeUrl } from '#xds/resource-type';
import { type Guards, noGuards } from './guards.ts';
import type { ListenerOptions } from './http-connection-manager.ts';
import { bytesOf } from './message.ts';
import type { Recipe } from './resource-cache.ts';
import { tracedAs } from './tracing.ts';

export interface ListenerInput {
  name: string;
  /** Of everything that `make` looks at. */
  key: string;
  make: () => Parameters<typeof Listener.fromPartial>[0];
}

export const listenerRecipe: Recipe<ListenerInput> = {
  type: typeUrl.listener,
  name: ({ name }) => name,
  key: ({ name, key }) => `${name} ${key}`,
  build: ({ name, make }) => bytesOf(Listener, { name, ...make() }),
};

export const direction = { inbound: TrafficDirection.INBOUND, outbound: TrafficDirection.OUTBOUND };

/** `side`: whose part the listeners play; `guards`: where they are for clients of the workload, or of a gateway. */
export function listenerOptions(view: ProxyView, side: Side, guards: Guards = noGuards): ListenerOptions {
  const { proxy, snapshot, policies } = view;
  const { accessLogFile, accessLogFormat, pathNormalization, protocolDetectionTimeoutMs } = snapshot.config;
  const settings = settingsOver(snapshot.config.defaultConfig, proxy.config);
  const tracer = { ...settings.tracing, zipkin: serviceOf(view, settings.tracing.zipkin) };
  const telemetry = workloadTelemetry(snapshot.config, policies.telemetries, proxy.namespace, tracer)[side];
  const options = {
    istio: proxy.istioVersion !== undefined,
    accessLog: { file: accessLogFile, format: accessLogFormat, providers: telemetry.accessLogs },
    metrics: telemetry.metrics,
    reportingIntervalMs: telemetry.reportingIntervalMs,
    tracing: telemetry.tracing && { ...telemetry.tracing, ...tracedAs(view) },
    pathNormalization,
    settings,
    namesHosts: side === 'client' && namesHosts(view.scope),
    detectionTimeoutMs: protocolDetectionTimeoutMs,
  };
  return { ...options, guards, key: `${JSON.stringify(options)}${guards.key}` };
}

const namingScopes = new WeakMap<readonly MeshService[], boolean>();

/** Of one list of services: looked at once. */
function namesHosts({ services }: SidecarScope): boolean {
  const known = namingScopes.get(services);
  if (known !== undefined) return known;
  const found = services.some(({ resolution }) => resolution === 'dynamic-dns');
  namingScopes.set(services, found);
  return found;
}

/** A collector is told as programs would call it: `zipkin.istio-system`. */
function serviceOf({ snapshot: { services, config } }: ProxyView, server: TracerSettings['zipkin']): TracerSettings['zipkin'] {
  if (server === undefined || services.has(server.host)) return server;
  const host = `${server.host.replace(/\.svc$/, '')}.svc.${config.domainSuffix}`;
  return services.has(host) ? { ...server, host } : server;
}

/** What a filter chain asks of a connection; nothing: it takes any. */
interface ChainConditions {
  destinationPort?: number | undefined;
  /** As the TLS inspector calls it. */
  transportProtocol?: 'tls';
  applicationProtocols?: readonly string[];
}

export function filterChain(name: string, filters: Filter[], conditions: ChainConditions = {}): FilterChain {
  const { destinationPort, transportProtocol = '', applicationProtocols = [] } = conditions;
  const filterChainMatch = {
    ...(destinationPort !== undefined && { destinationPort }),
    transportProtocol,
    applicationProtocols: [...applicationProtocols],
  };
  const any = destinationPort === undefined && transportProtocol === '' && applicationProtocols.length === 0;
  return FilterChainMessage.fromPartial({ name, filters, ...(!any && { filterChainMatch }) });
}
