// Who a workload is, as Istio's metrics name it: from a node's own metadata, from a peer's header, from an endpoint.
import { Struct } from '#codec/protobuf/generated/google/protobuf/struct';

export interface Workload {
  name: string;
  namespace: string;
  app: string;
  version: string;
  canonicalName: string;
  canonicalRevision: string;
  cluster: string;
}

const unknown = 'unknown';

export const unknownWorkload: Workload = {
  name: unknown,
  namespace: unknown,
  app: unknown,
  version: unknown,
  canonicalName: unknown,
  canonicalRevision: 'latest',
  cluster: unknown,
};

/** From a node's metadata as Istio's bootstrap writes it: WORKLOAD_NAME, NAMESPACE, LABELS, CLUSTER_ID. */
export function workloadOfMetadata(metadata: Readonly<Record<string, unknown>>): Workload {
  const labels = (typeof metadata['LABELS'] === 'object' && metadata['LABELS'] !== null ? metadata['LABELS'] : {}) as Record<
    string,
    unknown
  >;
  const label = (...names: string[]): string | undefined => {
    for (const name of names) if (typeof labels[name] === 'string' && labels[name] !== '') return labels[name] as string;
    return undefined;
  };
  const own = (key: string): string | undefined => (typeof metadata[key] === 'string' ? (metadata[key] as string) : undefined);
  const name = own('WORKLOAD_NAME') ?? own('NAME') ?? unknown;
  return {
    name,
    namespace: own('NAMESPACE') ?? unknown,
    app: label('app') ?? unknown,
    version: label('version') ?? unknown,
    canonicalName: label('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? name,
    canonicalRevision: label('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
    cluster: own('CLUSTER_ID') ?? unknown,
  };
}

/** From an endpoint's `istio.workload`: `name;namespace;canonical name;canonical revision;cluster`. */
export function workloadOfEndpoint(text: string): Workload {
  const [name, namespace, canonicalName, canonicalRevision, cluster] = text.split(';');
  if (!name) return unknownWorkload;
  return {
    name,
    namespace: namespace || unknown,
    app: canonicalName || unknown,
    version: canonicalRevision || unknown,
    canonicalName: canonicalName || name,
    canonicalRevision: canonicalRevision || 'latest',
    cluster: cluster || unknown,
  };
}

/** The value of `x-envoy-peer-metadata`: base64 of a Struct with what peers may know of a node. */
export function encodePeerMetadata(metadata: Readonly<Record<string, unknown>>): string {
  const told = ['NAME', 'NAMESPACE', 'WORKLOAD_NAME', 'LABELS', 'CLUSTER_ID', 'OWNER', 'INSTANCE_IPS'];
  const fields = Object.fromEntries(told.filter((key) => metadata[key] !== undefined).map((key) => [key, metadata[key]]));
  return Buffer.from(Struct.encode(Struct.wrap(fields)).finish()).toString('base64');
}

/** The reverse, tolerant: what cannot be read is an unknown workload. */
export function decodePeerMetadata(header: string): Workload {
  try {
    return workloadOfMetadata(Struct.unwrap(Struct.decode(Buffer.from(header, 'base64'))));
  } catch {
    return unknownWorkload;
  }
}
