// What a source of resources says, to control/mesh.
import type { ApiObject } from '#api/kind';
import type { Problem } from '#foundation/problem';

export type SourceEvent = { type: 'set'; object: ApiObject } | { type: 'delete'; kind: string; namespace: string; name: string };

export interface SourceHandlers {
  /** What changed in one turn, in order. Objects are sound: what is not is reported, and its last good version stays. */
  events(batch: readonly SourceEvent[]): void;
  /** All there was at the start has been given; once. */
  synced(): void;
  /** Of objects that were not taken. */
  problems?(problems: readonly Problem[]): void;
}

export interface Source {
  start(): void;
  stop(): void;
}
