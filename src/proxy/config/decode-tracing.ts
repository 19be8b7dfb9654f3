// Envoy's HttpConnectionManager.Tracing -> TracingConfig.
import type { TypedExtensionConfig } from '#codec/protobuf/generated/envoy/config/core/v3/extension';
import type { HttpService } from '#codec/protobuf/generated/envoy/config/core/v3/http_service';
import type { Tracing_Http } from '#codec/protobuf/generated/envoy/config/trace/v3/http_tracer';
import { OpenTelemetryConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/opentelemetry';
import { ZipkinConfig_CollectorEndpointVersion as Version, ZipkinConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/zipkin';
import type { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { UuidRequestIdConfig } from '#codec/protobuf/generated/envoy/extensions/request_id/uuid/v3/uuid';
import type { CustomTag as EnvoyTag } from '#codec/protobuf/generated/envoy/type/tracing/v3/custom_tag';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { textAttribute } from '#telemetry/otlp';
import { type Findings, messageName, milliseconds } from './findings.ts';
import { decodeGrpcTarget } from './grpc-target.ts';
import type { CustomTag, HttpTarget, OpenTelemetryProvider, TracingConfig, ZipkinProvider } from './tracing.ts';

type Manager = Pick<HttpConnectionManager, 'tracing' | 'requestIdExtension'>;

/** Envoy's. */
const urlLengthMaxDefault = 256;
const timeoutMsDefault = 5000;

/** Undefined: without a provider nothing is traced. */
export function decodeTracing({ tracing, requestIdExtension }: Manager, manager: string, findings: Findings): TracingConfig | undefined {
  const field = `${manager}.tracing`;
  if (tracing?.provider === undefined) return undefined;
  const provider = decodeProvider(tracing.provider, `${field}.provider`, findings);
  if (provider === undefined) return undefined;
  const fraction = (percent: { value: number } | undefined) => (percent?.value ?? 100) / 100;
  return {
    clientSampling: fraction(tracing.clientSampling),
    randomSampling: fraction(tracing.randomSampling),
    overallSampling: fraction(tracing.overallSampling),
    urlLengthMax: tracing.maxPathTagLength ?? urlLengthMaxDefault,
    customTags: tracing.customTags.map((tag, i) => decodeCustomTag(tag, `${field}.custom_tags[${i}]`, findings)),
    spawnUpstreamSpan: tracing.spawnUpstreamSpan ?? false,
    requestIds: decodeRequestIds(requestIdExtension?.typedConfig, `${manager}.request_id_extension`, findings),
    provider,
  };
}

function decodeRequestIds(config: Any | undefined, field: string, findings: Findings): TracingConfig['requestIds'] {
  const known = config === undefined || messageName(config) === 'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig';
  if (!known) findings.report(field, `${config.typeUrl} is not supported: UuidRequestIdConfig is`);
  const { packTraceReason, useRequestIdForTraceSampling } = UuidRequestIdConfig.decode(config?.value ?? new Uint8Array());
  return { marked: packTraceReason ?? true, followed: useRequestIdForTraceSampling ?? true };
}

function decodeProvider({ name, configType }: Tracing_Http, field: string, findings: Findings): TracingConfig['provider'] | undefined {
  const any = configType?.value;
  switch (any && messageName(any)) {
    case 'envoy.config.trace.v3.ZipkinConfig':
      return decodeZipkin(ZipkinConfig.decode(any!.value), field, findings);
    case 'envoy.config.trace.v3.OpenTelemetryConfig':
      return decodeOpenTelemetry(OpenTelemetryConfig.decode(any!.value), field, findings);
    default:
      findings.report(
        field,
        `tracer ${name} (${any?.typeUrl ?? 'without a configuration'}) is not supported: Zipkin and OpenTelemetry are`,
      );
      return undefined;
  }
}

function decodeZipkin(config: ZipkinConfig, field: string, findings: Findings): ZipkinProvider {
  const { collectorCluster, collectorEndpoint, collectorEndpointVersion, collectorHostname } = config;
  if (collectorEndpointVersion !== Version.HTTP_JSON) {
    findings.report(`${field}.collector_endpoint_version`, 'only HTTP_JSON is supported');
  }
  if (collectorCluster === '') findings.report(`${field}.collector_cluster`, 'is empty');
  if (!collectorEndpoint.startsWith('/')) findings.report(`${field}.collector_endpoint`, 'must begin with a slash');
  return {
    kind: 'zipkin',
    service: {
      cluster: collectorCluster,
      authority: collectorHostname || collectorCluster,
      path: collectorEndpoint,
      headers: [],
      timeoutMs: timeoutMsDefault,
    },
    traceId128: config.traceId128bit,
    sharedSpanContext: config.sharedSpanContext ?? true,
  };
}

/** Envoy's default. */
const unknownService = 'unknown_service:envoy';

function decodeOpenTelemetry(config: OpenTelemetryConfig, field: string, findings: Findings): OpenTelemetryProvider {
  const { grpcService, httpService, serviceName, resourceDetectors, sampler } = config;
  if (grpcService !== undefined && httpService !== undefined) findings.report(field, 'has both grpc_service and http_service');
  for (const [i, detector] of resourceDetectors.entries()) {
    // The proxy has no environment of its own: the detector finds none there.
    if (!extensionName(detector).endsWith('.EnvironmentResourceDetectorConfig')) {
      findings.report(`${field}.resource_detectors[${i}]`, `${detector.name} is not supported`);
    }
  }
  const alwaysOn = sampler !== undefined && extensionName(sampler).endsWith('.AlwaysOnSamplerConfig');
  if (sampler !== undefined && !alwaysOn) findings.report(`${field}.sampler`, `${sampler.name} is not supported`);
  return {
    kind: 'opentelemetry',
    service:
      httpService === undefined
        ? { kind: 'grpc', target: decodeGrpcTarget(grpcService, timeoutMsDefault, `${field}.grpc_service`, findings) }
        : { kind: 'http', target: decodeHttpTarget(httpService, `${field}.http_service`, findings) },
    resource: [textAttribute('service.name', serviceName || unknownService)],
    alwaysOn,
  };
}

function extensionName({ typedConfig }: TypedExtensionConfig): string {
  return typedConfig === undefined ? '' : messageName(typedConfig);
}

function decodeHttpTarget({ httpUri, requestHeadersToAdd }: HttpService, field: string, findings: Findings): HttpTarget {
  const url = findings.attempt(`${field}.http_uri.uri`, () => new URL(httpUri?.uri ?? ''));
  const cluster = httpUri?.httpUpstreamType?.value ?? '';
  if (cluster === '') findings.report(`${field}.http_uri`, 'has no cluster');
  return {
    cluster,
    authority: url?.host ?? '',
    path: url === undefined ? '/' : url.pathname + url.search,
    headers: requestHeadersToAdd.flatMap(({ header }) => (header ? [[header.key.toLowerCase(), header.value] as const] : [])),
    timeoutMs: milliseconds(httpUri?.timeout, timeoutMsDefault),
  };
}

function decodeCustomTag({ tag, type }: EnvoyTag, field: string, findings: Findings): CustomTag {
  const orDefault = (value: string | undefined, fallback: string) => value ?? (fallback || undefined);
  switch (type?.$case) {
    case 'literal':
      return { name: tag, read: () => type.value.value };
    case 'environment':
      // Of a variable that is not set: proxies that share a process have no environment of their own.
      return { name: tag, read: () => orDefault(undefined, type.value.defaultValue) };
    case 'requestHeader': {
      const name = type.value.name.toLowerCase();
      return { name: tag, read: (exchange) => orDefault(exchange.requestHeader(name), type.value.defaultValue) };
    }
    case 'metadata': {
      const { kind, metadataKey, defaultValue } = type.value;
      if (kind?.kind?.$case !== 'request')
        findings.report(`${field}.metadata.kind`, `${kind?.kind?.$case ?? 'none'} is not supported: request is`);
      const path = metadataKey?.path.map(({ segment }) => segment?.value ?? '') ?? [];
      return {
        name: tag,
        read: (exchange) => {
          let value: unknown = exchange.metadataOf(metadataKey?.key ?? '');
          for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
          return orDefault(value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value), defaultValue);
        },
      };
    }
    default:
      findings.report(field, `tag ${tag} has no type`);
      return { name: tag, read: () => undefined };
  }
}
