// Plain JSON values as they come from outside: bounded in depth, without nulls, without traps.
import type { Result } from '#foundation/problem';
import { fieldPath, type PathSegment } from './field-path.ts';

const depthMax = 64;

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy without the fields that are null: to Kubernetes and protobuf's JSON alike, null is not given. */
export function pruned(value: Record<string, unknown>): Result<Record<string, unknown>> {
  try {
    return { ok: true, value: pruneObject(value, []) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const field = fieldPath(error.path.slice(0, 8));
    return { ok: false, problems: [{ level: 'error', code: 'INVALID_VALUE', field, message: error.message }] };
  }
}

class Refused extends Error {
  constructor(
    readonly path: readonly PathSegment[],
    message: string,
  ) {
    super(message);
  }
}

function pruneObject(value: Record<string, unknown>, path: PathSegment[]): Record<string, unknown> {
  if (path.length > depthMax) throw new Refused(path, `is nested deeper than ${depthMax} levels`);
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    if (key === '__proto__') throw new Refused([...path, key], 'this name is not allowed');
    if (field === null || field === undefined) continue;
    path.push(key);
    copy[key] = pruneValue(field, path);
    path.pop();
  }
  return copy;
}

function pruneValue(value: unknown, path: PathSegment[]): unknown {
  if (Array.isArray(value)) {
    if (path.length > depthMax) throw new Refused(path, `is nested deeper than ${depthMax} levels`);
    return value.map((element, index) => {
      path.push(index);
      const copy = pruneValue(element, path);
      path.pop();
      return copy;
    });
  }
  return isPlainObject(value) ? pruneObject(value, path) : value;
}
