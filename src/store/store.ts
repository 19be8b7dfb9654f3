// The object model of Kubernetes behind one interface. Implemented in memory (memory-store.ts) and over the
// Kubernetes REST API (remote-store.ts); whoever reads or writes objects takes a Store and cannot tell which.
import type { ApiObject, Kind } from '#api/kind';

export interface ListOptions {
  /** All namespaces when left out. */
  namespace?: string;
  /** Every label must be there with this value. */
  labels?: Readonly<Record<string, string>>;
  /** Kubernetes' grammar: `app=a,tier in (x, y),!canary`. */
  labelSelector?: string;
  /** `metadata.name=a,status.phase!=Running`. */
  fieldSelector?: string;
}

export interface ObjectList<T extends ApiObject = ApiObject> {
  items: T[];
  /** Of the store when the list was taken; a watch from here misses nothing. */
  resourceVersion: string;
}

export type WatchEvent<T extends ApiObject = ApiObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface WatchHandlers<T extends ApiObject = ApiObject> {
  event(event: WatchEvent<T>): void;
  /** Called once, never after `stop()`. `EXPIRED`: list again, the version is no longer kept. */
  closed(reason: 'EXPIRED' | 'DISCONNECTED'): void;
}

export interface Watch {
  stop(): void;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number | undefined;
}

export interface Store {
  get(kind: Kind, namespace: string, name: string): Promise<ApiObject | undefined>;
  list(kind: Kind, options?: ListOptions): Promise<ObjectList>;
  /** Every change after `resourceVersion`, in order. */
  watch(kind: Kind, options: ListOptions & { resourceVersion: string }, handlers: WatchHandlers): Watch;
  /** Throws `StoreError` ALREADY_EXISTS or INVALID. */
  create(object: ApiObject): Promise<ApiObject>;
  /**
   * Replaces the object; a spec that differs raises `generation`. Where `metadata.resourceVersion` is given it must
   * be the stored one. Throws `StoreError` NOT_FOUND, CONFLICT or INVALID.
   */
  update(object: ApiObject): Promise<ApiObject>;
  /** Replaces `status` alone; `generation` stays. */
  updateStatus(object: ApiObject): Promise<ApiObject>;
  /**
   * Removes the object; one with finalizers is marked (`metadata.deletionTimestamp`) and goes when the last of them does, and one
   * that somebody still runs when that has ended, `gracePeriodSeconds` later at most: 0 is at once, without it its own wish counts.
   * Throws `StoreError` NOT_FOUND.
   */
  delete(kind: Kind, namespace: string, name: string, options?: DeleteOptions): Promise<ApiObject>;
}
