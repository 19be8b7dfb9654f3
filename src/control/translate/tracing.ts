// Tracing of connection managers, from MeshConfig's providers and Telemetries.
import type { GrpcService } from '#codec/protobuf/generated/envoy/config/core/v3/grpc_service';
import { OpenTelemetryConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/opentelemetry';
import { ZipkinConfig_CollectorEndpointVersion as Version, ZipkinConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/zipkin';
import type { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { UuidRequestIdConfig } from '#codec/protobuf/generated/envoy/extensions/request_id/uuid/v3/uuid';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { canonicalName, canonicalRevision } from '#control/mesh/workload';
import type { ProxyView } from '#control/view/proxy-view';
import type { CustomTags, TracingPlan } from '#control/view/workload-telemetry';
import { outboundClusterName } from './cluster-name.ts';
import { pack } from './message.ts';

type Tracing = NonNullable<HttpConnectionManager['tracing']>;
type CustomTag = Tracing['customTags'][number];

export interface TracingOptions extends TracingPlan {
  /** `service.namespace`: whose spans they are. */
  serviceName: string;
  istioTagValues: Readonly<Record<string, string>>;
  /** A gateway's calls have spans of their own. */
  spawnUpstreamSpan: boolean;
}

/** Of whom the spans are. */
export function tracedAs({ proxy, labels, snapshot }: ProxyView): Omit<TracingOptions, keyof TracingPlan> {
  const service = canonicalName(labels, proxy.name.split('.')[0]!);
  return {
    serviceName: `${service}.${proxy.namespace}`,
    istioTagValues: {
      'istio.canonical_service': service,
      'istio.canonical_revision': canonicalRevision(labels),
      'istio.mesh_id': snapshot.config.trustDomain,
      'istio.namespace': proxy.namespace,
      'istio.cluster_id': proxy.clusterId,
    },
    spawnUpstreamSpan: proxy.type === 'router',
  };
}

export function tracing(options: TracingOptions | undefined): Parameters<typeof HttpConnectionManager.fromPartial>[0] {
  const provider = options && tracerOf(options);
  if (options === undefined || provider === undefined) return {};
  const { samplingPercent, customTags, istioTags, istioTagValues, spawnUpstreamSpan, requestIds } = options;
  const own = istioTags ? Object.entries(istioTagValues).map(([tag, value]) => literal(tag, value)) : [];
  const { urlLengthMax } = options.provider as { urlLengthMax?: number };
  return {
    tracing: {
      clientSampling: { value: 100 },
      randomSampling: { value: samplingPercent },
      overallSampling: { value: 100 },
      ...(urlLengthMax !== undefined && { maxPathTagLength: urlLengthMax }),
      customTags: [...own, ...customTagsOf(customTags)],
      provider: { name: provider.name, configType: { $case: 'typedConfig', value: provider.config } },
      ...(spawnUpstreamSpan && { spawnUpstreamSpan }),
    },
    ...(requestIds !== undefined && { requestIdExtension: { typedConfig: requestIdConfig(requestIds) } }),
  };
}

function requestIdConfig(useRequestIdForTraceSampling: boolean): Any {
  return pack('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', UuidRequestIdConfig, { useRequestIdForTraceSampling });
}

function tracerOf({ provider, serviceName }: TracingOptions): { name: string; config: Any } | undefined {
  if (provider.kind === 'zipkin') {
    const { host, port, path, traceId128 } = provider;
    const config = pack('envoy.config.trace.v3.ZipkinConfig', ZipkinConfig, {
      collectorCluster: outboundClusterName(port, '', host),
      collectorEndpoint: path,
      collectorEndpointVersion: Version.HTTP_JSON,
      collectorHostname: `${host}:${port}`,
      traceId128bit: traceId128,
      sharedSpanContext: false,
    });
    return { name: 'envoy.tracers.zipkin', config };
  }
  if (provider.kind === 'opentelemetry') {
    const { host, port, httpPath } = provider;
    const cluster = outboundClusterName(port, '', host);
    const config = pack('envoy.config.trace.v3.OpenTelemetryConfig', OpenTelemetryConfig, {
      serviceName,
      ...(httpPath === undefined
        ? { grpcService: grpcServiceOf(cluster, host) }
        : {
            httpService: { httpUri: { uri: `http://${host}:${port}${httpPath}`, httpUpstreamType: { $case: 'cluster', value: cluster } } },
          }),
    });
    return { name: 'envoy.tracers.opentelemetry', config };
  }
  return undefined;
}

export function grpcServiceOf(clusterName: string, authority: string): Parameters<typeof GrpcService.fromPartial>[0] {
  return { targetSpecifier: { $case: 'envoyGrpc', value: { clusterName, authority } } };
}

function literal(tag: string, value: string): CustomTag {
  return { tag, type: { $case: 'literal', value: { value } } };
}

/** `formatter` is not in the API that we speak. */
function customTagsOf(tags: CustomTags): CustomTag[] {
  return Object.entries(tags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([tag, { literal: text, header, environment }]): CustomTag[] => {
      if (text) return [literal(tag, text.value)];
      if (header) return [{ tag, type: { $case: 'requestHeader', value: { name: header.name, defaultValue: header.defaultValue ?? '' } } }];
      if (environment) {
        return [{ tag, type: { $case: 'environment', value: { name: environment.name, defaultValue: environment.defaultValue ?? '' } } }];
      }
      return [];
    });
}
