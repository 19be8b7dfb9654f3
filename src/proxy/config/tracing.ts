// Which requests of a connection manager are traced, what their spans say, and where these go: decoded by decode-tracing.ts.
import type { KeyValue } from '#codec/protobuf/generated/opentelemetry/proto/common/v1/common';
import type { GrpcTarget } from '#proxy/config/grpc-target';
import type { Exchange } from '#telemetry/exchange';

export interface TracingConfig {
  /** From 0 to 1: of requests with `x-client-trace-id`, of the others, and of what these two have chosen. */
  readonly clientSampling: number;
  readonly randomSampling: number;
  readonly overallSampling: number;
  readonly urlLengthMax: number;
  readonly customTags: readonly CustomTag[];
  /** The call to the upstream has a span of its own. */
  readonly spawnUpstreamSpan: boolean;
  /** What request ids have to do with it: the decision is written into them, and read from them. Not read: everything is sampled. */
  readonly requestIds: { readonly marked: boolean; readonly followed: boolean };
  readonly provider: ZipkinProvider | OpenTelemetryProvider;
}

export interface CustomTag {
  readonly name: string;
  /** Undefined: this exchange has no such tag. */
  readonly read: (exchange: Exchange) => string | undefined;
}

export interface ZipkinProvider {
  readonly kind: 'zipkin';
  readonly service: HttpTarget;
  readonly traceId128: boolean;
  /** A server's span has the id of its client's. */
  readonly sharedSpanContext: boolean;
}

export interface OpenTelemetryProvider {
  readonly kind: 'opentelemetry';
  readonly service: { readonly kind: 'grpc'; readonly target: GrpcTarget } | { readonly kind: 'http'; readonly target: HttpTarget };
  /** What the spans are of: `service.name` and what detectors say. */
  readonly resource: readonly KeyValue[];
  /** Every request is sampled, whatever the fractions say. */
  readonly alwaysOn: boolean;
}

/** Where reports are posted. */
export interface HttpTarget {
  readonly cluster: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs: number;
}
