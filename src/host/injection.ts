// Whether a pod has a proxy of the mesh, and which kind. Pure.
import type { Pod } from '#api/kinds/pod';

export const injectLabel = 'sidecar.istio.io/inject';
const templatesAnnotation = 'inject.istio.io/templates';

/** A gateway pod is a proxy without a program. */
export function isGateway(pod: Pod): boolean {
  return (pod.metadata.annotations?.[templatesAnnotation] ?? '').split(',').includes('gateway');
}

/** On one machine every pod is in the mesh unless it asks not to be, by label or (deprecated) annotation. */
export function isInjected(pod: Pod): boolean {
  const asked = pod.metadata.labels?.[injectLabel] ?? pod.metadata.annotations?.[injectLabel];
  return asked !== 'false' && asked !== 'n' && asked !== 'no';
}
