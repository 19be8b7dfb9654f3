// What the REST verbs do to objects: decode, merge, check, write to the Store, and say what to mind. No HTTP here.
import { setImmediate } from 'node:timers/promises';
import { customKind } from '#api/custom-kind';
import type { Examine } from '#api/examine';
import { type ApiObject, apiVersionOf, type Kind } from '#api/kind';
import { namespaceKind } from '#api/kinds/namespace';
import type { Clock } from '#foundation/clock';
import type { Problem } from '#foundation/problem';
import type { Random } from '#foundation/random';
import { alreadyExists } from '#store/memory-store';
import { namespaceMissing, permanentNamespaces } from '#store/namespaces';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import type { WebhookAdmission } from './admission/admission.ts';
import type { Operation } from './admission/webhook-rules.ts';
import { applyConfiguration, type Decoded, decodeBody, decodePatched, invalid, named } from './body.ts';
import { ValidationRules } from './cel/validation-rules.ts';
import { definitionKind } from './custom-kinds.ts';
import { immutableProblems } from './immutable-fields.ts';
import { afterUpdate, applied, type Manager } from './managed-fields.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import { isDryRun, isTrue, type Query, type Target } from './request.ts';
import { strategicMerge } from './strategic-merge.ts';
import { type User, withGroup } from './user.ts';

export interface Written {
  object: ApiObject;
  created: boolean;
  warnings: Problem[];
}

/** What is wrong, though not refused: analysis of the object among the others. */
export type Advise = (object: ApiObject) => Problem[];

export type PatchType = 'merge' | 'strategic' | 'json' | 'apply';

export interface ObjectHandlersOptions {
  store: Store;
  clock: Clock;
  random: Random;
  advise: Advise;
  examine: Examine;
  /** Every kind that has a namespace: their objects go with it. */
  namespacedKinds: () => readonly Kind[];
  admission: WebhookAdmission;
}

/** How a write came: by whom, and with which options. */
export interface Write {
  query: Query;
  client?: string | undefined;
  user?: User;
}

export class ObjectHandlers {
  private readonly rules = new ValidationRules();

  constructor(private readonly options: ObjectHandlersOptions) {}

  async get({ kind, namespace, name }: Target): Promise<ApiObject> {
    const object = await this.options.store.get(kind, namespace, name);
    if (!object) throw new StoreError('NOT_FOUND', `${withGroup(kind.plural, kind.group)} "${name}" not found`);
    return object;
  }

  async create(target: Omit<Target, 'name'>, body: unknown, write: Write): Promise<Written> {
    const { store, random } = this.options;
    const { kind, version, namespace } = target;
    const decoded = decodeBody({ kind, version, namespace }, named(body, random), write.query);
    if (decoded.object.metadata.resourceVersion)
      throw new StoreError('BAD_REQUEST', 'resourceVersion should not be set on objects to be created');
    const { object: admitted, warnings } = await this.admitted('CREATE', target, decoded, undefined, write);
    const object = afterUpdate(kind, undefined, admitted, this.managerOf(target, write));
    if (isDryRun(write.query)) {
      if (await store.get(kind, namespace, object.metadata.name)) throw alreadyExists(kind, object.metadata.name);
      return { object: await this.tried(object), created: true, warnings };
    }
    return this.written(await store.create(object), true, warnings);
  }

  async update(target: Target, body: unknown, write: Write): Promise<Written> {
    const decoded = decodeBody(target, body, write.query);
    return this.replace(target, await this.get(target), decoded, write);
  }

  async updateStatus(target: Target, body: unknown, write: Write): Promise<Written> {
    const stored = await this.get(target);
    const { object, warnings } = await this.admitted('UPDATE', target, decodeBody(target, body, write.query), stored, write, 'status');
    if (isDryRun(write.query)) return { object: stored, created: false, warnings };
    return { object: await this.options.store.updateStatus(object), created: false, warnings };
  }

  async patch(target: Target, type: PatchType, body: unknown, write: Write, subresource?: string): Promise<Written> {
    if (type === 'apply' && subresource === undefined) return this.apply(target, body, write);
    const stored = await this.get(target);
    const patched = patchedBy(type, target.kind, stored, body);
    return subresource === 'status'
      ? this.updateStatus(target, patched, write)
      : this.replace(target, stored, decodePatched(target, patched, body, write.query), write);
  }

