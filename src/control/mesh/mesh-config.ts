// What holds for the whole mesh: the part of Istio's MeshConfig that Lateen acts on, with Istio's defaults. It comes from the
// key `mesh` of the ConfigMap `istio` in the root namespace, and may change at any time.

import { isPlainObject } from '#api/json';
import type { TrafficPolicy } from '#api/kinds/destination-rule';
import type { HttpRoute } from '#api/kinds/virtual-service';
import type { LabelSelector } from '#api/kubernetes-kinds';
import type { ProxyConfigFields } from '#api/proxy-config';
import { parseYaml } from '#codec/yaml/documents';
import { durationMs } from '#foundation/duration';
import { messageOf } from '#foundation/mesh-error';
import type { Problem, Result } from '#foundation/problem';
import { type ExtensionProvider, readExtensionProviders } from './extension-provider.ts';
import { readProxySettings } from './proxy-settings.ts';

const normalizations = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;

type LoadBalancer = NonNullable<TrafficPolicy['loadBalancer']>;
export type LocalityLbSetting = NonNullable<LoadBalancer['localityLbSetting']>;
export type ZoneAwareLbSetting = NonNullable<LoadBalancer['zoneAwareLbSetting']>;

export type TcpKeepalive = NonNullable<NonNullable<NonNullable<TrafficPolicy['connectionPool']>['tcp']>['tcpKeepalive']>;

/** A text for lines, or a structure for JSON; undefined: Istio's own text. */
export type AccessLogFormat = string | Readonly<Record<string, unknown>> | undefined;

export interface MeshConfig {
  /** Of Kubernetes' DNS: services are `name.namespace.svc.<suffix>`. Given at the start; no field of MeshConfig. */
  domainSuffix: string;
  /** Given at the start; no field of MeshConfig. */
  clusterId: string;
  /** Of the mesh's identities. */
  trustDomain: string;
  /** Other names of it: certificates and principals of theirs are as good. */
  trustDomainAliases: readonly string[];
  /** Workloads that can speak mutual TLS are spoken to so, where no rule says otherwise. */
  autoMtls: boolean;
  /** Whose resources apply to every namespace. */
  rootNamespace: string;
  /** Empty: no access log. */
  accessLogFile: string;
  accessLogFormat: AccessLogFormat;
  extensionProviders: readonly ExtensionProvider[];
  /** Names of providers, where Telemetries say nothing else. */
  defaultTracingProviders: readonly string[];
  defaultAccessLogProviders: readonly string[];
  /** Of proxies: what each says of itself is laid over it (`proxy-settings.ts`). */
  defaultConfig: ProxyConfigFields;
  /** Traces go where `defaultConfig` says. */
  enableTracing: boolean;
  outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  connectTimeoutMs: number;
  /** Of connections to services whose rules say nothing of it; undefined: none is kept alive. */
  tcpKeepalive: TcpKeepalive | undefined;
  /** Of routes that say nothing of retries; undefined: Istio's own. */
  defaultHttpRetryPolicy: HttpRoute['retries'];
  defaultServiceExportTo: readonly string[];
  defaultVirtualServiceExportTo: readonly string[];
  defaultDestinationRuleExportTo: readonly string[];
  pathNormalization: (typeof normalizations)[number];
  /** How long the first bytes are waited for where a port's protocol is not known; 0: for ever. */
  protocolDetectionTimeoutMs: number;
  /** Of hosts whose rules say nothing of localities. */
  localityLbSetting: LocalityLbSetting;
  /** Of hosts whose rules say nothing of zones; undefined: neither does the mesh. */
  zoneAwareLbSetting: ZoneAwareLbSetting | undefined;
  /** Of the namespaces whose objects the mesh knows, any of them; none: all namespaces. */
  discoverySelectors: readonly LabelSelector[];
  /** Whether what clients of a cluster find at a host is in that cluster alone, by host; the most specific one counts. */
  clusterLocal: ReadonlyMap<string, boolean>;
  /** Plain HTTP to services is sent as HTTP/2, where their rules do not say otherwise. */
  h2Upgrade: boolean;
}

export const defaultMeshConfig: MeshConfig = {
  domainSuffix: 'cluster.local',
  clusterId: 'Kubernetes',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  autoMtls: true,
  rootNamespace: 'istio-system',
  accessLogFile: '/dev/stdout',
  accessLogFormat: undefined,
  extensionProviders: [],
  defaultTracingProviders: [],
  defaultAccessLogProviders: [],
  defaultConfig: {},
  enableTracing: true,
  outboundTrafficPolicy: 'ALLOW_ANY',
  connectTimeoutMs: 10_000,
  tcpKeepalive: undefined,
  defaultHttpRetryPolicy: undefined,
  defaultServiceExportTo: ['*'],
  defaultVirtualServiceExportTo: ['*'],
  defaultDestinationRuleExportTo: ['*'],
  pathNormalization: 'BASE',
  protocolDetectionTimeoutMs: 0,
  localityLbSetting: { enabled: true },
  zoneAwareLbSetting: undefined,
  discoverySelectors: [],
  clusterLocal: new Map(),
  h2Upgrade: false,
};

