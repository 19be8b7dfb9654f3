// One CanonicalJson for a whole process. Its code is loaded and its types are read when it is first asked for: few runs need it.
import type { CanonicalJson } from './canonical-json.ts';

/**
 * Made of the serialized FileDescriptorSet that `read` gives, once however many ask at the same time. Held weakly: between
 * uses the collector may take it back. A `read` that fails is tried anew by the next who asks.
 */
export function sharedCanonicalJson(read: () => Promise<Uint8Array>): () => Promise<CanonicalJson> {
  let made: WeakRef<CanonicalJson> | undefined;
  let making: Promise<CanonicalJson> | undefined;
  const make = async () => {
    try {
      const [{ CanonicalJson }, descriptors] = await Promise.all([import('./canonical-json.ts'), read()]);
      const json = new CanonicalJson(descriptors);
      made = new WeakRef(json);
      return json;
    } finally {
      making = undefined;
    }
  };
  return async () => made?.deref() ?? (making ??= make());
}
