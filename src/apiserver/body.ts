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
import { cannotBeHandled, structuralRefusal } from './structural-refusal.ts';
import { withGroup } from './user.ts';

/** Of a patch that a message repeats. */
const patchLengthMax = 400;
/** What Kubernetes' decoder refuses, though a schema does not. */
const undecodable: readonly string[] = ['INVALID_QUANTITY', 'INVALID_BASE64'];
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

/** What a patch makes of an object: what cannot be decoded of it is the patch's fault, and in Kubernetes invalid. */
export function decodePatched(target: Target, patched: unknown, patch: unknown, query: Query): Decoded {
  try {
    return decodeBody(target, patched, query);
  } catch (thrown) {
    const [, why] = (thrown instanceof StoreError && / cannot be handled as a \w+: (.*)$/.exec(thrown.message)) || [];
    if (why === undefined) throw thrown;
    // Of a Secret nothing is repeated.
    const text = target.kind.kind === 'Secret' ? '{...}' : JSON.stringify(patch);
    const given = text.length > patchLengthMax ? `${text.slice(0, patchLengthMax)}...` : text;
    const message = `Invalid value: ${JSON.stringify(given)}: ${why}`;
    throw new StoreError('INVALID', `"" is invalid: patch: ${message}`, {
      problems: [{ level: 'error', code: 'INVALID_VALUE', field: 'patch', message }],
      subject: { kind: '', group: '', name: '' },
    });
  }
}

/** In Kubernetes' words. Throws StoreError BAD_REQUEST. */
function checkPath(given: Record<string, unknown>, { kind, namespace, name }: Omit<Target, 'name'> & { name?: string }): void {
  const bad = (message: string) => new StoreError('BAD_REQUEST', message);
  const { group, version } = parseApiVersion(String(given['apiVersion']));
  if (given['kind'] !== kind.kind || group !== kind.group) {
    const why = `converting (${version}.${given['kind']}) to (${kind.group.split('.', 1)[0] || 'core'}.${kind.kind}): unknown conversion`;
    throw bad(`${given['kind']} in version "${version}" cannot be handled as a ${kind.kind}: ${why}`);
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

function decoded({ kind, version, namespace }: Omit<Target, 'name'>, given: unknown, query: Query): Decoded {
  const value = isPlainObject(given) && kind.defaulted ? kind.defaulted(given as unknown as ApiObject) : given;
  const options = { namespace, otherKinds: [kind] };
  const result = decodeObject(value, options);
  if (result.ok) return { object: result.value, warnings: result.warnings ?? [] };
  const clean = isPlainObject(value) ? pruned(value) : undefined;
  const refusal = clean?.ok ? structuralRefusal(kind, clean.value) : undefined;
  const { problems } = refusal ?? result;
  const lenient = query.fieldValidation === 'Warn' || query.fieldValidation === 'Ignore';
  if (lenient && clean?.ok && problems.every(({ code }) => code === 'UNKNOWN_FIELD')) {
    for (const { field = '' } of problems) removeField(clean.value, field);
    const { object, warnings } = decoded({ kind, version, namespace }, clean.value, query);
    const noted = problems.map(({ code, message }): Problem => ({ level: 'warning', code, message }));
    return { object, warnings: [...(query.fieldValidation === 'Warn' ? noted : []), ...warnings] };
  }
  const [cause] = problems.filter(({ code }) => undecodable.includes(code));
  if (cause) throw cannotBeHandled(kind.kind, version, kind.kind, [cause]);
  if (refusal?.code === 'BAD_REQUEST') throw cannotBeHandled(kind.kind, version, kind.kind, problems);
  throw invalid(value, problems);
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
