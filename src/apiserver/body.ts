// The body of a write as an object of the kind, namespace and name that the path says; a body that says otherwise is refused. Pure.
import { decodeObject } from '#api/decode';
import { parseFieldPath } from '#api/field-path';
import { isPlainObject, pruned } from '#api/json';
import { type ApiObject, apiVersionOf, keyOf } from '#api/kind';
import { parseApiVersion } from '#api/registry';
import { nameSuffix } from '#foundation/name-suffix';
import type { Problem } from '#foundation/problem';
import type { Random } from '#foundation/random';
import { StoreError } from '#store/store-error';
import type { Query, Target } from './request.ts';
import { withGroup } from './user.ts';

/** Of metadata: the server's own to write. */
const serverOwned = ['deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'];

export interface Decoded {
  object: ApiObject;
  warnings: Problem[];
}

/** Throws StoreError INVALID or BAD_REQUEST. */
export function decodeBody(target: Omit<Target, 'name'> & { name?: string }, body: unknown, query: Query): Decoded {
  const { kind, version } = target;
  const apiVersion = apiVersionOf(kind, version);
  const given = isPlainObject(body) ? { apiVersion, kind: kind.kind, ...body, metadata: metadataOf(body) } : body;
  if (isPlainObject(given)) checkPath(given, target);
  const { object, warnings } = decoded(target, given, query);
  return { object, warnings };
}

/** In Kubernetes' words. Throws StoreError BAD_REQUEST. */
function checkPath(given: Record<string, unknown>, { kind, namespace, name }: Omit<Target, 'name'> & { name?: string }): void {
  const bad = (message: string) => new StoreError('BAD_REQUEST', message);
  const { group, version } = parseApiVersion(String(given['apiVersion']));
  if (given['kind'] !== kind.kind || group !== kind.group) {
    throw bad(`${given['kind']} in version "${version}" cannot be handled as a ${kind.kind}: the path is for ${kind.plural}`);
  }
  const metadata = isPlainObject(given['metadata']) ? given['metadata'] : {};
  if (kind.namespaced && (metadata['namespace'] ?? namespace) !== namespace)
    throw bad('the namespace of the provided object does not match the namespace sent on the request');
  if (name !== undefined && metadata['name'] !== undefined && metadata['name'] !== name)
    throw bad(`the name of the object (${metadata['name']}) does not match the name on the URL (${name})`);
}

/** What server-side apply declares: of the object that the path names, and as much of it as the manager cares for. */
export function applyConfiguration({ kind, version, namespace, name }: Target, body: unknown): ApiObject {
  const clean = isPlainObject(body) ? pruned(body) : undefined;
  if (!clean) throw new StoreError('BAD_REQUEST', 'the body of an apply must be an object, with apiVersion, kind and metadata.name');
  if (!clean.ok) throw invalid(body, clean.problems);
  const given = clean.value as Partial<ApiObject>;
  const apiVersion = apiVersionOf(kind, version);
  if (given.apiVersion !== apiVersion || given.kind !== kind.kind) {
    throw new StoreError(
      'BAD_REQUEST',
      `the body is a ${given.kind} in ${given.apiVersion}, the path is for ${kind.kind} in ${apiVersion}`,
    );
  }
  const metadata = metadataOf(clean.value) as Partial<ApiObject['metadata']> | undefined;
  if ((metadata?.name ?? name) !== name || (metadata?.namespace ?? namespace) !== namespace) {
    throw new StoreError(
      'BAD_REQUEST',
      `the body is about ${metadata?.namespace}/${metadata?.name}, the path about ${keyOf({ namespace, name })}`,
    );
  }
  return { ...given, apiVersion, kind: kind.kind, metadata: { ...metadata, name, ...(kind.namespaced && { namespace }) } } as ApiObject;
}

/** What names itself by `generateName` gets a name: five letters more. */
export function named(body: unknown, random: Random): unknown {
  if (!isPlainObject(body) || !isPlainObject(body['metadata'])) return body;
  const { name, generateName } = body['metadata'];
  if (name !== undefined || typeof generateName !== 'string' || generateName === '') return body;
  return { ...body, metadata: { ...body['metadata'], name: `${generateName.slice(0, 58)}${nameSuffix(random)}` } };
}

function metadataOf({ metadata }: Record<string, unknown>): unknown {
  if (!isPlainObject(metadata)) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([field]) => !serverOwned.includes(field)));
}

function decoded({ kind, namespace }: Omit<Target, 'name'>, given: unknown, query: Query): Decoded {
  const value = isPlainObject(given) && kind.defaulted ? kind.defaulted(given as unknown as ApiObject) : given;
  const options = { namespace, otherKinds: [kind] };
  const result = decodeObject(value, options);
  if (result.ok) return { object: result.value, warnings: result.warnings ?? [] };
  const lenient = query.fieldValidation === 'Warn' || query.fieldValidation === 'Ignore';
  if (lenient && result.problems.every(({ code }) => code === 'UNKNOWN_FIELD')) {
    const pruned = structuredClone(value);
    for (const { field = '' } of result.problems) removeField(pruned, field);
    const again = decodeObject(pruned, options);
    const noted = result.problems.map((problem): Problem => ({ ...problem, level: 'warning' }));
    if (again.ok) return { object: again.value, warnings: [...(query.fieldValidation === 'Warn' ? noted : []), ...(again.warnings ?? [])] };
  }
  throw invalid(value, result.problems);
}

function removeField(value: unknown, field: string): void {
  const path = parseFieldPath(field);
  const key = path.pop();
  let at = value;
  for (const segment of path) at = (at as Record<string, unknown> | undefined)?.[segment];
  if (at !== undefined && key !== undefined) delete (at as Record<string, unknown>)[key];
}

/** As Kubernetes words it: all of the problems, each with its field. */
export function invalid(value: unknown, problems: readonly Problem[]): StoreError {
  const { kind = '', apiVersion = '', metadata } = isPlainObject(value) ? (value as Partial<ApiObject>) : {};
  const { group } = parseApiVersion(String(apiVersion));
  const subject = { kind: String(kind), group, name: String(metadata?.name ?? '') };
  const lines = problems.map(({ field, message, hint }) => `${field ? `${field}: ` : ''}${message}${hint ? ` (${hint})` : ''}`);
  const what = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return new StoreError('INVALID', `${withGroup(subject.kind, group)} "${subject.name}" is invalid: ${what}`, { problems, subject });
}
