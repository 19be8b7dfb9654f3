// A mesh from YAML, for the tests of the control plane.
import { parseAllDocuments } from 'yaml';
import type { ApiObject } from '#api/kind';
import { Locality, Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { MeshSource } from '#control/control-plane';
import { fold } from '#control/mesh/fold';
import { emptySnapshot, type MeshSnapshot } from '#control/mesh/snapshot';
import type { SourceEvent, SourceHandlers } from '#control/sources/event';
import { proxyOf } from '#control/view/proxy';

/** `default` is the namespace of what names none. */
export function objectsOf(yaml: string): ApiObject[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const object = document.toJS() as ApiObject | null;
    return object ? [{ ...object, metadata: { namespace: 'default', ...object.metadata } }] : [];
  });
}

export function setsOf(yaml: string): SourceEvent[] {
  return objectsOf(yaml).map((object) => ({ type: 'set', object }));
}

export function snapshotOf(yaml: string): MeshSnapshot {
  return fold(emptySnapshot(), setsOf(yaml)).snapshot;
}

export function nodeOf(id: string, metadata: Record<string, unknown> = {}): Node {
  return Node.fromPartial({ id, metadata });
}

/** `userAgentName`: `lateen` for Lateen's own proxy. */
export function testProxy(id: string, metadata: Record<string, unknown> = {}, userAgentName = 'envoy', locality: Partial<Locality> = {}) {
  const proxy = proxyOf({ ...nodeOf(id, metadata), userAgentName, locality: Locality.fromPartial(locality) });
  if (!proxy) throw new Error(`not a node id: ${id}`);
  return proxy;
}

/** A source that a test drives by hand. */
export class ManualSource implements MeshSource {
  private handlers: SourceHandlers | undefined;

  constructor(private readonly initial: string) {}

  start(handlers: SourceHandlers): void {
    this.handlers = handlers;
    handlers.events(setsOf(this.initial));
    handlers.synced();
  }

  stop(): void {
    this.handlers = undefined;
  }

  apply(yaml: string): void {
    this.handlers?.events(setsOf(yaml));
  }

  delete(kind: string, name: string, namespace = 'default'): void {
    this.handlers?.events([{ type: 'delete', kind, namespace, name }]);
  }
}

/** A Service with one endpoint per address, each with a pod that has `app` and `version` labels. */
export function serviceYaml(
  name: string,
  options: { port?: number; portName?: string; clusterIP?: string; pods?: Record<string, string> } = {},
): string {
  const { port = 9080, portName = 'http', clusterIP = '', pods = {} } = options;
  const documents: unknown[] = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: { app: name }, ports: [{ name: portName, port }], ...(clusterIP && { clusterIP }) },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: portName, port }],
      endpoints: Object.keys(pods).map((address) => ({
        addresses: [address],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: `${name}-${address.replaceAll('.', '-')}` },
      })),
    },
    ...Object.entries(pods).map(([address, version]) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${name}-${address.replaceAll('.', '-')}`, labels: { app: name, version } },
      spec: { containers: [{ name, ports: [{ containerPort: port }] }] },
      status: { podIP: address },
    })),
  ];
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}
