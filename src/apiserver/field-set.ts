// Sets of fields, as Kubernetes writes them (FieldsV1): who owns what of an object. Pure. A field is a path of steps: `f:name` into an
// object, `k:{"name":"a"}` to the element of a list with these keys, `v:1` to the element of a set, `.` for an element itself.
import { isPlainObject } from '#api/json';
import type { Kind } from '#api/kind';
import { keyDefaults, type ListType, listTypeOf } from './list-types.ts';

/** Nested steps; a leaf is an empty object. */
export type FieldsV1 = { [step: string]: FieldsV1 };

/** Paths of leaves, their steps joined. */
export type FieldSet = ReadonlySet<string>;

type Json = unknown;

const separator = '\u0001';
export const stepsOf = (path: string) => path.split(separator);

/** Every field that the value sets. What is no object, or has no element that is known by keys, is one field. */
export function fieldsOf(kind: Kind, value: Json): FieldSet {
  const found = new Set<string>();
  collect(kind, value, [], [], found);
  return found;
}

function collect(kind: Kind, value: Json, names: readonly string[], steps: readonly string[], found: Set<string>): void {
  const type = Array.isArray(value) ? listTypeOf(kind, names) : undefined;
  if (isPlainObject(value) && Object.keys(value).length > 0) {
    for (const [name, field] of Object.entries(value)) collect(kind, field, [...names, name], [...steps, `f:${name}`], found);
  } else if (Array.isArray(value) && value.length > 0 && type && type.kind !== 'atomic') {
    for (const element of value) {
      const step = elementStep(type, element);
      found.add([...steps, step, ...(type.kind === 'map' ? ['.'] : [])].join(separator));
      if (type.kind === 'map' && isPlainObject(element)) collect(kind, element, names, [...steps, step], found);
    }
  } else if (steps.length > 0) found.add(steps.join(separator));
}

function elementStep(type: ListType, element: Json): string {
  if (type.kind !== 'map') return `v:${JSON.stringify(element)}`;
  const fields = isPlainObject(element) ? element : {};
  return `k:${JSON.stringify(Object.fromEntries(type.keys.map((key) => [key, fields[key] ?? keyDefaults[key]])))}`;
}

/** What stands at the path; undefined where there is nothing. */
export function valueAt(root: Json, path: string): Json {
  let at = root;
  for (const step of stepsOf(path)) {
    if (step === '.') return at === undefined ? undefined : true;
    at = childAt(at, step);
  }
  return at;
}

function childAt(at: Json, step: string): Json {
  if (step.startsWith('f:')) return isPlainObject(at) ? at[step.slice(2)] : undefined;
  return Array.isArray(at) ? at[elementIndex(at, step)] : undefined;
}

function elementIndex(list: readonly Json[], step: string): number {
  const wanted = JSON.parse(step.slice(2)) as Json;
  if (step.startsWith('v:')) return list.findIndex((element) => JSON.stringify(element) === step.slice(2));
  const keys = Object.entries(wanted as object);
  return list.findIndex((element) => isPlainObject(element) && keys.every(([key, value]) => (element[key] ?? keyDefaults[key]) === value));
}

/** Takes the field out of `root`, in place; an element goes with its `.`. */
export function removeAt(root: Json, path: string): void {
  const steps = stepsOf(path).filter((step) => step !== '.');
  const last = steps.pop() ?? '';
  let at = root;
  for (const step of steps) at = childAt(at, step);
  if (last.startsWith('f:') && isPlainObject(at)) delete at[last.slice(2)];
  else if (Array.isArray(at) && !last.startsWith('f:')) {
    const index = elementIndex(at, last);
    if (index >= 0) at.splice(index, 1);
  }
}

export function toFieldsV1(fields: FieldSet): FieldsV1 {
  const root: FieldsV1 = {};
  for (const path of fields) {
    let at = root;
    for (const step of stepsOf(path)) at = at[step] ??= {};
  }
  return root;
}

/** The inverse; what is no such set is empty. */
export function fromFieldsV1(fields: unknown): FieldSet {
  const found = new Set<string>();
  const walk = (node: unknown, steps: readonly string[]): void => {
    const entries = isPlainObject(node) ? Object.entries(node) : [];
    if (entries.length === 0 && steps.length > 0) found.add(steps.join(separator));
    for (const [step, child] of entries) walk(child, [...steps, step]);
  };
  walk(fields, []);
  return found;
}

/** For people: `.spec.replicas`, `.spec.containers[name="a"].image`. */
export function describeField(path: string): string {
  return stepsOf(path)
    .filter((step) => step !== '.')
    .map((step) => {
      if (step.startsWith('f:')) return `.${step.slice(2)}`;
      if (step.startsWith('v:')) return `[=${step.slice(2)}]`;
      const keys = Object.entries(JSON.parse(step.slice(2)) as object);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
