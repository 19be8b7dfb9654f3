// What a proxy starts with from a file of Envoy's own: a bootstrap (static resources, and where its ADS is), or a config dump, as an
// Envoy or another of our proxies shows itself. Pure. https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { dumpSections } from '#xds/config-dump';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { AdsNode } from './ads-client.ts';
import { isSocketPath, type SocketAddress } from './socket-address.ts';

export interface EnvoyConfig {
  node: AdsNode | undefined;
  admin: SocketAddress | undefined;
  /** Of the ADS; undefined: the file says all. */
  xds: SocketAddress | undefined;
  /** The cluster of the proxy's own workload, where the file names it. */
  localCluster: string | undefined;
  /** In an order that takes effect. */
  resources: readonly DeltaDiscoveryResponse[];
  /** What of the file has no effect, in sentences. */
  notes: readonly string[];
}

const bootstrapType = 'envoy.config.bootstrap.v3.Bootstrap';
/** In an order that takes effect. */
const staticTypes = { secrets: typeUrl.secret, clusters: typeUrl.cluster, listeners: typeUrl.listener } as const;
const order = ['secret', 'cluster', 'endpoint', 'listener', 'route'] as const;
/** What Envoy shows instead of a key. */
const redacted = /\[redacted\]|W3JlZGFjdGVkXQ==/;

/** `document`: the parsed YAML or JSON. Throws MeshError ENVOY_CONFIG, which says what is wrong and where. */
export function readEnvoyConfig(document: JsonValue, json: CanonicalJson): EnvoyConfig {
  if (!isObject(document)) throw wrong('it is no object');
  return Array.isArray(document['configs']) ? readDump(document['configs'] as JsonObject[], json) : readBootstrap(document, json);
}

function readBootstrap(document: JsonObject, json: CanonicalJson): EnvoyConfig {
  const problem = json.problemOf(bootstrapType, document);
  if (problem !== undefined) throw wrong(placedProblem(document, json) ?? problem);
  // Read and printed again, every field has its proto name and every duration its one form.
  const bytes = json.encode(bootstrapType, document);
  if (bytes === undefined) throw wrong(`extensions that are not known here: ${json.unknownTypes(document).join(', ')}`);
  const bootstrap = json.print(bootstrapType, bytes) as JsonObject;
  const statics = objectOf(bootstrap['static_resources']);
  const clusters = listOf(statics['clusters']);
  const { local_cluster_name: localCluster } = objectOf(bootstrap['cluster_manager']);
  const resources = Object.entries(staticTypes)
    .map(([field, type]) => response(type, listOf(statics[field]), json))
    .filter((made) => made.resources.length > 0);
  return {
    node: nodeOf(bootstrap['node']),
    admin: socketAddressOf(objectOf(bootstrap['admin'])['address']),
    xds: adsAddress(objectOf(bootstrap['dynamic_resources']), clusters),
    localCluster: typeof localCluster === 'string' && localCluster !== '' ? localCluster : undefined,
    resources,
    notes: ['layered_runtime', 'stats_sinks', 'overload_manager', 'hds_config', 'watchdogs']
      .filter((field) => field in bootstrap)
      .map((field) => `${field} has no effect`),
  };
}

/** The first static resource with something wrong in it, by its place and name. */
function placedProblem(document: JsonObject, json: CanonicalJson): string | undefined {
  const statics = objectOf(document['static_resources'] ?? document['staticResources']);
  for (const [field, type] of Object.entries(staticTypes)) {
    for (const [index, resource] of listOf(statics[field]).entries()) {
      const problem = json.problemOf(type.slice(type.lastIndexOf('/') + 1), resource);
      if (problem !== undefined) return `static_resources.${field}[${index}] ${String(resource['name'] ?? '')}: ${problem}`;
    }
  }
  return undefined;
}

