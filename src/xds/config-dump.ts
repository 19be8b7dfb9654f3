// How Envoy's admin.v3.ConfigDump calls its sections and where their entries are. The proxy writes what it holds, the control
// plane what it would send, and the command line reads both, an Envoy's as well.
import { type TypeUrl, typeUrl } from './resource-type.ts';

export interface DumpSection {
  readonly typeUrl: TypeUrl;
  /** `@type` of the section. */
  readonly dumpType: string;
  /** The list of what is in force. */
  readonly active: string;
  /** The field of an entry that holds the resource. */
  readonly item: string;
}

const admin = 'type.googleapis.com/envoy.admin.v3.';

export const bootstrapDumpType = `${admin}BootstrapConfigDump`;

export const dumpSections = {
  cluster: { typeUrl: typeUrl.cluster, dumpType: `${admin}ClustersConfigDump`, active: 'dynamic_active_clusters', item: 'cluster' },
  endpoint: {
    typeUrl: typeUrl.endpoint,
    dumpType: `${admin}EndpointsConfigDump`,
    active: 'dynamic_endpoint_configs',
    item: 'endpoint_config',
  },
  listener: { typeUrl: typeUrl.listener, dumpType: `${admin}ListenersConfigDump`, active: 'dynamic_listeners', item: 'listener' },
  route: { typeUrl: typeUrl.route, dumpType: `${admin}RoutesConfigDump`, active: 'dynamic_route_configs', item: 'route_config' },
  secret: { typeUrl: typeUrl.secret, dumpType: `${admin}SecretsConfigDump`, active: 'dynamic_active_secrets', item: 'secret' },
} as const satisfies Record<string, DumpSection>;

export type DumpName = keyof typeof dumpSections;

/** Fields of a Secret that nobody may read. */
const secretFields = ['private_key', 'private_key_provider', 'password', 'session_ticket_keys', 'generic_secret', 'pkcs12'];
const redactedText = '[redacted]';
/** The same, as JSON writes bytes. */
const redactedBytes = 'W3JlZGFjdGVkXQ==';

/** A copy in which keys and passwords are as Envoy shows them: not at all. `hidden`: it is inside of one. */
export function withoutSecrets<T>(value: T, hidden = false, name = ''): T {
  if (Array.isArray(value)) return value.map((each) => withoutSecrets(each, hidden, name)) as T;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, field]) => [key, withoutSecrets(field, hidden || secretFields.includes(key), key)]);
    return Object.fromEntries(fields) as T;
  }
  if (!hidden || typeof value !== 'string' || name === 'filename') return value;
  return (name === 'inline_bytes' ? redactedBytes : redactedText) as T;
}