  /** One with finalizers stays, marked, until they are gone; `propagationPolicy` is kept as a finalizer of the garbage collector. */
  async delete(target: Target, body: unknown, write: Write): Promise<ApiObject> {
    const { query } = write;
    const { kind, namespace, name } = target;
    const { store } = this.options;
    const stored = await this.get(target);
    const wanted = (body ?? {}) as WantedDeletion;
    checkPreconditions(kind, stored, wanted);
    if (kind === namespaceKind && permanentNamespaces.includes(name)) {
      throw new StoreError('FORBIDDEN', `namespaces "${name}" is forbidden: this namespace may not be deleted`);
    }
    await this.admitted('DELETE', target, undefined, stored, write);
    if (isDryRun(query, body)) return stored;
    const finalizer = propagationFinalizers[query.propagationPolicy ?? wanted.propagationPolicy ?? ''];
    if (finalizer !== undefined) {
      const finalizers = [...new Set([...(stored.metadata.finalizers ?? []), finalizer])];
      await store.update({ ...stored, metadata: { ...stored.metadata, finalizers } });
    }
    const deleted = await store.delete(kind, namespace, name, { gracePeriodSeconds: gracePeriodOf(query, wanted) });
    if (kind === namespaceKind) await this.deleteContents(name);
    return deleted;
  }

  /** Server-side apply: what the manager declares, and no more of what it declared before. */
  private async apply(target: Target, body: unknown, write: Write): Promise<Written> {
    const config = applyConfiguration(target, body);
    const manager = this.managerOf(target, write);
    if (!manager)
      throw new StoreError('BAD_REQUEST', 'fieldManager is required for apply patch', { hint: 'name who applies: ?fieldManager=NAME' });
    const { store } = this.options;
    const { kind, namespace, name } = target;
    const stored = await store.get(kind, namespace, name);
    // A configuration may be a part of the object: what it makes of the whole is what must be sound.
    const merged = applied(kind, inVersion(stored, config.apiVersion), config, manager, isTrue(write.query.force));
    const decoded = decodeBody(target, merged, write.query);
    const { object, warnings } = await this.admitted(stored ? 'UPDATE' : 'CREATE', target, decoded, stored, write);
    if (isDryRun(write.query)) return { object: await this.tried(object), created: stored === undefined, warnings };
    return this.written(stored ? await store.update(object) : await store.create(object), stored === undefined, warnings);
  }

  private async replace(target: Target, stored: ApiObject, decoded: Decoded, write: Write): Promise<Written> {
    const { object: admitted, warnings } = await this.admitted('UPDATE', target, decoded, stored, write);
    const object = afterUpdate(target.kind, stored, admitted, this.managerOf(target, write));
    if (isDryRun(write.query)) return { object: await this.tried(object), created: false, warnings };
    return this.written(await this.options.store.update(object), false, warnings);
  }

  /** As webhooks leave and allow it. */
  private admitted(
    operation: Operation,
    target: Omit<Target, 'name'>,
    decoded: Decoded,
    old: ApiObject | undefined,
    write: Write,
    subresource?: string,
  ): Promise<Decoded>;
  private admitted(operation: 'DELETE', target: Target, decoded: undefined, old: ApiObject, write: Write): Promise<unknown>;
  private async admitted(
    operation: Operation,
    { kind, version, namespace }: Omit<Target, 'name'>,
    decoded: Decoded | undefined,
    old: ApiObject | undefined,
    { query, user }: Write,
    subresource = '',
  ): Promise<unknown> {
    const options = { kind: `${operation[0]}${operation.slice(1).toLowerCase()}Options`, apiVersion: 'meta.k8s.io/v1' };
    const { object, warnings } = await this.options.admission.admit(
      { operation, kind, version, subresource, namespace, object: decoded?.object, old },
      { user, dryRun: isDryRun(query), options },
      (changed) => decodeBody({ kind, version, namespace }, changed, query).object,
    );
    if (object) await this.keepsRules(kind, object, old);
    const changed = object && old && subresource === '' ? immutableProblems(object, old) : [];
    if (changed.length > 0) throw invalid(object, changed);
    const found = object && subresource === '' ? await this.examined(object) : [];
    return { object, warnings: [...(decoded?.warnings ?? []), ...warnings, ...found] };
  }

