// What an analyzer is, and how it says what it found.
import { type ApiObject, keyOf } from '#api/kind';
import { originOf } from '#api/origin';
import type { Problem } from '#foundation/problem';
import type { ResourceIndex } from './resource-index.ts';

/** Looks at one object among all the others. Everything it finds is a warning: order of apply is free. */
export type Analyzer = (object: ApiObject, resources: ResourceIndex) => Problem[];

export function warning(object: ApiObject, code: string, field: string, message: string, hint?: string): Problem {
  const origin = originOf(object, field);
  return {
    level: 'warning',
    code,
    message,
    field,
    object: `${object.kind} ${keyOf(object.metadata)}`,
    ...(hint !== undefined && { hint }),
    ...(origin && { origin }),
  };
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

/** Whether some proxy sees both: they share a namespace, or both are exported to all. */
export function seenTogether(a: ApiObject & { spec: { exportTo?: string[] } }, b: ApiObject & { spec: { exportTo?: string[] } }): boolean {
  const isPublic = ({ spec }: typeof a) => !spec.exportTo?.length || spec.exportTo.includes('*');
  return a.metadata.namespace === b.metadata.namespace || (isPublic(a) && isPublic(b));
}
