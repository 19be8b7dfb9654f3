// The first process's end of the limits that it keeps together with its workers: makes the memory when the first row is wanted, and says
// which row is whose. Without shared memory (no Linux, no koffi) nobody has a row, and each process its share.
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import { createSharedMemory } from '#net/shared-memory';
import type { LimitSharing } from '#proxy/limits/limit-sharing';
import type { RowFound } from './messages.ts';
import { RowClient } from './row-client.ts';
import { RowLedger } from './row-ledger.ts';
import { hasColumn, RowTable, rowTableBytes } from './row-table.ts';

/** The first process's column; workers follow. */
const ownColumn = 0;

interface Memory {
  readonly table: RowTable;
  readonly path: string;
}

export class SharedRows {
  private readonly ledger = new RowLedger();
  private memory: Promise<Memory | undefined> | undefined;
  /** Of those who have asked. */
  private columns = 0;

  constructor(private readonly options: { clock: Clock; logger: Logger }) {}

  /** This process's part in the limits of a proxy. */
  sharingOf(proxy: string, processes: number): LimitSharing {
    return new RowClient(processes, {
      take: (key, answer) =>
        void this.take(proxy, key, ownColumn).then(async (found) => {
          const memory = await this.memory;
          answer(found && memory?.table.row(found.index, processes, this.options.clock.now() - found.ageMs));
        }),
      leave: (key) => this.leave(proxy, key, ownColumn),
    });
  }

  /** Undefined: there is none, for want of memory or of rows. */
  async take(proxy: string, key: string, column: number): Promise<RowFound | undefined> {
    const { clock } = this.options;
    const taken = hasColumn(column) ? this.ledger.take(rowKey(proxy, key), column, clock.now()) : undefined;
    if (taken !== undefined) this.columns = Math.max(this.columns, column + 1);
    const memory = await (this.memory ??= this.map());
    if (taken === undefined || memory === undefined) return undefined;
    // Before anybody has been told of it.
    if (taken.fresh) memory.table.clearRow(taken.index, this.columns);
    return { index: taken.index, ageMs: clock.now() - taken.sinceMs, column, path: memory.path };
  }

  leave(proxy: string, key: string, column: number): void {
    this.ledger.leave(rowKey(proxy, key), column);
  }

  /** A worker has ended, and what it had under way with it. */
  async ended(column: number): Promise<void> {
    this.ledger.leaveAll(column);
    if (hasColumn(column)) (await this.memory)?.table.clearColumn(column, this.ledger.used);
  }

  private async map(): Promise<Memory | undefined> {
    try {
      const { bytes, path } = await createSharedMemory(rowTableBytes);
      return { table: new RowTable(bytes, ownColumn), path };
    } catch (thrown) {
      this.options.logger.warn(
        { error: messageOf(thrown) },
        'no memory to share with workers: each process takes its share of every limit',
      );
      return undefined;
    }
  }
}

function rowKey(proxy: string, key: string): string {
  return `${proxy} ${key}`;
}