  /** Those of its definition in CEL; a definition's own must be such. Throws StoreError INVALID. */
  private async keepsRules(kind: Kind, object: ApiObject, old: ApiObject | undefined): Promise<void> {
    const defined = kind.kind === definitionKind.kind && kind.group === definitionKind.group ? customKind(object) : undefined;
    if (defined?.validated) await this.rules.compiled(defined.validated);
    const problems = await this.rules.problems(kind, object, old);
    if (problems.length > 0) throw invalid(object, problems);
  }

  /** Returns what is no error. Throws StoreError INVALID for what is. */
  private async examined(object: ApiObject): Promise<readonly Problem[]> {
    const problems = (await this.options.examine(object)) ?? [];
    const errors = problems.filter(({ level }) => level === 'error');
    if (errors.length > 0) throw invalid(object, errors);
    return problems;
  }

  /** Undefined: a client that does not say who it is manages nothing. */
  private managerOf({ kind, version }: Omit<Target, 'name'>, { query, client }: Write): Manager | undefined {
    const name = query.fieldManager ?? client;
    if (name === undefined) return undefined;
    return { name, apiVersion: apiVersionOf(kind, version), time: `${new Date(this.options.clock.wallMs()).toISOString().slice(0, 19)}Z` };
  }

  private async written(object: ApiObject, created: boolean, warnings: Problem[]): Promise<Written> {
    // Who watches hears of it first: proxies wait for that, and for advice only the writer.
    await setImmediate();
    return { object, created, warnings: [...warnings, ...this.options.advise(object)] };
  }

  /** Dry run: what the store would check, without the write. */
  private async tried(object: ApiObject): Promise<ApiObject> {
    const { namespace } = object.metadata;
    const free = namespace === undefined || permanentNamespaces.includes(namespace);
    if (!free && !(await this.options.store.get(namespaceKind, '', namespace))) {
      const problem = namespaceMissing(object);
      throw new StoreError('NOT_FOUND', `namespaces "${namespace}" not found`, { problems: [problem] });
    }
    return object;
  }

  private async deleteContents(namespace: string): Promise<void> {
    const { store, namespacedKinds } = this.options;
    for (const kind of namespacedKinds()) {
      const { items } = await store.list(kind, { namespace });
      for (const { metadata } of items) {
        await store.delete(kind, namespace, metadata.name).catch((error: unknown) => {
          if (!(error instanceof StoreError && error.code === 'NOT_FOUND')) throw error;
        });
      }
    }
  }
}

/** Kubernetes keeps the wish of who deletes in these, for the garbage collector. */
const propagationFinalizers: Readonly<Record<string, string | undefined>> = { Foreground: 'foregroundDeletion', Orphan: 'orphan' };

/** Kubernetes' DeleteOptions. */
interface WantedDeletion {
  propagationPolicy?: string;
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
}

/** Throws StoreError CONFLICT. */
function checkPreconditions(kind: Kind, { metadata }: ApiObject, { preconditions = {} }: WantedDeletion): void {
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = preconditions;
  const failed = [
    ...(uid === metadata.uid ? [] : [`UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`]),
    ...(resourceVersion === metadata.resourceVersion
      ? []
      : [`ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`]),
  ];
  if (failed.length === 0) return;
  const what = `${withGroup(kind.plural, kind.group)} "${metadata.name}"`;
  throw new StoreError('CONFLICT', `Operation cannot be fulfilled on ${what}: Precondition failed: ${failed[0]}`);
}

function gracePeriodOf(query: Query, wanted: WantedDeletion): number | undefined {
  const seconds = query.gracePeriodSeconds === undefined ? wanted.gracePeriodSeconds : Number(query.gracePeriodSeconds);
  if (seconds === undefined || (Number.isInteger(seconds) && seconds >= 0)) return seconds;
  throw new StoreError('BAD_REQUEST', `gracePeriodSeconds: "${query.gracePeriodSeconds ?? seconds}" is no count of seconds`);
}

const inVersion = (object: ApiObject | undefined, apiVersion: string) => object && { ...object, apiVersion };

function patchedBy(type: PatchType, kind: Kind, stored: ApiObject, body: unknown): unknown {
  switch (type) {
    case 'json':
      return jsonPatch(stored, body);
    case 'strategic':
      return strategicMerge(kind, stored, body);
    default:
      return mergePatch(stored, body);
  }
}
