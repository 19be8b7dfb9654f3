// Where an object was read from: file and lines, carried in an annotation so that they survive the store, the API and
// the way to the control plane, and can stand on a route or in an error message.
import type { Origin } from '#foundation/problem';
import type { ApiObject } from './kind.ts';

export const originAnnotation = 'lateen.dev/origin';

/** Lines that are kept for one object; those of later elements fall back to the enclosing field. */
export const originLinesMax = 1000;

/** The annotation's value, as JSON. */
export interface ObjectOrigin {
  file: string;
  /** Of the object itself. Lines count from 1. */
  line: number;
  /** Of elements inside: `spec.http[0].route[1]`. */
  lines?: Record<string, number>;
}

/** The object's own annotation is left alone: the origin is added to a copy. */
export function withOrigin<T extends ApiObject>(object: T, origin: ObjectOrigin): T {
  const annotations = { ...object.metadata.annotations, [originAnnotation]: JSON.stringify(origin) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

// Parsing is repeated for each rule of an object otherwise; entries go with their objects.
const parsed = new WeakMap<ApiObject['metadata'], ObjectOrigin | null>();

function objectOrigin(object: ApiObject): ObjectOrigin | null {
  const { metadata } = object;
  let origin = parsed.get(metadata);
  if (origin === undefined) {
    origin = parseOrigin(metadata.annotations?.[originAnnotation]);
    parsed.set(metadata, origin);
  }
  return origin;
}

function parseOrigin(annotation: string | undefined): ObjectOrigin | null {
  if (annotation === undefined) return null;
  try {
    const value = JSON.parse(annotation) as Partial<ObjectOrigin> | null;
    if (typeof value?.file !== 'string' || typeof value.line !== 'number') return null;
    const lines = typeof value.lines === 'object' && value.lines !== null ? value.lines : undefined;
    return { file: value.file, line: value.line, ...(lines && { lines }) };
  } catch {
    return null; // anybody may write annotations
  }
}

/** The line of `field` (`spec.http[0].match[1].uri`), or of the nearest enclosing field that has one; undefined where the origin is not known. */
export function originOf(object: ApiObject, field?: string): Origin | undefined {
  const origin = objectOrigin(object);
  if (!origin) return undefined;
  for (let path = field ?? ''; path !== ''; path = enclosing(path)) {
    const line = origin.lines?.[path];
    if (typeof line === 'number') return { file: origin.file, line };
  }
  return { file: origin.file, line: origin.line };
}

/** `spec.http[0].route[1]` -> `spec.http[0].route` -> `spec.http[0]` -> `spec.http` -> `spec` -> ``. */
function enclosing(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')));
}
