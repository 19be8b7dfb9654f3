// What Istio's ProxyConfig says of what a proxy is sent: how a gateway stands to what is before it, which headers are made, and whither traces
// go. Of the mesh's `defaultConfig`, and over it what a proxy's node says. Pure.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
import { isPlainObject } from '#api/json';
import { mergeProxyConfigs, type ProxyConfigFields } from '#api/proxy-config';

const clientCertModes = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'] as const;

export interface ProxySettings {
  /** Of a gateway: so many proxies before it are believed what they say of the client. */
  readonly trustedHops: number;
  /** Of a gateway: connections begin with the PROXY protocol. */
  readonly proxyProtocol: boolean;
  /** What becomes of `x-forwarded-client-cert`; undefined: what is usual there. */
  readonly gatewayClientCert: ClientCertMode | undefined;
  readonly clientCert: ClientCertMode | undefined;
  /** What of the client's certificate is told, where anything is said of that. */
  readonly clientCertParts: Readonly<Record<ClientCertPart, boolean>> | undefined;
  /** Of responses; undefined: it is left as the program says it. */
  readonly serverName: string | undefined;
  readonly makesRequestIds: boolean;
  /** Upstreams are told how many tries there were. */
  readonly countsAttempts: boolean;
  /** `x-envoy-…` of requests and responses. */
  readonly envoyHeaders: boolean;
  /** Only the mesh's services are told who calls. */
  readonly tellsMeshAlone: boolean;
  readonly tracing: TracerSettings;
}

export type ClientCertMode = (typeof clientCertModes)[number];
type ClientCertPart = (typeof clientCertParts)[number];

export interface TracerSettings {
  /** A Zipkin collector; undefined: none is named. */
  readonly zipkin: { host: string; port: number } | undefined;
  /** From 0 to 100; undefined: nothing is said. */
  readonly samplingPercent: number | undefined;
  /** As a Telemetry says them. */
  readonly customTags: Readonly<Record<string, object>>;
  readonly urlLengthMax: number | undefined;
}

const clientCertParts = ['subject', 'cert', 'chain', 'dns', 'uri'] as const;

/** Throws what is wrong with them. Fields of other things are passed over. */
export function readProxySettings(fields: ProxyConfigFields): ProxySettings {
  const topology = objectAt(fields, 'gatewayTopology');
  const headers = objectAt(fields, 'proxyHeaders');
  const parts = optionalObject(headers, 'proxyHeaders.', 'setCurrentClientCertDetails');
  const server = objectAt(headers, 'server', 'proxyHeaders.');
  const isDisabled = (name: string) => objectAt(headers, name, 'proxyHeaders.')['disabled'] === true;
  return {
    trustedHops: count(topology, 'gatewayTopology.', 'numTrustedProxies') ?? 0,
    proxyProtocol: topology['proxyProtocol'] !== undefined,
    gatewayClientCert: clientCertMode(topology, 'gatewayTopology.', 'forwardClientCertDetails'),
    clientCert: clientCertMode(headers, 'proxyHeaders.', 'forwardedClientCert'),
    clientCertParts:
      parts && (Object.fromEntries(clientCertParts.map((part) => [part, parts[part] === true])) as Record<ClientCertPart, boolean>),
    serverName: isDisabled('server') ? undefined : typeof server['value'] === 'string' ? server['value'] : 'istio-envoy',
    makesRequestIds: !isDisabled('requestId'),
    countsAttempts: !isDisabled('attemptCount'),
    envoyHeaders: !isDisabled('envoyDebugHeaders'),
    tellsMeshAlone: exchangeMode(headers) === 'IN_MESH',
    tracing: tracerSettings(objectAt(fields, 'tracing')),
  };
}

function exchangeMode(headers: Fields): string {
  const mode = objectAt(headers, 'metadataExchangeHeaders', 'proxyHeaders.')['mode'] ?? 'UNDEFINED';
  if (mode === 'UNDEFINED' || mode === 'IN_MESH') return mode;
  throw new Error(`proxyHeaders.metadataExchangeHeaders.mode: ${JSON.stringify(mode)} is none of UNDEFINED, IN_MESH`);
}

function tracerSettings(tracing: Fields): TracerSettings {
  const sampling = tracing['sampling'];
  if (sampling !== undefined && (typeof sampling !== 'number' || sampling < 0 || sampling > 100)) {
    throw new Error('tracing.sampling must be from 0 to 100');
  }
  const address = objectAt(tracing, 'zipkin', 'tracing.')['address'];
  return {
    zipkin: address === undefined ? undefined : serverOf(address),
    samplingPercent: sampling,
    customTags: objectAt(tracing, 'customTags', 'tracing.') as Record<string, object>,
    urlLengthMax: count(tracing, 'tracing.', 'maxPathTagLength'),
  };
}

function serverOf(address: unknown): { host: string; port: number } {
  const [, host, port] = /^([^:]+):(\d{1,5})$/.exec(String(address)) ?? [];
  if (host === undefined) throw new Error(`tracing.zipkin.address: "${String(address)}" is not HOST:PORT`);
  return { host, port: Number(port) };
}

/** `own`: of one proxy, over the mesh's; where it is wrong, the mesh's holds alone. */
export function settingsOver(mesh: ProxyConfigFields, own: ProxyConfigFields): ProxySettings {
  try {
    return readProxySettings(mergeProxyConfigs(mesh, own));
  } catch {
    return readProxySettings(mesh);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function optionalObject(fields: Fields, place: string, name: string): Fields | undefined {
  const value = fields[name];
  if (value === undefined || value === null || isPlainObject(value)) return value ?? undefined;
  throw new Error(`${place}${name} must be an object`);
}

function objectAt(fields: Fields, name: string, place = ''): Fields {
  return optionalObject(fields, place, name) ?? {};
}

function count(fields: Fields, place: string, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0)) return value;
  throw new Error(`${place}${name} must be 0 or more`);
}

function clientCertMode(fields: Fields, place: string, name: string): ClientCertMode | undefined {
  const value = fields[name];
  if (value === undefined || value === 'UNDEFINED') return undefined;
  const mode = clientCertModes.find((known) => known === value);
  if (mode === undefined) throw new Error(`${place}${name}: ${JSON.stringify(value)} is none of ${clientCertModes.join(', ')}`);
  return mode;
}
