// Istio's traffic resources as the mesh holds them: names made whole, defaults filled in, the object kept for its
// spec and its origin.
import type { ApiObject } from '#api/kind';
import type { AuthorizationPolicy } from '#api/kinds/authorization-policy';
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { EnvoyFilter } from '#api/kinds/envoy-filter';
import type { Gateway } from '#api/kinds/gateway';
import type { PeerAuthentication } from '#api/kinds/peer-authentication';
import type { RequestAuthentication } from '#api/kinds/request-authentication';
import type { Sidecar } from '#api/kinds/sidecar';
import type { Telemetry } from '#api/kinds/telemetry';
import type { VirtualService } from '#api/kinds/virtual-service';
import { originAnnotation } from '#api/origin';
import { resolveHost } from './hostname.ts';
import type { MeshConfig } from './mesh-config.ts';

export interface TrafficResource<T> {
  /** Changes whenever the object's spec or origin does; no two values of one control plane share it. */
  readonly stamp: number;
  readonly name: string;
  readonly namespace: string;
  readonly createdAt: string;
  readonly exportTo: readonly string[];
  readonly object: T;
}

export interface MeshVirtualService extends TrafficResource<VirtualService> {
  /** Whole names and wildcards. */
  readonly hosts: readonly string[];
  /** `mesh`, or `namespace/name` of Gateways. */
  readonly gateways: readonly string[];
}

export interface MeshDestinationRule extends TrafficResource<DestinationRule> {
  readonly host: string;
}

/** What applies to workloads that it selects, in its own namespace, or in all from the root namespace. */
export type PolicyResource<T> = Omit<TrafficResource<T>, 'exportTo'>;

export type MeshPeerAuthentication = PolicyResource<PeerAuthentication>;
export type MeshRequestAuthentication = PolicyResource<RequestAuthentication>;
export type MeshAuthorizationPolicy = PolicyResource<AuthorizationPolicy>;
export type MeshEnvoyFilter = PolicyResource<EnvoyFilter>;
export type MeshTelemetry = PolicyResource<Telemetry>;
export type MeshGateway = TrafficResource<Gateway>;
export type MeshSidecar = TrafficResource<Sidecar>;

export const meshGateway = 'mesh';

export function meshVirtualService(object: VirtualService, stamp: number, config: MeshConfig): MeshVirtualService {
  const resource = trafficResource(object, stamp, config.defaultVirtualServiceExportTo);
  const { hosts, gateways } = object.spec;
  return {
    ...resource,
    hosts: (hosts ?? []).map((host) => resolveHost(host, resource.namespace, config.domainSuffix)),
    gateways: gateways && gateways.length > 0 ? gateways.map((name) => resolveGateway(name, resource.namespace)) : [meshGateway],
  };
}

export function meshDestinationRule(object: DestinationRule, stamp: number, config: MeshConfig): MeshDestinationRule {
  const resource = trafficResource(object, stamp, config.defaultDestinationRuleExportTo);
  return { ...resource, host: resolveHost(object.spec.host, resource.namespace, config.domainSuffix) };
}

export function trafficResource<T extends VirtualService | DestinationRule | Gateway | Sidecar>(
  object: T,
  stamp: number,
  exportToDefault: readonly string[] = ['*'],
): TrafficResource<T> {
  const { metadata, spec } = object;
  const exportTo = 'exportTo' in spec ? spec.exportTo : undefined;
  return {
    stamp,
    name: metadata.name,
    namespace: metadata.namespace ?? 'default',
    createdAt: metadata.creationTimestamp ?? '',
    exportTo: exportTo && exportTo.length > 0 ? exportTo : exportToDefault,
    object: contentOf(object),
  };
}

export function policyResource<T extends PeerAuthentication | RequestAuthentication | AuthorizationPolicy | EnvoyFilter | Telemetry>(
  object: T,
  stamp: number,
): PolicyResource<T> {
  const { metadata } = object;
  const { name, namespace = 'default', creationTimestamp: createdAt = '' } = metadata;
  return { stamp, name, namespace, createdAt, object: contentOf(object) };
}

/** Without what changes when the content does not: versions, status, who owns which field. */
function contentOf<T extends ApiObject & { spec?: unknown }>(object: T): T {
  const { apiVersion, kind, metadata, spec } = object;
  const origin = metadata.annotations?.[originAnnotation];
  const { name, namespace } = metadata;
  const kept = { name, ...(namespace && { namespace }), ...(origin && { annotations: { [originAnnotation]: origin } }) };
  return { apiVersion, kind, metadata: kept, spec } as T;
}

export function resolveGateway(name: string, namespace: string): string {
  return name === meshGateway || name.includes('/') ? name : `${namespace}/${name}`;
}

/** The older first; at the same age, by name and namespace, as Istio orders configuration. */
export function compareAge(a: PolicyResource<unknown>, b: PolicyResource<unknown>): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : 0;
}
