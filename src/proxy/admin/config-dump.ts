// `/config_dump` in Envoy's shape: what xDS gave, what of it is in force, what was refused and why; keys are left out. Pure.
import type { JsonValue } from '@bufbuild/protobuf';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import { wholeRoutes } from '#proxy/config/discovered-routes';
import type { HeldResource, HeldResources, RejectedResource } from '#proxy/config/held-resources';
import { bootstrapDumpType, type DumpName, type DumpSection, dumpSections, withoutSecrets } from '#xds/config-dump';
import { type TypeUrl, typeUrl } from '#xds/resource-type';

export interface DumpInput {
  bootstrap: ProxyBootstrap;
  startedWallMs: number;
  held: ReadonlyMap<TypeUrl, HeldResources>;
}

/** One dump, such as ClustersConfigDump, with its `@type`; or one entry of it. */
export type Entry = { [key: string]: JsonValue };

/** Envoy's order. Endpoints are large, and in the dump only when they are asked for. */
const order: readonly DumpName[] = ['cluster', 'endpoint', 'listener', 'route', 'secret'];
/** Where refused resources stand; listeners and routes have them beside what is in force. */
const refusedLists: Partial<Record<DumpName, string>> = {
  cluster: 'dynamic_warming_clusters',
  listener: dumpSections.listener.active,
  route: dumpSections.route.active,
};

export function dumpConfig(input: DumpInput, json: CanonicalJson, { includeEds = false } = {}): Entry[] {
  const names = order.filter((name) => includeEds || name !== 'endpoint');
  return [dumpBootstrap(input), ...names.map((name) => dumpSection(name, input, json))];
}

function dumpBootstrap({ bootstrap, startedWallMs }: DumpInput): Entry {
  const { node, xds, admin } = bootstrap;
  return {
    '@type': bootstrapDumpType,
    bootstrap: {
      node: { id: node.id, cluster: node.cluster, metadata: node.metadata as JsonValue, locality: { ...node.locality } },
      ...(xds && {
        dynamic_resources: {
          ads_config: { api_type: 'DELTA_GRPC', grpc_services: [{ google_grpc: { target_uri: `${xds.address}:${xds.port}` } }] },
        },
      }),
      admin: { address: { socket_address: { address: admin.address, port_value: admin.port } } },
    },
    last_updated: time(startedWallMs),
  };
}

function dumpSection(name: DumpName, { held }: DumpInput, json: CanonicalJson): Entry {
  const section = dumpSections[name];
  const resources = held.get(section.typeUrl);
  // These are named beside their content.
  const isNamed = name === 'listener' || name === 'secret';
  const named = (resource: { name: string }, entry: Entry): Entry => (isNamed ? { name: resource.name, ...entry } : entry);
  const lists: Record<string, Entry[]> = { [section.active]: [] };
  const virtualHosts = held.get(typeUrl.virtualHost);
  for (const resource of resources?.all() ?? []) {
    const bytes = name === 'route' && virtualHosts ? wholeRoutes(resource, virtualHosts) : resource.decoding.bytes;
    const state = active(section, resource, bytes, json);
    lists[section.active]?.push(named(resource, name === 'listener' ? { active_state: state } : state));
  }
  const refused = refusedLists[name];
  if (refused !== undefined) {
    const list = (lists[refused] ??= []);
    for (const resource of resources?.allRejected() ?? []) list.push(named(resource, errorState(section, resource, json)));
  }
  return { '@type': section.dumpType, ...lists };
}

function active({ item, typeUrl }: DumpSection, { decoding, updatedWallMs }: HeldResource, bytes: Buffer, json: CanonicalJson): Entry {
  return { version_info: decoding.version, [item]: withoutSecrets(json.print(typeUrl, bytes)), last_updated: time(updatedWallMs) };
}

function errorState({ item, typeUrl }: DumpSection, { decoding, rejectedWallMs, findings }: RejectedResource, json: CanonicalJson): Entry {
  return {
    error_state: {
      failed_configuration: withoutSecrets(json.print(typeUrl, decoding.bytes)),
      last_update_attempt: time(rejectedWallMs),
      details: findings.join('\n'),
      version_info: decoding.version,
    },
    kind: item,
  };
}

function time(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
