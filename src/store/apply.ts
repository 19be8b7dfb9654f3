// Makes a Store hold an object as declared, whether it was there or not. Used by the command line, by server-side apply
// and by the directory source.
import type { ApiObject, Kind } from '#api/kind';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

export type Applied = { outcome: 'created' | 'configured' | 'unchanged'; object: ApiObject };

const attemptsMax = 4;

/**
 * What is declared replaces what is there, so that a field that vanished from a file vanishes here; annotations of
 * others and `status` stay. Writers in between are overtaken, not overwritten: a conflict is read again and repeated.
 */
export async function applyObject(store: Store, kind: Kind, object: ApiObject): Promise<Applied> {
  const { namespace = '', name } = object.metadata;
  for (let attempt = 1; ; attempt++) {
    const stored = await store.get(kind, namespace, name);
    try {
      if (!stored) return { outcome: 'created', object: await store.create(object) };
      const updated = await store.update(merged(object, stored));
      const same = updated.metadata.resourceVersion === stored.metadata.resourceVersion;
      return { outcome: same ? 'unchanged' : 'configured', object: updated };
    } catch (error) {
      const race = error instanceof StoreError && ['CONFLICT', 'ALREADY_EXISTS', 'NOT_FOUND'].includes(error.code);
      if (!race || attempt >= attemptsMax) throw error;
    }
  }
}

function merged(object: ApiObject, stored: ApiObject): ApiObject {
  const { uid: _, resourceVersion: __, ...metadata } = object.metadata;
  const annotations = { ...stored.metadata.annotations, ...metadata.annotations };
  const { ownerReferences = stored.metadata.ownerReferences } = metadata;
  return {
    ...object,
    metadata: {
      ...metadata,
      resourceVersion: stored.metadata.resourceVersion,
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ...(ownerReferences && { ownerReferences }),
    },
  } as ApiObject;
}
