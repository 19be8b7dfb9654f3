// Makes a refused object one that its schema's type describes, so that it can be looked at in spite of its errors: what
// does not fit is taken out, and what is missing is there with its empty value, as protobuf reads a message.
import { pointerSegments } from './field-path.ts';
import { isPlainObject } from './json.ts';
import type { Kind } from './kind.ts';
import { structuralErrors } from './schema/validator.ts';

/** Each round mends one level more of what was missing. */
const roundsMax = 8;

type Holder = Record<string | number, unknown>;

/** In place. False where metadata is so broken that the object has no name. */
export function mend(kind: Kind, value: Record<string, unknown>): boolean {
  for (let round = 0; round < roundsMax; round++) {
    const errors = structuralErrors(kind.schema, value);
    const changed = errors.map((error) => {
      const path = pointerSegments(value, error.instancePath);
      const params = error.params as Record<string, string>;
      switch (error.keyword) {
        case 'required': {
          const name = params['missingProperty'] ?? '';
          const properties = (error.parentSchema?.['properties'] ?? {}) as Record<string, { type?: string }>;
          return put(value, [...path, name], emptyOf(properties[name]));
        }
        case 'additionalProperties':
          return put(value, [...path, params['additionalProperty'] ?? ''], undefined);
        case 'type':
        case 'enum':
          return put(value, path, undefined);
        default:
          return false; // a value of the right type, and no worse to look at for being refused
      }
    });
    if (!changed.includes(true)) break;
  }
  const { metadata } = value;
  return isPlainObject(metadata) && typeof metadata['name'] === 'string' && metadata['name'] !== '';
}

/** Undefined takes the field out; an element of a list stays in its place, as an empty object. */
function put(root: unknown, path: readonly (string | number)[], value: unknown): boolean {
  let holder = root as Holder | undefined;
  for (const segment of path.slice(0, -1)) holder = holder?.[segment] as Holder | undefined;
  const last = path.at(-1);
  if (typeof holder !== 'object' || holder === null || last === undefined) return false;
  if (value !== undefined) holder[last] = value;
  else if (Array.isArray(holder)) holder[Number(last)] = {};
  else delete holder[last];
  return true;
}

function emptyOf(schema: { type?: string; $ref?: string } | undefined): unknown {
  switch (schema?.type) {
    case 'array':
      return [];
    case 'string':
      return '';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    default:
      return {}; // messages, also those that are shared parts
  }
}
