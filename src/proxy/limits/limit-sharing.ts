// How the processes that serve one proxy keep its limits together: each has a row of numbers of its own for what it has taken, and sees
// what the others have. Nobody waits for anybody: a row is read and written in place. Implemented by workers/, used by upstream/ and filters/.

/** Numbers in a row. */
export const rowCells = 4;

export interface SharedRow {
  /** Of this process, who alone writes it. */
  readonly own: Float64Array;
  /** On this process's clock: when the first process asked for the row. */
  readonly sinceMs: number;
  /** The sum of what the other processes have in that cell at this moment. */
  others(cell: number): number;
}

export interface LimitSharing {
  /** Among how many a limit is divided by who has no row: each may take its share then. */
  readonly processes: number;
  /**
   * Rows of one key belong together. `joined` is called when there is one: soon, or never where there is no memory to share. `owner`: the
   * row is left when that is garbage, which `joined` may keep from being so until it has been called.
   */
  join(key: string, joined: (row: SharedRow) => void, owner?: object): void;
  /** The row is not written any more; `joined` is not called after. */
  leave(key: string, joined: (row: SharedRow) => void): void;
}

/** Of a proxy in one process. */
export const unshared: LimitSharing = { processes: 1, join: () => {}, leave: () => {} };
