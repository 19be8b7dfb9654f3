// The last changes of a MemoryStore, and the watches that follow them. A watch may begin at any change that is still kept.
import type { ApiObject, Kind } from '#api/kind';
import { selection } from './selector.ts';
import type { ListOptions, Watch, WatchEvent, WatchHandlers } from './store.ts';

export interface HistoryEntry {
  kind: Kind;
  version: number;
  previous: ApiObject | undefined;
  object: ApiObject;
  deleted: boolean;
}

interface Watcher {
  kind: Kind;
  selects: (object: ApiObject) => boolean;
  handlers: WatchHandlers;
  queue: HistoryEntry[];
  scheduled: boolean;
}

export class WatchHistory {
  // A ring would save the shifting; trimming a quarter at a time makes it rare instead.
  private entries: HistoryEntry[] = [];
  /** Changes up to and with this version are forgotten. */
  private forgotten: number;
  private readonly watchers = new Set<Watcher>();

  constructor(
    private readonly entriesMax: number,
    private last: number,
  ) {
    this.forgotten = last;
  }

  record(entry: HistoryEntry): void {
    this.entries.push(entry);
    this.last = entry.version;
    if (this.entries.length > this.entriesMax) {
      const dropped = this.entries.splice(0, Math.ceil(this.entriesMax / 4));
      this.forgotten = dropped.at(-1)?.version ?? this.forgotten;
    }
    for (const watcher of this.watchers) if (sameKind(watcher.kind, entry.kind)) this.enqueue(watcher, [entry]);
  }

  /** Events come after this call has returned, in order; several changes of one turn come in one go. */
  watch(kind: Kind, options: ListOptions & { resourceVersion: string }, handlers: WatchHandlers): Watch {
    const since = Number(options.resourceVersion);
    const watcher: Watcher = { kind, selects: selection(options), handlers, queue: [], scheduled: false };
    this.watchers.add(watcher);
    const known = Number.isInteger(since) && since >= this.forgotten && since <= this.last;
    if (known) {
      this.enqueue(
        watcher,
        this.entries.slice(this.indexAfter(since)).filter((entry) => sameKind(entry.kind, kind)),
      );
    } else {
      queueMicrotask(() => this.watchers.delete(watcher) && handlers.closed('EXPIRED'));
    }
    return { stop: () => void this.watchers.delete(watcher) };
  }

  private enqueue(watcher: Watcher, entries: readonly HistoryEntry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) watcher.queue.push(entry);
    if (watcher.scheduled) return;
    watcher.scheduled = true;
    // Not at once: a handler that writes would see its own event before the writer's promise resolves.
    queueMicrotask(() => this.deliver(watcher));
  }

  private deliver(watcher: Watcher): void {
    watcher.scheduled = false;
    const { queue } = watcher;
    watcher.queue = [];
    for (const entry of queue) {
      if (!this.watchers.has(watcher)) return;
      const event = eventFor(watcher.selects, entry);
      if (event) watcher.handlers.event(event);
    }
  }

  /** The place of the first change after the version: they are in order. */
  private indexAfter(version: number): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entries[middle]!.version <= version) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A custom resource's kind is another object after its definition has changed. */
const sameKind = (a: Kind, b: Kind) => a.kind === b.kind && a.group === b.group;

/** An object that begins to match the selection is added to it, one that ceases to is deleted from it. */
function eventFor(selects: Watcher['selects'], { previous, object, deleted }: HistoryEntry): WatchEvent | undefined {
  const before = previous !== undefined && selects(previous);
  const after = !deleted && selects(object);
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object };
  return before ? { type: 'DELETED', object } : undefined;
}
