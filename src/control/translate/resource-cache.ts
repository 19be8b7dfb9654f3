// Resources already made, by everything that went into them. A recipe's key names its whole input, by stamps and by
// value; `build` sees that input and nothing else. So what is cached cannot be wrong, and needs no invalidation: what
// is no longer asked for ages out. One cache serves all proxies of a control plane, which share the bytes.
import { createResource, type Resource } from '#xds/resource';
import type { TypeUrl } from '#xds/resource-type';

export interface Recipe<Input> {
  readonly type: TypeUrl;
  name(input: Input): string;
  /** Equal keys, equal bytes. */
  key(input: Input): string;
  build(input: Input): Uint8Array;
}

export class ResourceCache {
  private recent = new Map<string, Resource>();
  /** What was not used since `recent` was last full; dropped when it is full again. */
  private older = new Map<string, Resource>();

  constructor(private readonly entriesMax = 50_000) {}

  make<Input>(recipe: Recipe<Input>, input: Input): Resource {
    const key = `${recipe.type}\n${recipe.key(input)}`;
    const found = this.recent.get(key);
    if (found) return found;
    const resource = this.older.get(key) ?? createResource(recipe.type, recipe.name(input), recipe.build(input));
    if (this.recent.size >= this.entriesMax / 2) {
      this.older = this.recent;
      this.recent = new Map();
    }
    this.recent.set(key, resource);
    return resource;
  }
}
