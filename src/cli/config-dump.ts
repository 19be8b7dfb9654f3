// Envoy's /config_dump as the commands read it: of our proxies, of the control plane's intent, or of an Envoy, from a file.
// What is not of a known type is passed over. Pure.
import { isPlainObject } from '#api/json';
import { MeshError } from '#foundation/mesh-error';
import { bootstrapDumpType, type DumpName, dumpSections } from '#xds/config-dump';

export type Json = { readonly [key: string]: unknown };

export interface DumpedResource {
  name: string;
  state: 'ACTIVE' | 'WARMING' | 'DRAINING' | 'STATIC';
  /** The resource itself. */
  config: Json;
  /** RFC 3339; empty where the dump does not say. */
  lastUpdated: string;
}

export interface ConfigDump {
  /** As it was read. */
  readonly raw: Json;
  readonly bootstrap: Json | undefined;
  /** What the proxy says of endpoints, where the file is of `/clusters?format=json`. */
  readonly clusterStatuses: readonly Json[] | undefined;
  resources(name: DumpName): readonly DumpedResource[];
}

const states: readonly (readonly [prefix: string, state: DumpedResource['state']])[] = [
  ['static_', 'STATIC'],
  ['dynamic_warming_', 'WARMING'],
  ['dynamic_', 'ACTIVE'],
];

/** Throws MeshError NOT_A_DUMP. */
export function readConfigDump(value: unknown, from: string): ConfigDump {
  if (!isPlainObject(value)) throw notADump(from);
  const configs = value['configs'];
  const statuses = value['cluster_statuses'];
  if (!Array.isArray(configs) && !Array.isArray(statuses)) throw notADump(from);
  const sections = (Array.isArray(configs) ? configs : []).filter(isPlainObject);
  const bootstrap = sections.find((section) => section['@type'] === bootstrapDumpType);
  return {
    raw: value,
    bootstrap,
    clusterStatuses: Array.isArray(statuses) ? statuses.filter(isPlainObject) : undefined,
    resources: (name) =>
      sections.flatMap((section) => (section['@type'] === dumpSections[name].dumpType ? resourcesOf(section, name) : [])),
  };
}

function notADump(from: string): MeshError {
  return new MeshError('NOT_A_DUMP', `${from} is no config dump of Envoy: it has no "configs"`, {
    hint: 'take one: curl ADMIN/config_dump?include_eds > dump.json',
  });
}

function resourcesOf(section: Json, name: DumpName): DumpedResource[] {
  return Object.entries(section).flatMap(([key, list]) => {
    const [, state] = states.find(([prefix]) => key.startsWith(prefix)) ?? [];
    if (state === undefined || !Array.isArray(list)) return [];
    return list.filter(isPlainObject).flatMap((entry) => (name === 'listener' ? listenerOf(entry, state) : resourceOf(entry, name, state)));
  });
}

/** A dynamic listener stands inside of its states; one that was refused has none of them. */
function listenerOf(entry: Json, state: DumpedResource['state']): DumpedResource[] {
  const dynamic = (
    [
      ['active_state', 'ACTIVE'],
      ['warming_state', 'WARMING'],
      ['draining_state', 'DRAINING'],
    ] as const
  ).flatMap(([key, each]) => (isPlainObject(entry[key]) ? resourceOf(entry[key], 'listener', each) : []));
  return dynamic.length > 0 ? dynamic.slice(0, 1) : resourceOf(entry, 'listener', state);
}

function resourceOf(entry: Json, name: DumpName, state: DumpedResource['state']): DumpedResource[] {
  const config = entry[dumpSections[name].item];
  if (!isPlainObject(config)) return [];
  const own = config['name'] ?? config['cluster_name'] ?? entry['name'];
  return [{ name: textOf(own), state, config, lastUpdated: textOf(entry['last_updated']) }];
}

/** What the path leads to: `at(cluster, 'metadata', 'filter_metadata', 'istio')`. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value;
  for (const key of path)
    found = typeof found === 'object' && found !== null ? (found as Record<string | number, unknown>)[key] : undefined;
  return found;
}

/** Of a list, its objects. */
export function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isPlainObject) : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** `10.0.0.1` and `8080` of a `core.v3.Address`; a pipe has its path and no port. */
export function addressOf(address: unknown): { address: string; port: string } {
  const socket = at(address, 'socket_address');
  if (socket === undefined) return { address: textOf(at(address, 'pipe', 'path')), port: '' };
  return { address: textOf(at(socket, 'address')), port: textOf(at(socket, 'port_value')) };
}

/** The resource that Istio says a cluster or route comes of: `reviews.default`; empty where it says none. */
export function sourceOf(config: Json): string {
  const path = textOf(at(config, 'metadata', 'filter_metadata', 'istio', 'config'));
  const [, namespace, name] = /\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(path) ?? [];
  return name === undefined ? '' : `${name}.${namespace}`;
}
