// Which row is whose: kept by the first process, for itself and its workers. A row is free again when all have left it. Pure.
import { rowsMax } from './row-table.ts';

interface Held {
  readonly index: number;
  readonly sinceMs: number;
  readonly holders: Set<number>;
}

export class RowLedger {
  private readonly held = new Map<string, Held>();
  private readonly free: number[] = [];
  /** Rows that were ever held: those above have never been written. */
  used = 0;

  /** `holder`: the number of a process. `fresh`: nobody has it yet. Undefined: there are none left. */
  take(key: string, holder: number, nowMs: number): { index: number; sinceMs: number; fresh: boolean } | undefined {
    const known = this.held.get(key);
    if (known !== undefined) {
      known.holders.add(holder);
      return { index: known.index, sinceMs: known.sinceMs, fresh: false };
    }
    const index = this.free.pop() ?? (this.used < rowsMax ? this.used++ : undefined);
    if (index === undefined) return undefined;
    this.held.set(key, { index, sinceMs: nowMs, holders: new Set([holder]) });
    return { index, sinceMs: nowMs, fresh: true };
  }

  leave(key: string, holder: number): void {
    const held = this.held.get(key);
    if (held === undefined) return;
    held.holders.delete(holder);
    if (held.holders.size > 0) return;
    this.held.delete(key);
    this.free.push(held.index);
  }

  /** A process has ended. */
  leaveAll(holder: number): void {
    for (const key of [...this.held.keys()]) this.leave(key, holder);
  }
}
