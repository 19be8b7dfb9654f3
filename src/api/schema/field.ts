// The words in which the schemas of kinds/ are written. A schema gives both the TypeScript type and the structural checks.
import { type ObjectOptions, type TObject, type TOptional, type TProperties, type TUnsafe, Type } from '@sinclair/typebox';
import type { ConstraintName } from './constraint.ts';

type Fields<P extends TProperties, R extends keyof P> = { [K in keyof P]: K extends R ? P[K] : TOptional<P[K]> };

/** Rules that validator.ts's keywords check beyond plain JSON schema. */
export interface MessageRules extends ObjectOptions {
  /** Names of rules in constraint.ts; any schema may have some. */
  constraints?: readonly ConstraintName[];
  /** Of these fields one, and only one, must be given. */
  exactlyOne?: readonly string[];
  /** Of these fields one at most may be given. */
  atMostOne?: readonly string[];
}

/** As a protobuf message in JSON: every field is optional but those in `required`, and an unknown one is an error. */
export function message<P extends TProperties, R extends keyof P = never>(
  fields: P,
  required: readonly R[] = [],
  rules: MessageRules = {},
): TObject<Fields<P, R>> {
  const needed = new Set<PropertyKey>(required);
  const properties = Object.entries(fields).map(([name, schema]) => [name, needed.has(name) ? schema : Type.Optional(schema)]);
  return Type.Object(Object.fromEntries(properties), { additionalProperties: false, ...rules }) as TObject<Fields<P, R>>;
}

/** As `message`, for types that are larger than what we read of them: unknown fields pass. */
export function openMessage<P extends TProperties, R extends keyof P = never>(
  fields: P,
  required: readonly R[] = [],
): TObject<Fields<P, R>> {
  return message(fields, required, { additionalProperties: true });
}

/** One of the given words. */
export function enumOf<const T extends readonly string[]>(...words: T): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...words] });
}

export const text = Type.String();
export const bool = Type.Boolean();
export const texts = Type.Array(Type.String());
export const stringMap = Type.Record(Type.String(), Type.String());
/** Carried, not read. */
export const opaque = Type.Unknown();
/** The same, known to be an object. */
export const opaqueObject = Type.Unsafe<Record<string, unknown>>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
export const opaqueObjects = Type.Array(opaqueObject);

export const int32 = Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 });
export const uint32 = Type.Integer({ minimum: 0, maximum: 4_294_967_295 });
/** Of things: nought or more. */
export const count = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });
export const port = Type.Integer({ minimum: 1, maximum: 65_535 });
export const percent = Type.Number({ minimum: 0, maximum: 100 });
/** `500m`, `128Mi`, or a plain number. */
export const quantity = Type.Unsafe<string | number>({ type: ['string', 'number'] });
/** An integer, or the name of a port. */
export const intOrString = Type.Unsafe<number | string>({ type: ['integer', 'string'] });

/** Go's syntax (`1h30m`, `1.5s`, `100ms`), at least a millisecond. `durationMs` of #foundation/duration reads it. */
export const duration = Type.String({ format: 'duration' });
/** The same, nought allowed. */
export const durationOrZero = Type.String({ format: 'duration-or-zero' });
/** A regular expression in RE2's syntax, as Envoy takes it. */
export const regex = Type.String({ format: 're2' });