/** As it was when it was taken, and nothing after that. */
function readDump(configs: readonly JsonObject[], json: CanonicalJson): EnvoyConfig {
  const bootstrap = configs.map((config) => objectOf(config['bootstrap'])).find(({ node }) => node !== undefined) ?? {};
  const notes: string[] = [];
  let discovers = false;
  const resources = order.flatMap((name) => {
    const { active, item, typeUrl: type } = dumpSections[name];
    const entries = configs.flatMap((config) => [
      ...listOf(config[active.replace(/^dynamic(_active)?/, 'static')]),
      ...listOf(config[active]),
    ]);
    const found = entries.flatMap((entry) => objectOf(entry['active_state'] ?? entry)[item] ?? []).map(objectOf);
    const whole = found.filter((resource) => !(name === 'secret' && redacted.test(JSON.stringify(resource))));
    if (whole.length < found.length) notes.push(`${found.length - whole.length} secrets are left out: a dump does not show their keys`);
    if (name === 'cluster') discovers = whole.some((cluster) => cluster['type'] === 'EDS');
    if (name === 'endpoint' && discovers && found.length === 0)
      notes.push('it has no endpoints of EDS: take it with /config_dump?include_eds');
    return whole.length === 0 ? [] : [response(type, whole, json)];
  });
  if (resources.length === 0) throw wrong('there is neither a listener nor a cluster among its configs');
  return { node: nodeOf(bootstrap['node']), admin: undefined, xds: undefined, localCluster: undefined, resources, notes };
}

function response(type: TypeUrl, resources: readonly JsonObject[], json: CanonicalJson): DeltaDiscoveryResponse {
  return DeltaDiscoveryResponse.fromPartial({
    typeUrl: type,
    resources: resources.map((resource) => {
      const name = String(resource['name'] ?? resource['cluster_name'] ?? '');
      try {
        return { name, version: 'file', resource: { typeUrl: type, value: Buffer.from(json.parse(type, resource)) } };
      } catch (thrown) {
        throw wrong(`${type.slice(type.lastIndexOf('.') + 1)} ${name}: ${messageOf(thrown)}`);
      }
    }),
  });
}

function nodeOf(value: JsonValue | undefined): AdsNode | undefined {
  if (!isObject(value)) return undefined;
  const { id, cluster, metadata, locality } = value;
  const { region = '', zone = '', sub_zone: subZone = '' } = objectOf(locality);
  return {
    id: String(id ?? ''),
    cluster: String(cluster ?? ''),
    metadata: objectOf(metadata),
    locality: { region: String(region), zone: String(zone), subZone: String(subZone) },
  };
}

/** Of `ads_config`, and of `lds_config` and `cds_config` where they have a gRPC service of their own. */
function adsAddress(dynamic: JsonObject, clusters: readonly JsonObject[]): SocketAddress | undefined {
  if (Object.keys(dynamic).length === 0) return undefined;
  const source = dynamic['ads_config'] ?? objectOf(dynamic['lds_config'])['api_config_source'];
  const [service] = listOf(objectOf(source)['grpc_services']);
  if (service === undefined) throw wrong('dynamic_resources: there is no ads_config with a gRPC service, and files are not followed');
  const target = objectOf(service['google_grpc'])['target_uri'];
  if (typeof target === 'string') return hostAndPort(target);
  const name = objectOf(service['envoy_grpc'])['cluster_name'];
  const cluster = clusters.find((each) => each['name'] === name);
  if (cluster === undefined) throw wrong(`dynamic_resources: there is no static cluster ${String(name)}, which its ads_config names`);
  if ('transport_socket' in cluster) throw wrong(`cluster ${String(name)}: the control plane is reached without TLS alone`);
  const [locality] = listOf(objectOf(cluster['load_assignment'])['endpoints']);
  const [endpoint] = listOf(locality?.['lb_endpoints']);
  const address = socketAddressOf(objectOf(endpoint?.['endpoint'])['address']);
  if (address === undefined) throw wrong(`cluster ${String(name)}: it has no endpoint, where the control plane would be`);
  return address;
}

function hostAndPort(target: string): SocketAddress {
  const [, address, port] = /^(?:dns:\/*)?(.+):(\d+)$/.exec(target) ?? [];
  if (address === undefined) throw wrong(`dynamic_resources: ${target} is not HOST:PORT`);
  return { address, port: Number(port) };
}

function socketAddressOf(value: JsonValue | undefined): SocketAddress | undefined {
  const { socket_address: socket, pipe } = objectOf(value);
  if (pipe !== undefined) {
    const path = String(objectOf(pipe)['path']);
    if (isSocketPath(path)) return { address: path, port: 0 };
  }
  const { address, port_value: port } = objectOf(socket);
  return typeof address === 'string' ? { address, port: Number(port ?? 0) } : undefined;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const objectOf = (value: JsonValue | undefined): JsonObject => (isObject(value) ? value : {});
const listOf = (value: JsonValue | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

const wrong = (what: string) =>
  new MeshError('ENVOY_CONFIG', `the configuration cannot be used: ${what}`, {
    hint: 'it is an Envoy’s bootstrap (node, static_resources, dynamic_resources), or its /config_dump',
  });
