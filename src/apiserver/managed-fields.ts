// Who manages which fields of an object (`metadata.managedFields`), kept with every write, and server-side apply on top of it: a manager
// declares its fields, others' values are conflicts, what it declares no more goes. Pure. After Kubernetes' "Server-Side Apply".
import { isDeepStrictEqual } from 'node:util';
import { isPlainObject } from '#api/json';
import type { ApiObject, Kind } from '#api/kind';
import { StoreError } from '#store/store-error';
import { describeField, type FieldSet, type FieldsV1, fieldsOf, fromFieldsV1, removeAt, toFieldsV1, valueAt } from './field-set.ts';
import { strategicMerge } from './strategic-merge.ts';

export interface Manager {
  /** Who writes: the query's `fieldManager`, else the client's name. */
  name: string;
  /** RFC 3339, of this write. */
  time: string;
  /** In whose version the fields are named. */
  apiVersion: string;
  subresource?: string | undefined;
}

interface Entry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time: string;
  fieldsType: 'FieldsV1';
  fieldsV1: FieldsV1;
  subresource?: string;
}

/** Written by the server, or what the object is called: nobody's fields. */
const unmanaged = ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation', 'generateName', 'selfLink'];
const unmanagedToo = ['managedFields', 'deletionTimestamp', 'deletionGracePeriodSeconds'];

/** `updated`, with its managers after the write of `manager`; without one the fields that were changed are nobody's. */
export function afterUpdate(kind: Kind, stored: ApiObject | undefined, updated: ApiObject, manager: Manager | undefined): ApiObject {
  const entries = entriesOf(stored);
  if (!manager && entries.length === 0) return withEntries(updated, []);
  const before = managed(kind, stored);
  const after = managed(kind, updated);
  const changed = new Set(
    [...after].filter((path) => !before.has(path) || !isDeepStrictEqual(valueAt(updated, path), valueAt(stored, path))),
  );
  const gone = new Set([...before].filter((path) => !after.has(path)));
  if (changed.size === 0 && gone.size === 0) return withEntries(updated, entries);
  const isOwn = (entry: Entry) =>
    manager !== undefined && entry.manager === manager.name && entry.operation === 'Update' && entry.subresource === manager.subresource;
  const own = entries.find(isOwn);
  const others = entries.filter((entry) => !isOwn(entry)).map((entry) => without(entry, (path) => changed.has(path) || gone.has(path)));
  if (!manager) return withEntries(updated, others);
  const fields = new Set([...(own ? fromFieldsV1(own.fieldsV1) : []), ...changed].filter((path) => !gone.has(path)));
  return withEntries(updated, [...others, entry(manager, 'Update', fields)]);
}

/**
 * What `stored` becomes when `manager` applies `config`. Throws StoreError CONFLICT where others manage fields with other values,
 * unless it is forced: then they manage them no more.
 */
export function applied(kind: Kind, stored: ApiObject | undefined, config: ApiObject, manager: Manager, force: boolean): ApiObject {
  const entries = entriesOf(stored);
  const isOwn = ({ manager: name, operation, subresource }: Entry) =>
    name === manager.name && operation === 'Apply' && subresource === manager.subresource;
  const declared = managed(kind, config);
  const conflicting = (entry: Entry) =>
    [...fromFieldsV1(entry.fieldsV1)].filter(
      (path) => declared.has(path) && !isDeepStrictEqual(valueAt(stored, path), valueAt(config, path)),
    );
  const others = entries.filter((each) => !isOwn(each));
  const conflicts = others.flatMap((other) => conflicting(other).map((path) => ({ other, path })));
  if (conflicts.length > 0 && !force) throw conflict(conflicts);
  const remaining = others.map((other) => {
    const lost = new Set(conflicting(other));
    return lost.size === 0 ? other : without(other, (path) => lost.has(path));
  });
  const { managedFields: _, ...metadata } = config.metadata as ApiObject['metadata'] & { managedFields?: unknown };
  const result = structuredClone(strategicMerge(kind, stored ?? {}, { ...config, metadata })) as ApiObject;
  const own = entries.find(isOwn);
  const kept = new Set(remaining.flatMap((each) => [...fromFieldsV1(each.fieldsV1)]));
  for (const path of own ? fromFieldsV1(own.fieldsV1) : []) if (!declared.has(path) && !kept.has(path)) removeAt(result, path);
  const next = [...remaining, entry(manager, 'Apply', declared)];
  return withEntries(result, sameOwnership(entries, next) ? entries : next);
}

function managed(kind: Kind, object: ApiObject | undefined): FieldSet {
  if (!object) return new Set();
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  const own = Object.fromEntries(Object.entries(metadata).filter(([name]) => !unmanaged.includes(name) && !unmanagedToo.includes(name)));
  return fieldsOf(kind, { ...rest, ...(Object.keys(own).length > 0 && { metadata: own }) });
}

function entriesOf(object: ApiObject | undefined): Entry[] {
  const { managedFields } = (object?.metadata ?? {}) as { managedFields?: unknown };
  return Array.isArray(managedFields)
    ? managedFields.filter((each): each is Entry => isPlainObject(each) && isPlainObject(each['fieldsV1']))
    : [];
}

function withEntries(object: ApiObject, entries: readonly Entry[]): ApiObject {
  const { managedFields: _, ...metadata } = object.metadata as ApiObject['metadata'] & { managedFields?: unknown };
  const owning = entries.filter(({ fieldsV1 }) => Object.keys(fieldsV1).length > 0);
  return { ...object, metadata: { ...metadata, ...(owning.length > 0 && { managedFields: owning }) } };
}

function without(entry: Entry, lost: (path: string) => boolean): Entry {
  const fields = fromFieldsV1(entry.fieldsV1);
  const kept = new Set([...fields].filter((path) => !lost(path)));
  return kept.size === fields.size ? entry : { ...entry, fieldsV1: toFieldsV1(kept) };
}

function entry({ name, time, apiVersion, subresource }: Manager, operation: Entry['operation'], fields: FieldSet): Entry {
  const fieldsV1 = toFieldsV1(fields);
  return {
    manager: name,
    operation,
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource !== undefined && { subresource }),
  };
}

/** An apply that changes nothing leaves no trace, not even of its time. */
function sameOwnership(before: readonly Entry[], after: readonly Entry[]): boolean {
  const timeless = (entries: readonly Entry[]) =>
    entries
      .map(({ manager, operation, subresource, fieldsV1 }) =>
        JSON.stringify([manager, operation, subresource, [...fromFieldsV1(fieldsV1)].sort()]),
      )
      .sort();
  return isDeepStrictEqual(timeless(before), timeless(after));
}

function conflict(conflicts: readonly { other: Entry; path: string }[]): StoreError {
  const lines = conflicts.map(({ other, path }) => `conflict with "${other.manager}" using ${other.apiVersion}: ${describeField(path)}`);
  const count = `${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}`;
  return new StoreError('CONFLICT', `Apply failed with ${count}: ${lines.join('\n')}`, {
    problems: conflicts.map(({ other, path }) => ({
      level: 'error',
      code: 'FieldManagerConflict',
      field: describeField(path),
      message: `conflict with "${other.manager}" using ${other.apiVersion}`,
    })),
  });
}
