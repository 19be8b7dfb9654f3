// Checks values against a kind's schema. Nearly all fit, and a walk tells (acceptor.ts); only for one that does not are the checks
// compiled that say everything that is wrong with it. The library for that is loaded when it is needed: start-up time and memory matter.
import { createRequire } from 'node:module';
import type { TSchema } from '@sinclair/typebox';
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import { Regex } from '#codec/regex';
import { acceptorOf, concerns, given } from './acceptor.ts';
import { type ConstraintName, constraints } from './constraint.ts';
import { formats } from './formats.ts';
import { withSharedParts } from './shared-parts.ts';

let ajv: Ajv | undefined;
const compiled = new WeakMap<TSchema, ValidateFunction>();

/** Everything that is wrong with the value's structure; empty where nothing is. */
export function structuralErrors(schema: TSchema, value: unknown): readonly ErrorObject[] {
  return acceptorOf(schema)?.(value) ? [] : compiledErrors(schema, value);
}

/** The same, without looking first whether there is anything to say. */
export function compiledErrors(schema: TSchema, value: unknown): readonly ErrorObject[] {
  let validate = compiled.get(schema);
  if (!validate) {
    ajv ??= createAjv();
    validate = ajv.compile(withSharedParts(schema));
    compiled.set(schema, validate);
  }
  return validate(value) ? [] : (validate.errors ?? []);
}

function createAjv(): Ajv {
  const library = createRequire(import.meta.url)('ajv') as typeof import('ajv');
  const created = new library.Ajv({
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
    strictTypes: false,
    inlineRefs: false,
    // The schemas are ours, and test/api compares what they become with what Kubernetes takes: a start need not check them.
    meta: false,
    validateSchema: false,
    code: { optimize: false, regExp: Object.assign(regexOf, { code: 'regexOf' }) },
  });
  for (const [name, holds] of Object.entries(formats)) created.addFormat(name, holds);
  created.addKeyword({ keyword: 'exactlyOne', type: 'object', validate: (names: string[], data: object) => given(names, data) === 1 });
  created.addKeyword({ keyword: 'atMostOne', type: 'object', validate: (names: string[], data: object) => given(names, data) <= 1 });
  created.addKeyword({
    keyword: 'constraints',
    validate: (names: ConstraintName[], data: unknown, { type }: { type?: string } = {}) =>
      !concerns(type, data) || brokenConstraints(names, data).length === 0,
  });
  created.addVocabulary(['x-kubernetes-preserve-unknown-fields']);
  return created;
}

/** Definitions of custom kinds are made by anybody: their patterns must end. */
function regexOf(pattern: string) {
  const regex = new Regex(pattern);
  // The library knows expressions by their text.
  return { test: (text: string) => regex.isIn(text), toString: () => pattern };
}

/** Those of the named rules that the value breaks. */
export function brokenConstraints(names: readonly ConstraintName[], data: unknown): ConstraintName[] {
  return names.filter((name) => !constraints[name].holds(data as never));
}
