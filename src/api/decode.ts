// From whatever was parsed to an object of a known kind, or to every reason why it is none. The edge that all input
// passes: files, the REST API, the directory source.
import type { Problem, Result } from '#foundation/problem';
import { isPlainObject, pruned } from './json.ts';
import { type ApiObject, apiVersionOf, type Kind, keyOf } from './kind.ts';
import { mend } from './mend.ts';
import { nearest } from './nearest.ts';
import { originOf } from './origin.ts';
import { kindOf, kinds, parseApiVersion } from './registry.ts';
import { checkKind } from './rules/by-kind.ts';
import { checkMetadata } from './rules/metadata.ts';
import { Report } from './rules/report.ts';
import { checkStructure } from './structure.ts';

export interface DecodeOptions {
  /** Of namespaced objects that name none; `default` when left out. */
  namespace?: string;
  /** Kinds that are read beside those of the registry. */
  otherKinds?: readonly Kind[];
  /** What its schema refuses is taken out or filled in, and the object comes out beside its problems. */
  mend?: boolean;
}

export interface Examined {
  /** Undefined where nothing sound could be read. */
  object?: ApiObject;
  /** Errors and warnings. They carry the object, the field and, where the object says where it was read from, file and line. */
  problems: Problem[];
}

/** The object in its kind's preferred version, null fields left out, its namespace filled in. */
export function decodeObject(value: unknown, options: DecodeOptions = {}): Result<ApiObject> {
  const { object, problems } = examineObject(value, options);
  if (!object || problems.some(({ level }) => level === 'error')) return { ok: false, problems };
  return problems.length > 0 ? { ok: true, value: object, warnings: problems } : { ok: true, value: object };
}

/** As `decodeObject`, for those who want the object in spite of its errors. */
export function examineObject(value: unknown, options: DecodeOptions = {}): Examined {
  if (!isPlainObject(value))
    return failed(value, [problem('NOT_AN_OBJECT', '', 'a resource must be an object', 'it begins with apiVersion, kind and metadata')]);
  const found = findKind(value, options.otherKinds ?? []);
  if (!found.ok) return failed(value, found.problems);
  const kind = found.value;
  const clean = pruned(value);
  if (!clean.ok) return failed(value, clean.problems);
  const structure = checkStructure(kind, clean.value);
  if (structure.length > 0) {
    if (!options.mend || !mend(kind, clean.value)) return failed(clean.value, structure);
    return { object: normalised(kind, clean.value as unknown as ApiObject, options), problems: placed(clean.value, structure) };
  }
  const object = normalised(kind, clean.value as unknown as ApiObject, options);
  const report = new Report();
  checkMetadata(kind, object, report);
  checkKind(kind, object, report);
  return { object, problems: placed(object, report.problems) };
}

/** `VirtualService default/reviews`, as far as the value tells. */
export function describeObject(value: unknown): string | undefined {
  if (!isPlainObject(value) || typeof value['kind'] !== 'string') return undefined;
  const { name, namespace } = (isPlainObject(value['metadata']) ? value['metadata'] : {}) as Record<string, unknown>;
  if (typeof name !== 'string') return value['kind'];
  return `${value['kind']} ${keyOf({ name, ...(typeof namespace === 'string' && { namespace }) })}`;
}

function findKind(value: Record<string, unknown>, otherKinds: readonly Kind[]): Result<Kind> {
  const { apiVersion, kind } = value;
  const missing = ['apiVersion', 'kind'].filter((field) => typeof value[field] !== 'string' || value[field] === '');
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || missing.length > 0) {
    return {
      ok: false,
      problems: missing.map((field) =>
        problem('MISSING_FIELD', field, 'this field is required', 'a resource begins with apiVersion, kind and metadata'),
      ),
    };
  }
  const found = kindOf(apiVersion, kind) ?? otherKinds.find((other) => isOf(other, apiVersion, kind));
  return found ? { ok: true, value: found } : { ok: false, problems: [unknownKind(apiVersion, kind)] };
}

function isOf(kind: Kind, apiVersion: string, name: string): boolean {
  return kind.kind === name && kind.versions.some((version) => apiVersionOf(kind, version) === apiVersion);
}

function unknownKind(apiVersion: string, name: string): Problem {
  const { group } = parseApiVersion(apiVersion);
  const sameGroup = kinds.find((kind) => kind.kind === name && kind.group === group);
  if (sameGroup) {
    const served = sameGroup.versions.map((version) => apiVersionOf(sameGroup, version)).join(', ');
    return problem('UNKNOWN_VERSION', 'apiVersion', `${name} is not served as ${apiVersion}`, `served: ${served}`);
  }
  const sameName = kinds.find((kind) => kind.kind === name);
  if (sameName)
    return problem('UNKNOWN_KIND', 'apiVersion', `no kind ${name} in ${apiVersion}`, `did you mean apiVersion: ${apiVersionOf(sameName)}?`);
  const near = nearest(
    name,
    kinds.map((kind) => kind.kind),
  );
  const hint = near ? `did you mean "${near}"?` : `known kinds: ${kinds.map((kind) => kind.kind).join(', ')}`;
  return problem('UNKNOWN_KIND', 'kind', `unknown kind "${name}" in ${apiVersion}`, hint);
}

function normalised(kind: Kind, object: ApiObject, options: DecodeOptions): ApiObject {
  const metadata =
    kind.namespaced && !object.metadata.namespace ? { ...object.metadata, namespace: options.namespace ?? 'default' } : object.metadata;
  return { ...object, apiVersion: apiVersionOf(kind), metadata };
}

function problem(code: string, field: string, message: string, hint: string): Problem {
  return { level: 'error', code, message, hint, ...(field !== '' && { field }) };
}

function failed(value: unknown, problems: Problem[]): Examined {
  return { problems: placed(value, problems) };
}

/** Adds to each problem which object it is of, and where that was read from. */
function placed(value: unknown, problems: Problem[]): Problem[] {
  const object = describeObject(value);
  const hasOrigin = isPlainObject(value) && isPlainObject(value['metadata']) && isPlainObject(value['metadata']['annotations']);
  return problems.map((each) => {
    const origin = each.origin ?? (hasOrigin ? originOf(value as unknown as ApiObject, each.field) : undefined);
    return { ...each, ...(object !== undefined && { object }), ...(origin && { origin }) };
  });
}
