// A proxy as it introduced itself: the Node of its first xDS request. Istio's node ids and metadata.
import { isPlainObject } from '#api/json';
import { formatLocality } from '#api/locality';
import type { ProxyConfigFields } from '#api/proxy-config';
import type { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { MeshService } from '#control/mesh/service';
import { parseNodeId } from '#xds/node-id';

/** `grpc`: a client library that takes its configuration from xDS, without a proxy. */
type ProxyType = 'sidecar' | 'router' | 'grpc';

export interface MeshProxy {
  /** The whole node id. */
  readonly id: string;
  /** `pod.namespace`. */
  readonly name: string;
  readonly type: ProxyType;
  readonly address: string;
  readonly namespace: string;
  /** Of the pod, as the node's metadata says; undefined when it says nothing. */
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** As the node says it; empty: it does not. */
  readonly locality: string;
  readonly clusterId: string;
  /** Undefined for proxies that do not have Istio's filters. */
  readonly istioVersion: string | undefined;
  /** Of the node, as it came. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What is said of it beyond the mesh's `defaultConfig`, or over it. */
  readonly config: ProxyConfigFields;
  /** Traffic is redirected to it; else it listens where the traffic goes. */
  readonly captured: boolean;
  /** It has certificates of the mesh, under the names that Istio's agent has for them. */
  readonly certified: boolean;
  /** It takes virtual hosts one by one, and not with their routes (Envoy's VHDS). */
  readonly virtualHostDiscovery: boolean;
  /** Names are answered in its pod, by what it is told. */
  readonly answersNames: boolean;
  /** And hosts without an address have one there. */
  readonly allocatesAddresses: boolean;
  /** Where it serves as an explicit HTTP proxy to its own pod. */
  readonly httpProxyPort: number | undefined;
}

/** Undefined when the node's id is not of Istio's form and the node is not a gRPC client. */
export function proxyOf(node: Node | undefined): MeshProxy | undefined {
  if (!node) return undefined;
  const metadata = node.metadata ?? {};
  const word = (name: string): string | undefined =>
    typeof metadata[name] === 'string' && metadata[name] !== '' ? metadata[name] : undefined;
  // Istio's agent sends them as words.
  const isOn = (name: string) => String(metadata[name]) === 'true';
  const id = parseNodeId(node.id);
  const grpc = word('GENERATOR') === 'grpc' || node.userAgentName.startsWith('gRPC');
  if (!id && !grpc) return undefined;
  const port = Number(word('HTTP_PROXY_PORT'));
  return {
    id: node.id,
    name: id?.id ?? node.id,
    type: grpc ? 'grpc' : (id?.type ?? 'sidecar'),
    address: id?.ip ?? '',
    namespace: word('NAMESPACE') ?? id?.dnsDomain.split('.', 1)[0] ?? 'default',
    labels: labelsOf(metadata['LABELS']),
    locality: formatLocality([node.locality?.region, node.locality?.zone, node.locality?.subZone]),
    clusterId: word('CLUSTER_ID') ?? 'Kubernetes',
    istioVersion: word('ISTIO_VERSION'),
    metadata,
    config: isPlainObject(metadata['PROXY_CONFIG']) ? metadata['PROXY_CONFIG'] : {},
    captured: word('INTERCEPTION_MODE') !== 'NONE',
    // Ours say so; what Istio's agent starts names the control plane that it trusts.
    certified: !grpc && (word('WORKLOAD_CERTIFICATES') === 'true' || metadata['PILOT_SAN'] !== undefined),
    virtualHostDiscovery: word('VIRTUAL_HOST_DISCOVERY') === 'true',
    answersNames: isOn('DNS_CAPTURE'),
    allocatesAddresses: isOn('DNS_CAPTURE') && isOn('DNS_AUTO_ALLOCATE'),
    httpProxyPort: Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined,
  };
}

/** At which addresses the proxy's program finds a service. */
export function addressesFor({ allocatesAddresses }: MeshProxy, { addresses, allocatedAddress }: MeshService): readonly string[] {
  return addresses.length === 0 && allocatesAddresses && allocatedAddress !== undefined ? [allocatedAddress] : addresses;
}

function labelsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}
