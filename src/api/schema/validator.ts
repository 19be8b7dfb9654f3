// Checks values against a kind's schema. The checks are compiled when a kind is first seen: a process meets few kinds,
// and start-up time and memory matter.
import type { TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { durationMs } from '../duration.ts';
import { re2Problem } from '../re2.ts';
import { type ConstraintName, constraints } from './constraint.ts';
import { withSharedParts } from './shared-parts.ts';

let ajv: Ajv | undefined;
const compiled = new WeakMap<TSchema, ValidateFunction>();

/** Everything that is wrong with the value's structure; empty where nothing is. */
export function structuralErrors(schema: TSchema, value: unknown): readonly ErrorObject[] {
  let validate = compiled.get(schema);
  if (!validate) {
    ajv ??= createAjv();
    validate = ajv.compile(withSharedParts(schema));
    compiled.set(schema, validate);
  }
  return validate(value) ? [] : (validate.errors ?? []);
}

function createAjv(): Ajv {
  const created = new Ajv({
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
    strictTypes: false,
    inlineRefs: false,
    // The schemas are ours, and test/api compares what they become with what Kubernetes takes: a start need not check them.
    meta: false,
    validateSchema: false,
    code: { optimize: false },
  });
  created.addFormat('duration', (text: string) => (durationMs(text) ?? 0) >= 1);
  created.addFormat('duration-or-zero', (text: string) => durationMs(text) !== undefined);
  created.addFormat('int32', true);
  created.addFormat('re2', (text: string) => re2Problem(text) === undefined);
  const given = (names: readonly string[], data: object) => names.filter((name) => Object.hasOwn(data, name)).length;
  created.addKeyword({ keyword: 'exactlyOne', type: 'object', validate: (names: string[], data: object) => given(names, data) === 1 });
  created.addKeyword({ keyword: 'atMostOne', type: 'object', validate: (names: string[], data: object) => given(names, data) <= 1 });
  created.addKeyword({
    keyword: 'constraints',
    // A value of the wrong type is told so by its type.
    validate: (names: ConstraintName[], data: unknown, { type }: { type?: string } = {}) =>
      (type === 'string') !== (typeof data === 'string') || brokenConstraints(names, data).length === 0,
  });
  created.addVocabulary(['x-kubernetes-preserve-unknown-fields']);
  return created;
}

/** Those of the named rules that the value breaks. */
export function brokenConstraints(names: readonly ConstraintName[], data: unknown): ConstraintName[] {
  return names.filter((name) => !constraints[name].holds(data as never));
}
