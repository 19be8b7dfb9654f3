// Applies the header changes of a route or a weighted cluster. Names that say where a message goes go to their own fields.
import type { FieldList, Head, RequestHead } from '#proxy/http/head';
import type { HeaderMutations } from '#proxy/route/route';

export function mutateRequest(head: RequestHead, mutations: HeaderMutations): void {
  for (const name of mutations.remove) head.remove(name);
  for (const { name, value } of mutations.addIfAbsent) if (!head.has(name)) head.append(name, value);
  for (const { name, value } of mutations.append) head.append(name, value);
  for (const { name, value } of mutations.set) {
    if (name === 'host' || name === ':authority') head.authority = value;
    else head.set(name, value);
  }
}

export function mutateResponse(head: Head, mutations: HeaderMutations): void {
  for (const name of mutations.remove) head.remove(name);
  for (const { name, value } of mutations.addIfAbsent) if (!head.has(name)) head.append(name, value);
  for (const { name, value } of mutations.append) head.append(name, value);
  for (const { name, value } of mutations.set) head.set(name, value);
}

/** What they add to a message that has no headers yet. */
export function addedFields({ addIfAbsent, append, set }: HeaderMutations): FieldList {
  return [...addIfAbsent, ...append, ...set].map(({ name, value }) => [name, value] as const);
}
