// Sets of resources that follow one another, and what lies between them: worked out once for all clients that have the one and are to have the
// other, or known from how the one was made of the other.
import type { Resource, ResourceSet } from './resource.ts';

export interface Changes {
  readonly fresh: readonly Resource[];
  readonly gone: readonly string[];
}

/** By what was before, by what is after. */
const known = new WeakMap<ResourceSet, WeakMap<ResourceSet, Changes>>();
const unchanged: Changes = { fresh: [], gone: [] };

/** `before` with `fresh` in the place of what bears the same names. */
export function successor(before: ResourceSet, fresh: readonly Resource[]): ResourceSet {
  const after = new Map(before);
  for (const resource of fresh) after.set(resource.name, resource);
  note(before, after, { fresh: fresh.filter(({ name, version }) => before.get(name)?.version !== version), gone: [] });
  return after;
}

export function changesBetween(before: ResourceSet, after: ResourceSet): Changes {
  if (before === after) return unchanged;
  return known.get(before)?.get(after) ?? note(before, after, compared(before, after));
}

function compared(before: ResourceSet, after: ResourceSet): Changes {
  return {
    fresh: [...after.values()].filter(({ name, version }) => before.get(name)?.version !== version),
    gone: [...before.keys()].filter((name) => !after.has(name)),
  };
}

function note(before: ResourceSet, after: ResourceSet, changes: Changes): Changes {
  let ways = known.get(before);
  if (!ways) known.set(before, (ways = new WeakMap()));
  ways.set(after, changes);
  return changes;
}
