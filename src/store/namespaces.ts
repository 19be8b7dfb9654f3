// The rule that an object's namespace must exist, and the namespaces that always do.
import type { ApiObject } from '#api/kind';
import { namespaceKind } from '#api/kinds/namespace';
import { kindOf } from '#api/registry';
import type { Problem } from '#foundation/problem';
import { type Admit, namespaceMissingCode } from './memory-store.ts';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** Made at start, and never deleted. */
export const permanentNamespaces: readonly string[] = ['default', 'istio-system', 'kube-system'];

/** Refuses objects in a namespace that does not exist. */
export const admitNamespace: Admit = (object, view) => {
  const { namespace = '' } = object.metadata;
  const free = !kindOf(object.apiVersion, object.kind)?.namespaced || permanentNamespaces.includes(namespace);
  return free || view.get(namespaceKind, '', namespace) ? [] : [namespaceMissing(object)];
};

export function namespaceMissing(object: ApiObject): Problem {
  const { namespace = '' } = object.metadata;
  return {
    level: 'error',
    code: namespaceMissingCode,
    field: 'metadata.namespace',
    message: `namespace "${namespace}" does not exist`,
    hint: `apply a Namespace of this name first, or use another`,
    object: `${object.kind} ${namespace}/${object.metadata.name}`,
  };
}

/** Creates the permanent namespaces that are not there yet. */
export async function ensureNamespaces(store: Store): Promise<void> {
  for (const name of permanentNamespaces) {
    try {
      const labels = { 'kubernetes.io/metadata.name': name };
      await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'ALREADY_EXISTS')) throw error;
    }
  }
}
