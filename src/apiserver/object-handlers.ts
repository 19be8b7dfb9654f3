// What the REST verbs do to objects: decode, check, write to the Store, and say what to mind. No HTTP here.
import { setImmediate } from 'node:timers/promises';
import { decodeObject } from '#api/decode';
import { parseFieldPath } from '#api/field-path';
import { type ApiObject, apiVersionOf, type Kind, keyOf } from '#api/kind';
import { namespaceKind } from '#api/kinds/namespace';
import { kinds } from '#api/registry';
import type { Problem } from '#foundation/problem';
import { type Applied, applyObject } from '#store/apply';
import { namespaceMissing, permanentNamespaces } from '#store/namespaces';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { jsonPatch, mergePatch } from './patch.ts';
import type { Query } from './selection.ts';

/** Where a request points. */
export interface Target {
  kind: Kind;
  version: string;
  /** Empty for cluster-scoped kinds. */
  namespace: string;
  name: string;
}

export interface Written {
  object: ApiObject;
  created: boolean;
  warnings: Problem[];
}

/** What is wrong, though not refused: analysis of the object among the others. */
export type Advise = (object: ApiObject) => Problem[];

export type PatchType = 'merge' | 'json' | 'apply';

export class ObjectHandlers {
  constructor(
    private readonly store: Store,
    private readonly advise: Advise,
  ) {}

  async get({ kind, namespace, name }: Target): Promise<ApiObject> {
    const object = await this.store.get(kind, namespace, name);
    if (!object) throw new StoreError('NOT_FOUND', `${kind.plural}${kind.group ? `.${kind.group}` : ''} "${name}" not found`);
    return object;
  }

  async create(target: Omit<Target, 'name'>, body: unknown, query: Query): Promise<Written> {
    const { object, warnings } = decodeFor(target, body, query);
    if (query.dryRun !== undefined) {
      if (await this.store.get(target.kind, target.namespace, object.metadata.name)) throw exists(object);
      return { object: await this.tried(object), created: true, warnings };
    }
    return this.written(await this.store.create(object), true, warnings);
  }

  async update(target: Target, body: unknown, query: Query): Promise<Written> {
    const { object, warnings } = decodeFor(target, body, query);
    if (query.dryRun !== undefined) {
      await this.get(target);
      return { object: await this.tried(object), created: false, warnings };
    }
    return this.written(await this.store.update(object), false, warnings);
  }

  async updateStatus(target: Target, body: unknown, query: Query): Promise<Written> {
    const { object } = decodeFor(target, body, query);
    if (query.dryRun !== undefined) return { object: await this.get(target), created: false, warnings: [] };
    return { object: await this.store.updateStatus(object), created: false, warnings: [] };
  }

  async patch(target: Target, type: PatchType, body: unknown, query: Query, subresource?: 'status'): Promise<Written> {
    if (type === 'apply' && !subresource) return this.apply(target, body, query);
    const stored = await this.get(target);
    const patched = type === 'json' ? jsonPatch(stored, body) : mergePatch(stored, body);
    return subresource ? this.updateStatus(target, patched, query) : this.update(target, patched, query);
  }

  async delete(target: Target, query: Query): Promise<ApiObject> {
    const { kind, namespace, name } = target;
    if (kind === namespaceKind && permanentNamespaces.includes(name)) {
      throw new StoreError('INVALID', `namespace "${name}" cannot be deleted: the mesh needs it`);
    }
    if (query.dryRun !== undefined) return this.get(target);
    const deleted = await this.store.delete(kind, namespace, name);
    if (kind === namespaceKind) await this.deleteContents(name);
    return deleted;
  }

  /** Server-side apply in its simple form: one owner, whose word replaces what is there. */
  private async apply(target: Target, body: unknown, query: Query): Promise<Written> {
    const { object, warnings } = decodeFor(target, body, query);
    if (query.dryRun !== undefined) return { object: await this.tried(object), created: false, warnings };
    const applied: Applied = await applyObject(this.store, target.kind, object);
    return this.written(applied.object, applied.outcome === 'created', warnings);
  }

  private async written(object: ApiObject, created: boolean, warnings: Problem[]): Promise<Written> {
    // Who watches hears of it first: proxies wait for that, and for advice only the writer.
    await setImmediate();
    return { object, created, warnings: [...warnings, ...this.advise(object)] };
  }

  /** Dry run: what the store would check, without the write. */
  private async tried(object: ApiObject): Promise<ApiObject> {
    const { namespace } = object.metadata;
    const free = namespace === undefined || permanentNamespaces.includes(namespace);
    if (!free && !(await this.store.get(namespaceKind, '', namespace))) {
      const problem = namespaceMissing(object);
      throw new StoreError('INVALID', problem.message, { problems: [problem] });
    }
    return object;
  }

  private async deleteContents(namespace: string): Promise<void> {
    for (const kind of kinds.filter((each) => each.namespaced)) {
      const { items } = await this.store.list(kind, { namespace });
      for (const { metadata } of items) {
        await this.store.delete(kind, namespace, metadata.name).catch((error: unknown) => {
          if (!(error instanceof StoreError && error.code === 'NOT_FOUND')) throw error;
        });
      }
    }
  }
}

/** The body as an object of the kind, namespace and name that the path says; a body that says otherwise is refused. */
function decodeFor(
  target: Omit<Target, 'name'> & { name?: string },
  body: unknown,
  query: Query,
): { object: ApiObject; warnings: Problem[] } {
  const { kind, version, namespace, name } = target;
  const apiVersion = apiVersionOf(kind, version);
  const given = typeof body === 'object' && body !== null ? { apiVersion, kind: kind.kind, ...body } : body;
  const { object, warnings } = decoded(given, namespace, query);
  const { metadata } = object;
  if (object.kind !== kind.kind || object.apiVersion !== apiVersionOf(kind)) {
    throw new StoreError('INVALID', `the body is a ${object.kind} in ${object.apiVersion}, the path is for ${kind.kind} in ${apiVersion}`);
  }
  if ((kind.namespaced && metadata.namespace !== namespace) || (name !== undefined && metadata.name !== name)) {
    throw new StoreError(
      'INVALID',
      `the body is about ${keyOf(metadata)}, the path about ${keyOf({ namespace, name: name ?? metadata.name })}`,
    );
  }
  return { object, warnings };
}

function decoded(value: unknown, namespace: string, query: Query): { object: ApiObject; warnings: Problem[] } {
  const result = decodeObject(value, { namespace });
  if (result.ok) return { object: result.value, warnings: result.warnings ?? [] };
  const lenient = query.fieldValidation === 'Warn' || query.fieldValidation === 'Ignore';
  if (lenient && result.problems.every(({ code }) => code === 'UNKNOWN_FIELD')) {
    const pruned = structuredClone(value);
    for (const { field = '' } of result.problems) removeField(pruned, field);
    const again = decodeObject(pruned, { namespace });
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

function invalid(value: unknown, problems: Problem[]): StoreError {
  const [first] = problems;
  const subject = first?.object ?? 'the object';
  const lines = problems.map(({ field, message, hint }) => `${field ? `${field}: ` : ''}${message}${hint ? ` (${hint})` : ''}`);
  return new StoreError('INVALID', `${subject} is invalid: ${lines.join('; ')}`, { problems, cause: typeof value });
}

function exists(object: ApiObject): StoreError {
  return new StoreError('ALREADY_EXISTS', `${object.kind} ${keyOf(object.metadata)} exists already`);
}
