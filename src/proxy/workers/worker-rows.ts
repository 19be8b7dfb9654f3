// A worker's end of the limits that it keeps together with the first process: asks it for rows, and maps its memory when the first comes.
import type { Clock } from '#foundation/clock';
import { openSharedMemory } from '#net/shared-memory';
import type { LimitSharing, SharedRow } from '#proxy/limits/limit-sharing';
import type { RowFound, WorkerReport } from './messages.ts';
import { RowClient } from './row-client.ts';
import { RowTable, rowTableBytes } from './row-table.ts';

interface Asked {
  readonly processes: number;
  answer(row: SharedRow | undefined): void;
}

export class WorkerRows {
  /** By proxy and key. */
  private readonly asked = new Map<string, Asked>();
  private memory: Promise<ArrayBuffer> | undefined;

  constructor(private readonly options: { clock: Clock; send(report: WorkerReport): void }) {}

  sharingOf(id: string, processes: number): LimitSharing {
    const { send } = this.options;
    return new RowClient(processes, {
      take: (key, answer) => {
        this.asked.set(askedKey(id, key), { processes, answer });
        send({ type: 'row wanted', id, key });
      },
      leave: (key) => {
        this.asked.delete(askedKey(id, key));
        send({ type: 'row left', id, key });
      },
    });
  }

  /** Rejects where the first process's memory cannot be opened. */
  async receive(id: string, key: string, found: RowFound | undefined): Promise<void> {
    const receivedMs = this.options.clock.now();
    const bytes = found && (await (this.memory ??= openSharedMemory(found.path, rowTableBytes)));
    const asked = this.asked.get(askedKey(id, key));
    this.asked.delete(askedKey(id, key));
    if (found === undefined || bytes === undefined) asked?.answer(undefined);
    else asked?.answer(new RowTable(bytes, found.column).row(found.index, asked.processes, receivedMs - found.ageMs));
  }
}

function askedKey(id: string, key: string): string {
  return `${id} ${key}`;
}
