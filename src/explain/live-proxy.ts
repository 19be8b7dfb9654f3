// What a proxy of the running mesh holds at this moment, read from its admin interface and decoded as the proxy itself decodes it.
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Pod } from '#api/kinds/pod';
import { getJson } from '#cli/http-json';
import { adminOf } from '#cli/pod-argument';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { type MeshProxy, proxyOf } from '#control/view/proxy';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { below, type HttpAccess } from '#net/http-access';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { type ProxyTables, proxyTables, TableMaker } from './tables.ts';
import type { World } from './world.ts';

export interface LiveProxy {
  proxy: MeshProxy;
  /** Of its admin interface. */
  admin: HttpAccess;
  tables: ProxyTables;
  /** What it holds otherwise than the control plane would give it: `RDS http_proxy`. Sorted. */
  differences: readonly string[];
}

type Held = ReadonlyMap<TypeUrl, ReadonlyMap<string, JsonObject>>;

/** Where each type stands in a config dump. Envoy's admin.v3. */
const dumped: readonly {
  type: TypeUrl;
  short: string;
  list: string;
  resource: (entry: JsonObject) => JsonValue | undefined;
  name: string;
}[] = [
  {
    type: typeUrl.listener,
    short: 'LDS',
    list: 'dynamic_listeners',
    resource: ({ active_state: state }) => (state as JsonObject | undefined)?.['listener'],
    name: 'name',
  },
  { type: typeUrl.route, short: 'RDS', list: 'dynamic_route_configs', resource: ({ route_config }) => route_config, name: 'name' },
  { type: typeUrl.cluster, short: 'CDS', list: 'dynamic_active_clusters', resource: ({ cluster }) => cluster, name: 'name' },
  {
    type: typeUrl.endpoint,
    short: 'EDS',
    list: 'dynamic_endpoint_configs',
    resource: ({ endpoint_config }) => endpoint_config,
    name: 'cluster_name',
  },
];

/** Throws MeshError where the proxy does not answer, or holds what cannot be read. */
export async function readLiveProxy(pod: Pod, api: HttpAccess, world: World, json: CanonicalJson): Promise<LiveProxy> {
  const admin = adminOf(pod, api);
  const dump = await getJson(below(admin, '/config_dump?include_eds'), `the proxy of ${pod.metadata.name}`);
  return dumpedProxy(dump as JsonObject, admin, world, json);
}

/** The same of a dump that was read already. */
export function dumpedProxy(dump: JsonObject, admin: HttpAccess, world: World, json: CanonicalJson): LiveProxy {
  const configs = (dump['configs'] ?? []) as JsonObject[];
  const proxy = proxyOfDump(configs, admin);
  const held = heldOf(configs);
  const bytesOf = (type: TypeUrl, name: string) => {
    const resource = held.get(type)?.get(name);
    return resource && parse(json, type, resource);
  };
  return {
    proxy,
    admin,
    tables: proxyTables({
      listeners: () => [...(held.get(typeUrl.listener)?.values() ?? [])].map((listener) => parse(json, typeUrl.listener, listener)),
      bytesOf,
    }),
    differences: differencesOf(proxy, held, world, json),
  };
}

/** A pod by `name.namespace`, by the beginning of it if that is one pod's alone. Throws MeshError NO_PROXY, which lists what there is. */
export function podOfProxy(name: string, { pods }: World): Pod {
  const running = pods.filter(({ status }) => status?.podIP !== undefined);
  const nameOf = ({ metadata }: Pod) => `${metadata.name}.${metadata.namespace ?? 'default'}`;
  const exact = running.find((pod) => nameOf(pod) === name || pod.metadata.name === name);
  const like = running.filter((pod) => nameOf(pod).startsWith(name));
  const found = exact ?? (like.length === 1 ? like[0] : undefined);
  if (found !== undefined) return found;
  const known = (like.length > 0 ? like : running).map(nameOf).sort().join(', ');
  throw new MeshError(
    'NO_PROXY',
    like.length > 0 ? `"${name}" is the beginning of several proxies' names` : `there is no proxy "${name}"`,
    {
      ...(known !== '' && { hint: `one of: ${known}` }),
    },
  );
}

function proxyOfDump(configs: readonly JsonObject[], { url }: HttpAccess): MeshProxy {
  const bootstrap = configs.find((config) => String(config['@type']).endsWith('BootstrapConfigDump'))?.['bootstrap'] as
    | JsonObject
    | undefined;
  const node = bootstrap?.['node'] as { id?: string; metadata?: Record<string, unknown>; user_agent_name?: string } | undefined;
  const proxy = proxyOf(
    Node.fromPartial({ id: node?.id ?? '', metadata: node?.metadata, userAgentName: node?.user_agent_name ?? 'lateen' }),
  );
  if (proxy === undefined) throw new MeshError('NO_PROXY', `${url}/config_dump does not say whose proxy it is`);
  // Its dump shows virtual hosts in their routes, however they came.
  return { ...proxy, virtualHostDiscovery: false };
}

function heldOf(configs: readonly JsonObject[]): Held {
  return new Map(
    dumped.map(({ type, list, resource, name }) => {
      const entries = configs.flatMap((config) => (config[list] ?? []) as JsonObject[]);
      const resources = entries.map(resource).filter((each): each is JsonObject => each !== undefined);
      return [type, new Map(resources.map((each) => [String(each[name]), each]))];
    }),
  );
}

function parse(json: CanonicalJson, type: TypeUrl, resource: JsonObject): Uint8Array {
  try {
    return json.parse(type, resource);
  } catch (thrown) {
    throw new MeshError('UNDECODABLE', `the proxy's configuration cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function differencesOf(proxy: MeshProxy, held: Held, { snapshot }: World, json: CanonicalJson): string[] {
  const source = new TableMaker({ snapshot, json }).sourceOf(proxy);
  return dumped
    .flatMap(({ type, short }) => {
      const holds = held.get(type) ?? new Map<string, JsonObject>();
      // Routes and endpoints are sent for the asking: what the proxy did not ask for is no difference.
      const whole = type === typeUrl.cluster || type === typeUrl.listener ? source.all(type) : undefined;
      return [...new Set([...holds.keys(), ...(whole?.keys() ?? [])])]
        .filter((name) => {
          const sent = whole ? whole.get(name) : source.bytesOf(type, name);
          return !isDeepStrictEqual(holds.get(name), sent && json.print(type, sent));
        })
        .map((name) => `${short} ${name}`);
    })
    .sort();
}
