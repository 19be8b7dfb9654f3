// Collects the writes of one turn of the event loop and makes them durable together: a sync of the disk costs the same for one and for a
// thousand. Writers see what was staged before them; readers and watches see only what is durable.
import { setImmediate } from 'node:timers';
import type { ApiObject } from '#api/kind';
import type { Change, Journal } from './journal.ts';

interface Staged {
  key: string;
  change: Change;
  resolve(object: ApiObject): void;
  reject(error: unknown): void;
}

export class GroupCommit {
  private group: Staged[] = [];
  /** The newest staged state by key; undefined: it will be gone. */
  private readonly newest = new Map<string, ApiObject | undefined>();

  constructor(
    private readonly journal: Journal,
    private readonly publish: (key: string, change: Change) => void,
    /** After a group was refused: nothing of it has happened. */
    private readonly refused: () => void,
  ) {}

  /** What a writer must build on, where something is staged for the key. */
  staged(key: string): { object: ApiObject | undefined } | undefined {
    return this.newest.has(key) ? { object: this.newest.get(key) } : undefined;
  }

  /** Resolves when the change is durable and published. */
  commit(key: string, change: Change): Promise<ApiObject> {
    this.newest.set(key, change.deleted ? undefined : change.object);
    if (this.group.length === 0) setImmediate(() => this.flush());
    return new Promise((resolve, reject) => this.group.push({ key, change, resolve, reject }));
  }

  private flush(): void {
    const group = this.group;
    this.group = [];
    this.newest.clear();
    try {
      this.journal.append(group.map(({ change }) => change));
    } catch (error) {
      this.refused();
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { key, change, resolve } of group) {
      this.publish(key, change);
      resolve(change.object);
    }
  }
}
