// `/config_dump` in Envoy's shape: what xDS gave, what of it is in force, what was refused and why. Pure.
import type { JsonValue } from '@bufbuild/protobuf';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import type { HeldResource, HeldResources, RejectedResource } from '#proxy/config/held-resources';
import { type TypeUrl, typeUrl } from '#xds/resource-type';

const admin = 'type.googleapis.com/envoy.admin.v3.';

export interface DumpInput {
  bootstrap: ProxyBootstrap;
  startedWallMs: number;
  held: ReadonlyMap<TypeUrl, HeldResources>;
}

/** `resource`, as Envoy's query parameter, keeps one kind of entries: `dynamic_listeners`; `includeEds` adds endpoints. */
export function dumpConfig(input: DumpInput, json: CanonicalJson, options: { resource?: string; includeEds?: boolean } = {}): JsonValue {
  const configs: { [key: string]: JsonValue }[] = [
    dumpBootstrap(input),
    dumpClusters(input, json),
    ...(options.includeEds || options.resource === 'dynamic_endpoint_configs' ? [dumpEndpoints(input, json)] : []),
    dumpListeners(input, json),
    dumpRoutes(input, json),
  ];
  const { resource } = options;
  if (resource === undefined) return { configs };
  return { configs: configs.flatMap((config) => (Array.isArray(config[resource]) ? (config[resource] as JsonValue[]) : [])) };
}

function dumpBootstrap({ bootstrap, startedWallMs }: DumpInput): { [key: string]: JsonValue } {
  const { node, xds, admin: adminAddress } = bootstrap;
  return {
    '@type': `${admin}BootstrapConfigDump`,
    bootstrap: {
      node: { id: node.id, cluster: node.cluster, metadata: node.metadata as JsonValue, locality: { ...node.locality } },
      dynamic_resources: {
        ads_config: { api_type: 'DELTA_GRPC', grpc_services: [{ google_grpc: { target_uri: `${xds.address}:${xds.port}` } }] },
      },
      admin: { address: { socket_address: { address: adminAddress.address, port_value: adminAddress.port } } },
    },
    last_updated: time(startedWallMs),
  };
}

function dumpClusters({ held }: DumpInput, json: CanonicalJson): { [key: string]: JsonValue } {
  return {
    '@type': `${admin}ClustersConfigDump`,
    dynamic_active_clusters: entries(held, typeUrl.cluster, (resource) => active('cluster', typeUrl.cluster, resource, json)),
    dynamic_warming_clusters: refused(held, typeUrl.cluster, (resource) => errorState('cluster', typeUrl.cluster, resource, json)),
  };
}

function dumpEndpoints({ held }: DumpInput, json: CanonicalJson): { [key: string]: JsonValue } {
  return {
    '@type': `${admin}EndpointsConfigDump`,
    dynamic_endpoint_configs: entries(held, typeUrl.endpoint, (resource) => active('endpoint_config', typeUrl.endpoint, resource, json)),
  };
}

function dumpListeners({ held }: DumpInput, json: CanonicalJson): { [key: string]: JsonValue } {
  return {
    '@type': `${admin}ListenersConfigDump`,
    dynamic_listeners: [
      ...entries(held, typeUrl.listener, (resource) => ({
        name: resource.name,
        active_state: active('listener', typeUrl.listener, resource, json),
      })),
      ...refused(held, typeUrl.listener, (resource) => ({
        name: resource.name,
        ...errorState('listener', typeUrl.listener, resource, json),
      })),
    ],
  };
}

function dumpRoutes({ held }: DumpInput, json: CanonicalJson): { [key: string]: JsonValue } {
  return {
    '@type': `${admin}RoutesConfigDump`,
    dynamic_route_configs: [
      ...entries(held, typeUrl.route, (resource) => active('route_config', typeUrl.route, resource, json)),
      ...refused(held, typeUrl.route, (resource) => errorState('route_config', typeUrl.route, resource, json)),
    ],
  };
}

type Entry = { [key: string]: JsonValue };

function entries(held: DumpInput['held'], type: TypeUrl, show: (resource: HeldResource) => Entry): Entry[] {
  return [...(held.get(type)?.all() ?? [])].map(show);
}

function refused(held: DumpInput['held'], type: TypeUrl, show: (resource: RejectedResource) => Entry): Entry[] {
  return [...(held.get(type)?.allRejected() ?? [])].map(show);
}

function active(field: string, type: TypeUrl, { decoding, updatedWallMs }: HeldResource, json: CanonicalJson): Entry {
  return { version_info: decoding.version, [field]: json.print(type, decoding.bytes), last_updated: time(updatedWallMs) };
}

function errorState(field: string, type: TypeUrl, { decoding, rejectedWallMs, findings }: RejectedResource, json: CanonicalJson): Entry {
  return {
    error_state: {
      failed_configuration: json.print(type, decoding.bytes),
      last_update_attempt: time(rejectedWallMs),
      details: findings.join('\n'),
      version_info: decoding.version,
    },
    kind: field,
  };
}

function time(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
