// Every small change of some resources: each field dropped or altered, each element of a list dropped or swapped with its neighbour,
// each resource dropped. Enumerated from the resources themselves.
import type { ApiObject } from '#api/kind';

export interface Mutant {
  /** `VirtualService reviews: drop spec.http[0].timeout` */
  what: string;
  objects: ApiObject[];
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export function* mutantsOf(objects: readonly ApiObject[]): Iterable<Mutant> {
  for (const [i, object] of objects.entries()) {
    const name = `${object.kind} ${object.metadata.name}`;
    yield { what: `${name}: drop it`, objects: objects.filter((_, j) => j !== i) };
    const { spec } = object as ApiObject & { spec: Json };
    for (const { what, value } of changesOf(spec, 'spec')) {
      yield { what: `${name}: ${what}`, objects: objects.map((other, j) => (j === i ? ({ ...object, spec: value } as ApiObject) : other)) };
    }
  }
}

interface Change {
  what: string;
  value: Json;
}

/** Of a value and of everything below it; the value itself is not touched. */
function* changesOf(value: Json, path: string): Iterable<Change> {
  if (Array.isArray(value)) yield* listChanges(value, path);
  else if (typeof value === 'object' && value !== null) yield* fieldChanges(value, path);
  else
    for (const other of alternatives(value)) yield { what: `${path} ${JSON.stringify(value)} -> ${JSON.stringify(other)}`, value: other };
}

function* listChanges(list: Json[], path: string): Iterable<Change> {
  for (const [i, element] of list.entries()) {
    yield { what: `drop ${path}[${i}]`, value: list.filter((_, j) => j !== i) };
    if (i > 0) yield { what: `swap ${path}[${i - 1}] and [${i}]`, value: list.with(i - 1, element).with(i, list[i - 1]!) };
    for (const { what, value } of changesOf(element, `${path}[${i}]`)) yield { what, value: list.with(i, value) };
  }
}

/** A string match becomes another kind of match as well. */
const otherMatch: Readonly<Record<string, string>> = { exact: 'prefix', prefix: 'exact' };

function* fieldChanges(fields: { [key: string]: Json }, path: string): Iterable<Change> {
  for (const [key, field] of Object.entries(fields)) {
    const { [key]: _, ...rest } = fields;
    yield { what: `drop ${path}.${key}`, value: rest };
    const other = otherMatch[key];
    if (other !== undefined) yield { what: `${path}.${key} -> ${other}`, value: { ...rest, [other]: field } };
    for (const { what, value } of changesOf(field, `${path}.${key}`)) yield { what, value: { ...fields, [key]: value } };
  }
}

function alternatives(value: null | boolean | number | string): Json[] {
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'number') return [value + 1, value - 1];
  if (value === null) return [];
  const duration = /^(\d+)(m?s|m|h)$/.exec(value);
  return [duration ? `${Number(duration[1]) * 2}${duration[2]}` : /[$)]$/.test(value) ? value.replace(/[a-z]/, 'q') : `${value}x`];
}
