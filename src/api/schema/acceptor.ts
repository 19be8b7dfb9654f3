// Whether a value fits a schema, yes or no, without compiling anything: most objects fit, and then nobody asks why not. validator.ts
// knows why. The rules are JSON schema's as ajv reads them; test/api/acceptor.test.ts holds the two against each other.
import { Regex } from '#codec/regex';
import { type ConstraintName, constraints } from './constraint.ts';
import { formats } from './formats.ts';

export type Accepts = (value: unknown) => boolean;

type Schema = Readonly<Record<string, unknown>>;
type Rule = (keyword: never, schema: Schema) => Accepts | undefined;

/** By the schema's own identity: parts that stand in several places are read once. */
const known = new WeakMap<Schema, Accepts | undefined>();

/** Undefined: the schema says something that is not known here. Parts of it are read when a value has them. */
export function acceptorOf(schema: Schema): Accepts | undefined {
  if (known.has(schema)) return known.get(schema);
  const words = Object.keys(schema).filter((word) => !annotations.has(word) && !fieldWords.has(word));
  const parts = words.map((word) => rules[word]?.(schema[word] as never, schema));
  if (Object.keys(schema).some((word) => fieldWords.has(word))) parts.push(fieldsFit(schema));
  const made = parts.every((part) => part !== undefined) ? all(parts) : undefined;
  known.set(schema, made);
  return made;
}

/** Says nothing of what fits. */
const annotations: ReadonlySet<string> = new Set(['title', 'description', 'default', 'x-kubernetes-preserve-unknown-fields']);

/** One rule together. */
const fieldWords: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'additionalProperties']);

function all(parts: readonly Accepts[]): Accepts {
  if (parts.length === 1) return parts[0]!;
  return (value) => {
    for (const part of parts) if (!part(value)) return false;
    return true;
  };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const types: Readonly<Record<string, Accepts>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: isNumber,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

/** What a keyword asks of values of one type; others are not its concern. */
const ofText =
  (holds: (text: string) => boolean): Accepts =>
  (value) =>
    typeof value !== 'string' || holds(value);
const ofNumber =
  (holds: (number: number) => boolean): Accepts =>
  (value) =>
    !isNumber(value) || holds(value);
const ofList =
  (holds: (list: readonly unknown[]) => boolean): Accepts =>
  (value) =>
    !Array.isArray(value) || holds(value);
const ofObject =
  (holds: (object: Record<string, unknown>) => boolean): Accepts =>
  (value) =>
    !isObject(value) || holds(value);

const rules: Readonly<Record<string, Rule>> = {
  type: (names: string | readonly string[]) => {
    const wanted = [names].flat().map((name) => types[name]!);
    return wanted.length === 1 ? wanted[0] : (value) => wanted.some((is) => is(value));
  },
  enum: (words: readonly unknown[]) => (value) => words.includes(value),
  const: (word: unknown) => (value) => value === word,
  minimum: (least: number) => ofNumber((number) => number >= least),
  maximum: (most: number) => ofNumber((number) => number <= most),
  minLength: (least: number) => ofText((text) => text.length >= least && [...text].length >= least),
  maxLength: (most: number) => ofText((text) => text.length <= most || [...text].length <= most),
  pattern: (pattern: string) => {
    const expression = new Regex(pattern);
    return ofText((text) => expression.isIn(text));
  },
  format: (name: string) => {
    const holds = formats[name];
    return holds && ofText(holds);
  },
  minItems: (least: number) => ofList((list) => list.length >= least),
  maxItems: (most: number) => ofList((list) => list.length <= most),
  items: (schema: Schema) => {
    const fits = lazily(schema);
    return ofList((list) => list.every(fits));
  },
  maxProperties: (most: number) => ofObject((object) => Object.keys(object).length <= most),
  required: (names: readonly string[]) => ofObject((object) => names.every((name) => object[name] !== undefined)),
  exactlyOne: (names: readonly string[]) => ofObject((object) => given(names, object) === 1),
  atMostOne: (names: readonly string[]) => ofObject((object) => given(names, object) <= 1),
  constraints: (names: readonly ConstraintName[], { type }: Schema) => {
    return (value) => !concerns(type, value) || names.every((name) => constraints[name].holds(value as never));
  },
};

function fieldsFit({ properties, patternProperties, additionalProperties }: Schema): Accepts {
  const fields = new Map(Object.entries((properties ?? {}) as Record<string, Schema>).map(([name, schema]) => [name, lazily(schema)]));
  const patterns = Object.entries((patternProperties ?? {}) as Record<string, Schema>).map(
    ([pattern, schema]) => [new RegExp(pattern, 'u'), lazily(schema)] as const,
  );
  const others: Accepts =
    typeof additionalProperties === 'object' ? lazily(additionalProperties as Schema) : () => additionalProperties !== false;
  return ofObject((object) => {
    for (const name in object) {
      const value = object[name];
      const field = fields.get(name);
      if (field !== undefined && value !== undefined && !field(value)) return false;
      const matching = patterns.filter(([pattern]) => pattern.test(name));
      if (!matching.every(([, fits]) => fits(value))) return false;
      if (field === undefined && matching.length === 0 && !others(value)) return false;
    }
    return true;
  });
}

/** What is said of a part that is not known here is for the other to judge: it is not accepted. */
function lazily(schema: Schema): Accepts {
  let fits: Accepts | undefined;
  return (value) => (fits ??= acceptorOf(schema) ?? (() => false))(value);
}

export function given(names: readonly string[], object: object): number {
  return names.filter((name) => Object.hasOwn(object, name)).length;
}

/** Constraints are for values of the schema's own type: of another one, the type is what is wrong. */
export function concerns(type: unknown, value: unknown): boolean {
  return value !== null && (type === 'string') === (typeof value === 'string');
}