/** `text`, a MeshConfig in YAML, laid over `base`; or everything that is wrong with it. Fields that do not concern traffic are passed over. */
export function readMeshConfig(base: MeshConfig, text: string): Result<MeshConfig> {
  const [document] = parseYaml(text);
  const broken = document?.problems[0];
  if (broken) return { ok: false, problems: [problem('', broken.message)] };
  const value = document?.value ?? {};
  if (!isPlainObject(value)) return { ok: false, problems: [problem('', 'must be an object')] };
  const config = { ...base };
  const problems: Problem[] = [];
  for (const [field, read] of Object.entries(readers)) {
    const given = value[field];
    if (given === undefined || given === null) continue;
    try {
      Object.assign(config, read(given, value));
    } catch (thrown) {
      problems.push(problem(field, messageOf(thrown)));
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: config };
}

function problem(field: string, message: string): Problem {
  const hint = 'what served before serves on; see MeshConfig in Istio’s reference';
  return { level: 'error', code: 'INVALID_MESH_CONFIG', field: field === '' ? 'data.mesh' : `data.mesh: ${field}`, message, hint };
}

type Reader = (value: unknown, all: Readonly<Record<string, unknown>>) => Partial<MeshConfig>;

/** By field of MeshConfig. Throws what is wrong with the value. */
const readers: Readonly<Record<string, Reader>> = {
  trustDomain: (value) => ({ trustDomain: text(value) }),
  trustDomainAliases: (value) => ({ trustDomainAliases: optionalTexts(value) }),
  enableAutoMtls: (value) => ({ autoMtls: flag(value) }),
  rootNamespace: (value) => ({ rootNamespace: text(value) }),
  accessLogFile: (value) => ({ accessLogFile: text(value) }),
  accessLogFormat: (value, { accessLogEncoding }) => ({ accessLogFormat: accessLogFormat(text(value), accessLogEncoding) }),
  accessLogEncoding: (value, { accessLogFormat: format }) => {
    const json = oneOf(value, ['TEXT', 'JSON']) === 'JSON';
    return json && !format ? { accessLogFormat: jsonAccessLog } : {};
  },
  extensionProviders: (value) => ({ extensionProviders: readExtensionProviders(value) }),
  defaultProviders: (value) => ({
    defaultTracingProviders: optionalTexts(member(value, 'tracing')),
    defaultAccessLogProviders: optionalTexts(member(value, 'accessLogging')),
  }),
  defaultConfig: (value) => {
    if (!isPlainObject(value)) throw new Error('must be an object');
    readProxySettings(value);
    return { defaultConfig: value };
  },
  enableTracing: (value) => ({ enableTracing: flag(value) }),
  outboundTrafficPolicy: (value) => ({
    outboundTrafficPolicy: oneOf(member(value, 'mode') ?? 'ALLOW_ANY', ['ALLOW_ANY', 'REGISTRY_ONLY']),
  }),
  connectTimeout: (value) => ({ connectTimeoutMs: duration(value) }),
  tcpKeepalive: (value) => ({ tcpKeepalive: keepalive(value) }),
  defaultHttpRetryPolicy: (value) => ({ defaultHttpRetryPolicy: retries(value) }),
  defaultServiceExportTo: (value) => ({ defaultServiceExportTo: texts(value) }),
  defaultVirtualServiceExportTo: (value) => ({ defaultVirtualServiceExportTo: texts(value) }),
  defaultDestinationRuleExportTo: (value) => ({ defaultDestinationRuleExportTo: texts(value) }),
  pathNormalization: (value) => {
    const word = oneOf(member(value, 'normalization') ?? 'DEFAULT', ['DEFAULT', ...normalizations]);
    return { pathNormalization: word === 'DEFAULT' ? 'BASE' : word };
  },
  protocolDetectionTimeout: (value) => ({ protocolDetectionTimeoutMs: duration(value) }),
  localityLbSetting: (value) => ({ localityLbSetting: localities(value) }),
  zoneAwareLbSetting: (value) => ({ zoneAwareLbSetting: zones(value) }),
  discoverySelectors: (value) => ({ discoverySelectors: list(value).map(labelSelector) }),
  serviceSettings: (value) => ({ clusterLocal: new Map(list(value).flatMap(clusterLocality)) }),
  h2UpgradePolicy: (value) => ({ h2Upgrade: oneOf(value, ['DO_NOT_UPGRADE', 'UPGRADE']) === 'UPGRADE' }),
};

/** The fields of Istio's default text, by its names for them. */
const jsonAccessLog: Readonly<Record<string, unknown>> = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
};

