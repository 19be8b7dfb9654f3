// A call whose way is asked for, and the proxy that it starts from. Pure.

import type { Pod } from '#api/kinds/pod';
import { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { type MeshProxy, proxyOf } from '#control/view/proxy';
import { MeshError } from '#foundation/mesh-error';
import type { RoutedRequest } from '#proxy/route/route';
import { formatNodeId } from '#xds/node-id';
import type { Call } from './explanation.ts';
import type { World } from './world.ts';

export interface ParsedCall {
  request: RoutedRequest;
  /** Without the port, in lower case: where the caller connects to, and whom it names in TLS. */
  host: string;
  /** That the URL names, or its scheme's. */
  port: number;
  /** What the caller speaks: HTTP; TLS of its own, of which a proxy sees the server name alone; or anything. */
  protocol: 'http' | 'tls' | 'tcp';
}

const portsByScheme: Readonly<Record<string, number>> = { http: 80, https: 443, tls: 443 };

/** Throws MeshError USAGE where the URL is none. */
export function parseCall({ url, method, headers }: Call): ParsedCall {
  const withScheme = url.includes('://') ? url : `http://${url}`;
  if (!URL.canParse(withScheme)) throw new MeshError('USAGE', `"${url}" is no URL`, { hint: 'such as http://reviews:9080/reviews/0' });
  const parsed = new URL(withScheme);
  const scheme = parsed.protocol.replace(':', '');
  const port = Number(parsed.port) || portsByScheme[scheme];
  if (port === undefined) {
    const known = scheme === 'tcp' ? 'it names no port' : 'known are http, https, tls and tcp';
    throw new MeshError('USAGE', `"${url}" cannot be asked for: ${known}`, { hint: 'such as http://reviews:9080/ or tcp://mongo:27017' });
  }
  const path = method === 'CONNECT' ? '' : parsed.pathname + parsed.search;
  const authority = headers['host'] ?? parsed.host;
  // The connection manager adds this one before it looks for a route.
  const known: Readonly<Record<string, string>> = { 'x-forwarded-proto': scheme, ...headers };
  return {
    request: { method, path, authority, scheme, header: (name) => known[name] },
    host: parsed.hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1'),
    port,
    protocol: scheme === 'tcp' ? 'tcp' : scheme === 'tls' || scheme === 'https' ? 'tls' : 'http',
  };
}

/** Throws MeshError NO_SOURCE where nobody of that name is known. */
export function proxyOfCall({ from }: Call, world: World): { proxy: MeshProxy; pod: Pod | undefined } {
  if (from === undefined) {
    const gateway = world.pods.find(({ metadata }) => metadata.labels?.['istio'] === 'ingressgateway');
    return { proxy: meshProxy('router', gateway, { name: 'istio-ingressgateway', namespace: 'istio-system' }), pod: gateway };
  }
  const [name = '', namespace = 'default'] = from.split('.', 2);
  const pod = world.pods.find((candidate) => isNamed(candidate, name, namespace));
  const service = world.services.find(({ metadata }) => metadata.name === name && (metadata.namespace ?? 'default') === namespace);
  if (pod === undefined && service === undefined) {
    const known = [...new Set(world.pods.map(({ metadata }) => metadata.labels?.['app'] ?? metadata.name))].sort();
    throw new MeshError('NO_SOURCE', `there is no workload ${name} in namespace ${namespace}`, {
      ...(known.length > 0 ? { hint: `known: ${known.join(', ')}` } : {}),
    });
  }
  return { proxy: meshProxy('sidecar', pod, { name, namespace }), pod };
}

/** By its own name, its app, or who made it: a Deployment does so through a ReplicaSet, which has its name and the hash of the template. */
function isNamed(
  { metadata: { name: own, namespace: of, labels = {}, ownerReferences = [] } }: Pod,
  name: string,
  namespace: string,
): boolean {
  if (of !== namespace) return false;
  const replicaSet = `${name}-${labels['pod-template-hash']}`;
  return own === name || labels['app'] === name || ownerReferences.some((owner) => owner.name === name || owner.name === replicaSet);
}

/** As `proxyOfCall`, of a pod that is called. */
export function proxyOfPod(pod: Pod): MeshProxy {
  return meshProxy('sidecar', pod, { name: pod.metadata.name, namespace: pod.metadata.namespace ?? 'default' });
}

/** A proxy with redirected traffic, as in a cluster: listeners and routes are then those of Istio's own documentation. */
function meshProxy(type: 'sidecar' | 'router', pod: Pod | undefined, fallback: { name: string; namespace: string }): MeshProxy {
  const name = pod?.metadata.name ?? fallback.name;
  const namespace = pod?.metadata.namespace ?? fallback.namespace;
  const ip = pod?.status?.podIP ?? '10.255.255.254';
  const id = formatNodeId({ type, ip, id: `${name}.${namespace}`, dnsDomain: `${namespace}.svc.cluster.local` });
  const labels = pod?.metadata.labels ?? { app: fallback.name };
  return proxyOf(
    Node.fromPartial({ id, userAgentName: 'lateen', metadata: { NAMESPACE: namespace, LABELS: labels, ISTIO_VERSION: '1.28.0' } }),
  )!;
}
