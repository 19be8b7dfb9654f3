// Where Kubernetes' REST API has its resources. Read by the remote store and by the API server alike.
import type { Kind } from '#api/kind';

/** `/api/v1` or `/apis/<group>/<version>`; in the preferred version unless told. */
export function groupPath(kind: Kind, version = kind.versions[0] ?? ''): string {
  return kind.group === '' ? `/api/${version}` : `/apis/${kind.group}/${version}`;
}

/** Of a collection, or with a name of one object, or of a subresource of it. An empty namespace means all of them. */
export function resourcePath(kind: Kind, namespace: string, name?: string, subresource?: string): string {
  const parts = [groupPath(kind)];
  if (kind.namespaced && namespace !== '') parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(kind.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join('/');
}
