// What makes a MemoryStore durable: every change is written here before anybody sees it. Implemented on LMDB (lmdb-journal.ts).
import { type ApiObject, keyOf } from '#api/kind';

/** One write, as it is kept: what was there, and what is there now (or was, when it was deleted). */
export interface Change {
  version: number;
  previous: ApiObject | undefined;
  object: ApiObject;
  deleted: boolean;
}

/** What a journal holds when it is opened. */
export interface Recovered {
  objects: ApiObject[];
  /** The last changes, in order, from which watches may resume. */
  changes: Change[];
  /** Of the last change. */
  version: number;
}

export interface Journal {
  recover(): Recovered;
  /** All or nothing; when it returns the changes survive a loss of power. Throws StoreError FULL where the disk is full. */
  append(changes: readonly Change[]): void;
}

/** How one object is called among all, in whatever version it comes: `apps/Deployment/default/reviews`. */
export function objectKey(kind: { group: string; kind: string }, metadata: { namespace?: string; name: string }): string {
  return `${kind.group}/${kind.kind}/${keyOf(metadata)}`;
}