function accessLogFormat(format: string, encoding: unknown): AccessLogFormat {
  if (encoding !== 'JSON') return format === '' ? undefined : `${format}${format.endsWith('\n') ? '' : '\n'}`;
  if (format === '') return jsonAccessLog;
  const [document] = parseYaml(format);
  if (!isPlainObject(document?.value)) throw new Error('must be a JSON object, since accessLogEncoding is JSON');
  return document.value;
}

function retries(value: unknown): HttpRoute['retries'] {
  if (!isPlainObject(value)) throw new Error('must be an object');
  const { attempts, perTryTimeout, retryOn, backoff } = value;
  if (attempts !== undefined && !(Number.isInteger(attempts) && Number(attempts) >= 0)) throw new Error('attempts must be 0 or more');
  if (retryOn !== undefined) text(retryOn);
  for (const each of [perTryTimeout, backoff]) if (each !== undefined) duration(each);
  return value as HttpRoute['retries'];
}

function keepalive(value: unknown): TcpKeepalive {
  if (!isPlainObject(value)) throw new Error('must be an object');
  const { probes, time, interval } = value;
  if (probes !== undefined && !(Number.isInteger(probes) && Number(probes) >= 0)) throw new Error('probes must be 0 or more');
  for (const each of [time, interval]) if (each !== undefined) duration(each);
  return value as TcpKeepalive;
}

/** Of its lists, that they are lists: what stands in them is as in a DestinationRule. */
function localities(value: unknown): LocalityLbSetting {
  if (!isPlainObject(value)) throw new Error('must be an object');
  const { enabled = true, distribute = [], failover = [], failoverPriority = [] } = value;
  if (typeof enabled !== 'boolean') throw new Error('enabled must be true or false');
  if (!Array.isArray(failoverPriority) || !failoverPriority.every((label) => typeof label === 'string')) {
    throw new Error('failoverPriority must be a list of texts');
  }
  for (const [name, list] of Object.entries({ distribute, failover })) {
    if (!Array.isArray(list) || !list.every(isPlainObject)) throw new Error(`${name} must be a list of objects`);
  }
  return { enabled, distribute, failover, failoverPriority } as LocalityLbSetting;
}

function zones(value: unknown): ZoneAwareLbSetting {
  const { enabled = true, failover = [], failoverPriority = [] } = localities(value);
  const minClusterSize = member(value, 'minClusterSize');
  if (minClusterSize !== undefined && !(Number.isInteger(minClusterSize) && Number(minClusterSize) >= 1)) {
    throw new Error('minClusterSize must be 1 or more');
  }
  return { enabled, failover, failoverPriority, ...(minClusterSize !== undefined && { minClusterSize: Number(minClusterSize) }) };
}

const selectorOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

function labelSelector(value: unknown): LabelSelector {
  if (!isPlainObject(value)) throw new Error('each must be an object');
  const { matchLabels = {}, matchExpressions = [] } = value;
  if (!isPlainObject(matchLabels)) throw new Error('matchLabels must be an object');
  for (const label of Object.values(matchLabels)) text(label);
  for (const expression of list(matchExpressions)) {
    text(member(expression, 'key'));
    oneOf(member(expression, 'operator'), selectorOperators);
    optionalTexts(member(expression, 'values'));
  }
  return value as LabelSelector;
}

/** What says nothing of it is not cluster-local. */
function clusterLocality(value: unknown): [host: string, isLocal: boolean][] {
  const settings = member(value, 'settings') ?? {};
  const isLocal = flag(member(settings, 'clusterLocal') ?? false);
  return optionalTexts(member(value, 'hosts')).map((host) => [host.toLowerCase(), isLocal]);
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error('must be a list');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(`must be a text, not ${JSON.stringify(value)}`);
}

function flag(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new Error(`must be true or false, not ${JSON.stringify(value)}`);
}

function texts(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length > 0) return value.map(text);
  throw new Error('must be a list of texts');
}

function optionalTexts(value: unknown): readonly string[] {
  return value === undefined || (Array.isArray(value) && value.length === 0) ? [] : texts(value);
}

function duration(value: unknown): number {
  const ms = typeof value === 'string' ? durationMs(value) : undefined;
  if (ms === undefined) throw new Error(`${JSON.stringify(value)} is no duration, such as 10s`);
  return ms;
}

function oneOf<const T extends string>(value: unknown, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new Error(`${JSON.stringify(value)} is none of ${words.join(', ')}`);
  return found;
}

function member(value: unknown, name: string): unknown {
  if (!isPlainObject(value)) throw new Error('must be an object');
  return value[name];
}
