// The fields by which objects of a kind can be selected, as Kubernetes has them; others are refused rather than taken to be empty. Pure.
import type { Kind } from '#api/kind';
import { StoreError } from '#store/store-error';

const ofAll = ['metadata.name', 'metadata.namespace'];
const further: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    ...['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'spec.hostNetwork'],
    ...['status.phase', 'status.podIP', 'status.podIPs', 'status.nominatedNodeName'],
  ],
  Event: [
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => `involvedObject.${field}`),
    ...['reason', 'reportingComponent', 'source', 'type'],
  ],
  Namespace: ['status.phase'],
  Node: ['spec.unschedulable'],
  Secret: ['type'],
  Service: ['spec.clusterIP', 'spec.type'],
  ReplicaSet: ['status.replicas'],
  ReplicationController: ['status.replicas'],
  Job: ['status.successful'],
};

/** Throws StoreError BAD_REQUEST. */
export function checkFieldSelector(kind: Kind, selector: string): void {
  const known = [...ofAll, ...(further[kind.kind] ?? [])];
  for (const term of selector.split(',').filter((each) => each.trim() !== '')) {
    const [label = ''] = term.trim().split(/\s*(?:!=|==?)/, 1);
    if (known.includes(label)) continue;
    if (known.length > ofAll.length) throw new StoreError('BAD_REQUEST', `field label not supported: ${label}`);
    const [name, namespace] = ofAll;
    throw new StoreError('BAD_REQUEST', `"${label}" is not a known field selector: only "${name}", "${namespace}"`);
  }
}
