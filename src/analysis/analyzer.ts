// What an analyzer is, and how it says what it found.
import { type ApiObject, keyOf } from '#api/kind';
import { originOf } from '#api/origin';
import type { Origin } from '#foundation/problem';
import type { Code } from './code.ts';
import type { Resources } from './resources.ts';

/** `group/Kind`; Kubernetes' core group is empty. */
export type KindKey = `${string}/${string}`;

export interface Finding {
  code: Code;
  object: ApiObject;
  /** Path inside of the object; empty for the object as a whole. */
  field: string;
  message: string;
  hint?: string;
  origin?: Origin;
}

/** Looks at one object at a time, among all the others. Pure: what it needs of the others it derives from `resources`. */
export interface Analyzer {
  name: string;
  kinds: readonly KindKey[];
  check(object: ApiObject, resources: Resources): Iterable<Finding>;
}

export function analyzer<T extends ApiObject>(
  name: string,
  kinds: readonly KindKey[],
  check: (object: T, resources: Resources) => Iterable<Finding>,
): Analyzer {
  return { name, kinds, check: check as Analyzer['check'] };
}

export function finding(code: Code, object: ApiObject, field: string, message: string, hint?: string): Finding {
  const origin = originOf(object, field);
  return { code, object, field, message, ...(hint !== undefined && { hint }), ...(origin && { origin }) };
}

/** `VirtualService default/reviews (reviews.yaml:12)`: another object, so that it is found. */
export function naming(object: ApiObject, field?: string): string {
  const origin = originOf(object, field);
  return `${object.kind} ${keyOf(object.metadata)}${origin ? ` (${origin.file}:${origin.line})` : ''}`;
}

/** Istio's precedence between two objects that claim the same: the older wins, then the name decides. */
export function precedes(a: ApiObject, b: ApiObject): boolean {
  const [timeA = '', timeB = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (timeA !== timeB) return timeB === '' || (timeA !== '' && timeA < timeB);
  return keyOf(a.metadata) < keyOf(b.metadata);
}

export function isSame(a: ApiObject, b: ApiObject): boolean {
  return a.kind === b.kind && keyOf(a.metadata) === keyOf(b.metadata);
}
