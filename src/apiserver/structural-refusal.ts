// What a schema refuses in an object, in the words of Kubernetes: what its decoder cannot read is a bad request; what it reads and what then
// is not sound is invalid. Where we know how to mend it, that follows in parentheses. Pure.
// https://github.com/kubernetes/apimachinery/blob/master/pkg/util/validation/field/errors.go
import type { ErrorObject } from 'ajv';
import { type PathSegment, pointerSegments } from '#api/field-path';
import type { Kind } from '#api/kind';
import { structuralErrors } from '#api/schema/validator';
import { checkStructure } from '#api/structure';
import type { Problem } from '#foundation/problem';
import { StoreError } from '#store/store-error';
import { goField, goType } from './go-names.ts';

const shownLengthMax = 256;

/** Of an object of this kind in this version. `problems`: why it is no sound one. */
export interface StructuralRefusal {
  code: 'BAD_REQUEST' | 'INVALID';
  problems: Problem[];
}

/** Undefined where the schema has nothing against it. `value`: without null fields. */
export function structuralRefusal(kind: Kind, value: object): StructuralRefusal | undefined {
  const errors = structuralErrors(kind.schema, value);
  if (errors.length === 0) return undefined;
  const own = checkStructure(kind, value);
  const unknown = own.filter(({ code }) => code === 'UNKNOWN_FIELD');
  if (unknown.length > 0) return { code: 'BAD_REQUEST', problems: unknown.map(unknownField) };
  const found = errors.slice(0, own.length).map((error, i) => ({ error, problem: own[i]! }));
  const undecodable = isBuiltIn(kind) && found.find(({ error }) => error.keyword === 'type' || isOverflow(error));
  if (undecodable) return { code: 'BAD_REQUEST', problems: [undecoded(kind, value, undecodable.error, undecodable.problem)] };
  return { code: 'INVALID', problems: found.map(({ error, problem }) => ({ ...problem, message: said(kind, error, problem) })) };
}

/** `Deployment in version "v1" cannot be handled as a Deployment: …`. */
export function cannotBeHandled(kind: string, version: string, as: string, problems: readonly Problem[]): StoreError {
  const strict = problems.every(({ code }) => code === 'UNKNOWN_FIELD') ? 'strict decoding error: ' : '';
  const why = problems.map(({ message, hint }) => `${message}${hint?.startsWith('did you mean') ? ` (${hint})` : ''}`).join(', ');
  return new StoreError('BAD_REQUEST', `${kind} in version "${version}" cannot be handled as a ${as}: ${strict}${why}`, { problems });
}

/** Those whose types the server knows by itself; all others are defined in Kubernetes too, Istio's among them. */
const isBuiltIn = ({ group }: Kind): boolean =>
  !group.includes('.') || (group.endsWith('.k8s.io') && group !== 'gateway.networking.k8s.io' && group !== 'apiextensions.k8s.io');

const unknownField = (problem: Problem): Problem => ({ ...problem, message: `unknown field ${JSON.stringify(problem.field)}` });

/** Numbers that no int32 holds. */
function isOverflow({ keyword, parentSchema, data }: ErrorObject): boolean {
  return (
    (keyword === 'maximum' || keyword === 'minimum') && parentSchema?.['maximum'] === 2_147_483_647 && Math.abs(Number(data)) > 2 ** 31
  );
}

function undecoded(kind: Kind, root: object, { instancePath, data, keyword, params }: ErrorObject, problem: Problem): Problem {
  const segments: PathSegment[] = pointerSegments(root, instancePath);
  const { struct, path } = goField(kind.kind, segments);
  const [type = 'string'] = keyword === 'type' ? [(params as { type: string | string[] }).type].flat() : ['integer'];
  const given = typeof data === 'boolean' ? 'bool' : typeof data === 'number' && type === 'integer' ? `number ${data}` : jsonType(data);
  const message = `json: cannot unmarshal ${given} into Go struct field ${struct}.${path} of type ${goType(kind.kind, segments, type)}`;
  return { ...problem, message };
}

function said(kind: Kind, error: ErrorObject, problem: Problem): string {
  const { keyword, data, schema, params, parentSchema = {} } = error;
  const { field = '', message } = problem;
  const body = `${field} in body`;
  const invalid = (detail: string) => `Invalid value: ${shown(data)}: ${detail}`;
  switch (keyword) {
    case 'required':
      return field === 'metadata.name' ? 'Required value: name or generateName is required' : 'Required value';
    case 'type': {
      const given = JSON.stringify(jsonType(data));
      const wanted = [(params as { type: string | string[] }).type].flat().join(',');
      return `Invalid value: ${given}: ${body} must be of type ${wanted}: ${given}`;
    }
    case 'enum': {
      const values = (schema as unknown[]).map((value) => JSON.stringify(value));
      return `Unsupported value: ${shown(data)}: supported values: ${(isBuiltIn(kind) ? values.sort() : values).join(', ')}`;
    }
    case 'minimum':
    case 'maximum': {
      const { minimum, maximum } = parentSchema as { minimum?: number; maximum?: number };
      if (!isBuiltIn(kind))
        return invalid(`${body} should be ${keyword === 'minimum' ? 'greater' : 'less'} than or equal to ${String(schema)}`);
      return invalid(
        maximum === 65_535 ? `must be between ${minimum} and 65535, inclusive` : `must be greater than or equal to ${minimum}`,
      );
    }
    case 'minLength':
      return isBuiltIn(kind) && schema === 1 ? 'Required value' : invalid(`${body} should be at least ${String(schema)} chars long`);
    case 'minItems':
      return isBuiltIn(kind) && schema === 1
        ? 'Required value'
        : `Invalid value: ${countOf(data)}: ${body} should have at least ${String(schema)} items`;
    case 'maxLength':
      return `Too long: may not be longer than ${String(schema)}`;
    case 'maxItems':
    case 'maxProperties':
      return `Too many: ${countOf(data)}: must have at most ${String(schema)} items`;
    case 'pattern':
      return invalid(`${body} should match '${String(schema)}'`);
    default:
      return `Invalid value: ${typeof data === 'object' ? '' : `${shown(data)}: `}${message}`;
  }
}

/** As long as somebody would read it. */
const shown = (data: unknown): string => {
  const text = String(data);
  return JSON.stringify(text.length > shownLengthMax ? `${text.slice(0, shownLengthMax)}...` : data);
};

const countOf = (data: unknown): number => (Array.isArray(data) ? data.length : Object.keys((data ?? {}) as object).length);

function jsonType(data: unknown): string {
  if (data === null) return 'null';
  if (Array.isArray(data)) return 'array';
  return typeof data;
}
