// Which objects a list or a watch is about.
import type { ApiObject } from '#api/kind';
import type { ListOptions } from './store.ts';

export function selects(options: ListOptions, object: ApiObject): boolean {
  const { namespace, labels } = options;
  if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
  for (const key in labels) if (object.metadata.labels?.[key] !== labels[key]) return false;
  return true;
}
