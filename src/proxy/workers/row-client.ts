// A process's rows for one proxy: asks for each key once, whoever in the process wants it, and hands the row on when it is there.
import type { LimitSharing, SharedRow } from '#proxy/limits/limit-sharing';

type Joined = (row: SharedRow) => void;

export interface RowSource {
  /** `answer` is called once, perhaps before this returns; with nothing where there is no row to be had. */
  take(key: string, answer: (row: SharedRow | undefined) => void): void;
  leave(key: string): void;
}

interface Wanted {
  row: SharedRow | undefined;
  waiting: Joined[];
  /** Who holds it, or waits. */
  holders: number;
}

export class RowClient implements LimitSharing {
  private readonly wanted = new Map<string, Wanted>();
  private readonly forgotten = new FinalizationRegistry<{ key: string; wanted: Wanted }>((held) => this.release(held.key, held.wanted));

  constructor(
    readonly processes: number,
    private readonly source: RowSource,
  ) {}

  join(key: string, joined: Joined, owner?: object): void {
    let wanted = this.wanted.get(key);
    const first = wanted === undefined;
    if (wanted === undefined) this.wanted.set(key, (wanted = { row: undefined, waiting: [], holders: 0 }));
    wanted.holders++;
    if (owner !== undefined) this.forgotten.register(owner, { key, wanted });
    if (wanted.row !== undefined) joined(wanted.row);
    else wanted.waiting.push(joined);
    if (first) this.ask(key, wanted);
  }

  leave(key: string, joined: Joined): void {
    const wanted = this.wanted.get(key);
    if (wanted === undefined) return;
    wanted.waiting = wanted.waiting.filter((each) => each !== joined);
    this.release(key, wanted);
  }

  private ask(key: string, wanted: Wanted): void {
    this.source.take(key, (row) => {
      wanted.row = row;
      for (const joined of wanted.waiting.splice(0)) if (row !== undefined) joined(row);
    });
  }

  private release(key: string, wanted: Wanted): void {
    if (--wanted.holders > 0 || this.wanted.get(key) !== wanted) return;
    this.wanted.delete(key);
    this.source.leave(key);
  }
}
