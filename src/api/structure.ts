// Turns what a schema found wrong into sentences: which field, what is wrong, how to mend it.

import type { ErrorObject } from 'ajv';
import type { Problem } from '#foundation/problem';
import { fieldPath, pointerSegments } from './field-path.ts';
import type { Kind } from './kind.ts';
import { nearest } from './nearest.ts';
import { matcherRegexProblem } from './regex-problem.ts';
import { type Constraint, type ConstraintName, constraints } from './schema/constraint.ts';
import { brokenConstraints, structuralErrors } from './schema/validator.ts';

/** Reported for one object; the rest is only counted. */
const problemsMax = 50;

/** Unknown fields, wrong types, missing fields, values out of bounds: what a look at the schema alone can tell. */
export function checkStructure(kind: Kind, value: object): Problem[] {
  const errors = structuralErrors(kind.schema, value);
  const problems = errors.slice(0, problemsMax).map((error) => ({ level: 'error' as const, ...explain(value, error) }));
  if (errors.length > problemsMax) {
    problems.push({ level: 'error', code: 'MORE_PROBLEMS', message: `and ${errors.length - problemsMax} more problems in this object` });
  }
  return problems;
}

type Explanation = Omit<Problem, 'level'>;

function explain(root: object, error: ErrorObject): Explanation {
  const segments = pointerSegments(root, error.instancePath);
  const field = fieldPath(segments);
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(fieldPath([...segments, String(params['additionalProperty'])]), String(params['additionalProperty']), error);
    case 'required':
      return {
        code: 'MISSING_FIELD',
        field: fieldPath([...segments, String(params['missingProperty'])]),
        message: 'this field is required',
      };
    case 'type':
      return wrongType(field, error.data, params['type'] as string | string[]);
    case 'enum':
      return unknownValue(field, error.data, params['allowedValues'] as string[]);
    case 'format':
      return badFormat(field, String(error.data), String(params['format']));
    case 'exactlyOne':
    case 'atMostOne':
      return wrongChoice(field, error.data as object, error.schema as string[]);
    case 'constraints':
      return brokenConstraint(field, error);
    case 'minimum':
    case 'maximum':
      return outOfRange(field, error);
    case 'minLength':
    case 'minItems':
      return error.schema === 1 ? { code: 'MISSING_FIELD', field, message: 'must not be empty' } : outOfLength(field, error);
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return outOfLength(field, error);
    case 'pattern':
      return { code: 'INVALID_VALUE', field, message: `${quoted(error.data)} does not match ${String(error.schema)}` };
    default:
      return { code: 'INVALID_VALUE', field, message: `${error.message ?? 'is not valid'}` };
  }
}

function unknownField(field: string, name: string, error: ErrorObject): Explanation {
  const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
  const near = nearest(name, known);
  const hint = near ? `did you mean "${near}"?` : `known fields here: ${known.join(', ')}`;
  return { code: 'UNKNOWN_FIELD', field, message: `unknown field "${name}"`, hint };
}

const typeNames: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function wrongType(field: string, data: unknown, type: string | string[]): Explanation {
  const wanted = [type].flat();
  const message = `must be ${wanted.map((name) => typeNames[name] ?? name).join(' or ')}, not ${typeOf(data)}`;
  const hint = typeHint(data, wanted);
  return { code: 'WRONG_TYPE', field, message, ...(hint && { hint }) };
}

function typeHint(data: unknown, wanted: string[]): string | undefined {
  const scalar = typeof data === 'number' || typeof data === 'boolean';
  if (wanted.includes('string') && scalar) return `put it in quotes: "${data}"`;
  if (typeof data === 'string' && wanted.some((type) => type === 'integer' || type === 'number')) {
    return data.trim() !== '' && Number.isFinite(Number(data)) ? `write ${data.trim()} without quotes` : undefined;
  }
  if (typeof data === 'string' && wanted.includes('boolean') && /^(true|false|yes|no|on|off)$/i.test(data)) {
    return `write ${/^(true|yes|on)$/i.test(data)}${/^[tf]/i.test(data) ? ' without quotes' : ''}`;
  }
  if (wanted.includes('array') && typeof data === 'object') return 'begin each element with "- "';
  return undefined;
}

function typeOf(data: unknown): string {
  if (Array.isArray(data)) return 'a list';
  if (data === null) return 'null';
  if (typeof data === 'object') return 'an object';
  if (typeof data === 'boolean') return `${data}`;
  return typeof data === 'number' ? `the number ${data}` : 'a string';
}

function unknownValue(field: string, data: unknown, allowed: readonly string[]): Explanation {
  const near = nearest(String(data), allowed);
  const message = `unknown value ${quoted(data)}: must be one of ${allowed.join(', ')}`;
  return { code: 'UNKNOWN_VALUE', field, message, ...(near && { hint: `did you mean "${near}"?` }) };
}

function badFormat(field: string, data: string, format: string): Explanation {
  if (format === 're2')
    return { code: 'INVALID_REGEX', field, message: `${quoted(data)} is no regular expression: ${matcherRegexProblem(data)}` };
  const message = `${quoted(data)} is no duration${format === 'duration' ? ' of at least 1ms' : ''}`;
  return { code: 'INVALID_DURATION', field, message, hint: 'write a number with a unit, such as 500ms, 1.5s, 2m' };
}

function wrongChoice(field: string, data: object, names: readonly string[]): Explanation {
  const given = names.filter((name) => Object.hasOwn(data, name));
  if (given.length === 0) return { code: 'MISSING_FIELD', field, message: `one of ${names.join(', ')} is required` };
  return { code: 'CONFLICTING_FIELDS', field, message: `${given.join(' and ')} exclude each other`, hint: 'keep one of them' };
}

function brokenConstraint(field: string, error: ErrorObject): Explanation {
  const [name] = brokenConstraints(error.schema as ConstraintName[], error.data);
  const { message, hint }: Constraint = constraints[name ?? 'keys-not-empty'];
  return { code: 'INVALID_VALUE', field, message, ...(hint && { hint }) };
}

const lengthUnits: Readonly<Record<string, string>> = { Length: 'characters', Items: 'elements', Properties: 'entries' };

function outOfLength(field: string, { keyword, schema }: ErrorObject): Explanation {
  const bound = keyword.startsWith('min') ? 'at least' : 'at most';
  return { code: 'OUT_OF_RANGE', field, message: `must have ${bound} ${String(schema)} ${lengthUnits[keyword.slice(3)] ?? 'entries'}` };
}

function outOfRange(field: string, error: ErrorObject): Explanation {
  const { minimum, maximum } = (error.parentSchema ?? {}) as { minimum?: number; maximum?: number };
  const range =
    maximum === undefined ? `at least ${minimum}` : minimum === undefined ? `at most ${maximum}` : `between ${minimum} and ${maximum}`;
  return { code: 'OUT_OF_RANGE', field, message: `must be ${range}, not ${error.data}` };
}

function quoted(data: unknown): string {
  const text = String(data);
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
