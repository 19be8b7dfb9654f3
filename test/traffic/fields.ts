// The fields of a kind's spec, from its schema: what the traffic tables have to show.
import type { TSchema } from '@sinclair/typebox';
import type { Kind } from '#api/kind';

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
}

/** Paths of the leaves: `VirtualService http[].match[].uri.exact`; `*` stands for a map's keys. */
export function fieldsOf({ kind, schema }: Kind): string[] {
  const spec = (schema as TSchema & Schema).properties?.['spec'];
  return spec ? [...leaves(spec, '')].map((path) => `${kind} ${path}`) : [];
}

function* leaves({ properties, items, patternProperties, additionalProperties }: Schema, path: string): Iterable<string> {
  const inner = patternProperties
    ? Object.values(patternProperties)[0]
    : typeof additionalProperties === 'object'
      ? additionalProperties
      : undefined;
  if (items?.properties) yield* leaves(items, `${path}[]`);
  else if (properties && Object.keys(properties).length > 0)
    for (const [name, schema] of Object.entries(properties)) yield* leaves(schema, path === '' ? name : `${path}.${name}`);
  else if (inner?.properties) yield* leaves(inner, `${path}.*`);
  else yield path;
}

/** Whether an object has the field, somewhere. */
export function hasField(object: { kind: string; spec?: unknown }, field: string): boolean {
  const [kind, path = ''] = field.split(' ', 2);
  return object.kind === kind && holds(object.spec, path === '' ? [] : path.replaceAll('[]', '.[]').split('.'));
}

function holds(value: unknown, path: readonly string[]): boolean {
  const [segment, ...rest] = path;
  if (segment === undefined) return value !== undefined;
  if (typeof value !== 'object' || value === null) return false;
  if (segment === '[]') return Array.isArray(value) && value.some((each) => holds(each, rest));
  if (segment === '*') return Object.values(value).some((each) => holds(each, rest));
  return holds((value as Record<string, unknown>)[segment], rest);
}
