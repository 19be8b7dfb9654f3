// What patches do to a list of messages: add, put in, merge, replace, remove. Pure.
import type { JsonValue } from '@bufbuild/protobuf';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { MessageFns } from '#codec/protobuf/generated/google/protobuf/any';
import type { Patch } from './patch.ts';

/** How a kind of message is made of a patch's value, and merged with one. */
export class Patchable<T> {
  constructor(
    private readonly json: CanonicalJson,
    private readonly name: string,
    private readonly type: MessageFns<T>,
  ) {}

  /** Undefined where the value is no such message: that is told by the analyzers. */
  make({ value }: Patch): T | undefined {
    const bytes = value && this.json.encode(this.name, value as JsonValue);
    return bytes && this.type.decode(bytes);
  }

  merge(item: T, { value, operation }: Patch): T {
    const bytes = value && this.json.encode(this.name, value as JsonValue);
    if (!bytes) return item;
    const lists = operation === 'MERGE_AND_REPLACE_LIST' ? 'replaced' : 'grow';
    return this.type.decode(this.json.merge(this.name, this.type.encode(item).finish(), bytes, lists));
  }
}

export interface ListRules<T> {
  readonly kind: Patchable<T>;
  /** Is it the one that the patch is about? Undefined: the patch names none. */
  matcher(patch: Patch): ((item: T) => boolean) | undefined;
  /** Where what is added goes; by default to the end. */
  addedAt?(items: readonly T[]): number;
}

/** The same list where nothing matched. */
export function patchList<T>(list: readonly T[], patches: readonly Patch[], rules: ListRules<T>): readonly T[] {
  let items = list;
  for (const patch of patches) items = applyPatch(items, patch, rules);
  return items;
}

function applyPatch<T>(items: readonly T[], patch: Patch, { kind, matcher, addedAt }: ListRules<T>): readonly T[] {
  const named = matcher(patch);
  const matches = named ?? (() => true);
  const insert = (index: number): readonly T[] => {
    const made = index < 0 ? undefined : kind.make(patch);
    return made === undefined ? items : items.toSpliced(index, 0, made);
  };
  switch (patch.operation) {
    case 'MERGE':
    case 'MERGE_AND_REPLACE_LIST':
      return items.some(matches) ? items.map((item) => (matches(item) ? kind.merge(item, patch) : item)) : items;
    case 'REPLACE': {
      const made = items.some(matches) ? kind.make(patch) : undefined;
      return made === undefined ? items : items.map((item) => (matches(item) ? made : item));
    }
    case 'REMOVE':
      return items.some(matches) ? items.filter((item) => !matches(item)) : items;
    case 'ADD':
      return insert(addedAt?.(items) ?? items.length);
    case 'INSERT_FIRST':
      return insert(0);
    case 'INSERT_BEFORE':
      return insert(named === undefined ? 0 : items.findIndex(named));
    case 'INSERT_AFTER': {
      const index = named === undefined ? items.length - 1 : items.findIndex(named);
      return insert(index < 0 ? -1 : index + 1);
    }
    default:
      return items;
  }
}
