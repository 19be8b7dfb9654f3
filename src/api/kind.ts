// What every resource has, and what a kind is. One file per kind under kinds/; registry.ts finds them.
import type { TSchema } from '@sinclair/typebox';

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  /** Empty or absent for cluster-scoped kinds. */
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
}

export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** One resource kind: its names, its versions, and the one schema from which type, defaults and checks come. */
export interface Kind {
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  /** Empty for Kubernetes' core group. */
  group: string;
  /** All served versions, the preferred one first; objects are kept and given to readers in it. */
  versions: readonly string[];
  namespaced: boolean;
  /** Of the whole object. */
  schema: TSchema;
  /** Fills in the defaults that a definition has. */
  defaulted?: (object: ApiObject) => ApiObject;
  /** A definition's structural schema, for its rules in CEL. */
  validated?: Readonly<Record<string, unknown>>;
  /** What a list shows beside name and age, where a definition says so. */
  columns?: readonly Column[];
}

/** A column in which lists show objects. */
export interface Column {
  title: string;
  /** Shown with `-o wide` only. */
  wide?: boolean;
  /** `nowMs`: since the epoch. */
  cell(object: ApiObject, nowMs: number): string;
}

/** `group/version`, or `version` alone in the core group. */
export function apiVersionOf(kind: Kind, version = kind.versions[0] ?? ''): string {
  return kind.group === '' ? version : `${kind.group}/${version}`;
}

/** `namespace/name`, or `name` alone where there is no namespace. */
export function keyOf(meta: { namespace?: string; name: string }): string {
  return meta.namespace ? `${meta.namespace}/${meta.name}` : meta.name;
}
