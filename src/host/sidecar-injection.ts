// What Istio’s injector writes on a pod that gets a sidecar: that it can speak mutual TLS.
import type { ApiObject } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import { isGateway, isInjected } from './injection.ts';

/** On its way into the store; what is no pod, or has no sidecar, stays as it is. */
export function withSidecarLabels(object: ApiObject): ApiObject {
  if (object.kind !== 'Pod' || object.apiVersion !== 'v1') return object;
  const pod = object as Pod;
  if (isGateway(pod) || !isInjected(pod)) return object;
  const labels = { 'security.istio.io/tlsMode': 'istio', ...pod.metadata.labels };
  return { ...object, metadata: { ...object.metadata, labels } };
}
