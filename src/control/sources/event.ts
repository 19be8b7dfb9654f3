// What a source of resources says to the control plane.
import type { ApiObject } from '#api/kind';

export type SourceEvent = { type: 'set'; object: ApiObject } | { type: 'delete'; kind: string; namespace: string; name: string };

export interface SourceHandlers {
  /** What changed in one turn of the loop, in order. Objects are sound: of those that are not, the last good version stays. */
  events(events: readonly SourceEvent[]): void;
  /** All there was at the start has been given; once. */
  synced(): void;
}
