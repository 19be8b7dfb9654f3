// A gRPC service that the proxy calls, as configuration names it: Envoy's GrpcService, decoded.
import type { GrpcService } from '#codec/protobuf/generated/envoy/config/core/v3/grpc_service';
import { type Findings, milliseconds } from './findings.ts';

export interface GrpcTarget {
  readonly cluster: string;
  readonly authority: string;
  readonly timeoutMs: number;
  readonly metadata: readonly (readonly [name: string, value: string])[];
}

/** `timeoutMsDefault`: of a service that has none of its own. */
export function decodeGrpcTarget(
  service: GrpcService | undefined,
  timeoutMsDefault: number,
  field: string,
  findings: Findings,
): GrpcTarget {
  const target = service?.targetSpecifier;
  if (target?.$case !== 'envoyGrpc') findings.report(field, `${target?.$case ?? 'no target'} is not supported: envoy_grpc is`);
  const { clusterName = '', authority = '' } = target?.$case === 'envoyGrpc' ? target.value : {};
  return {
    cluster: clusterName,
    authority: authority || clusterName,
    timeoutMs: milliseconds(service?.timeout, timeoutMsDefault),
    metadata: (service?.initialMetadata ?? []).map(({ key, value }) => [key.toLowerCase(), value] as const),
  };
}
