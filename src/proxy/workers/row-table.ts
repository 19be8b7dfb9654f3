// Rows of numbers in memory that the processes of a proxy share: a column of rows for each process, so that no two write to the same place
// in it. Pure, but for the memory.
import { rowCells, type SharedRow } from '#proxy/limits/limit-sharing';

export const rowsMax = 16_384;
const processesMax = 64;
const columnCells = rowsMax * rowCells;

/** Of which only what is written to takes memory. */
export const rowTableBytes = processesMax * columnCells * Float64Array.BYTES_PER_ELEMENT;

export class RowTable {
  private readonly cells: Float64Array;

  /** `column`: of this process. */
  constructor(
    bytes: ArrayBuffer,
    private readonly column: number,
  ) {
    this.cells = new Float64Array(bytes);
  }

  /** Of the processes with the columns below `processes`. */
  row(index: number, processes: number, sinceMs: number): SharedRow {
    const { cells, column } = this;
    const place = (of: number) => of * columnCells + index * rowCells;
    const start = place(column);
    return {
      own: cells.subarray(start, start + rowCells),
      sinceMs,
      others(cell) {
        let sum = 0;
        for (let other = 0; other < processes; other++) if (other !== column) sum += cells[place(other) + cell]!;
        return sum;
      },
    };
  }

  /** Nobody has anything in it. `processes`: those with a lower column alone have ever had; of others, even a look would take memory. */
  clearRow(index: number, processes: number): void {
    for (let column = 0; column < processes; column++) {
      const start = column * columnCells + index * rowCells;
      this.cells.fill(0, start, start + rowCells);
    }
  }

  /** What a process had that has ended. `rows`: as many as are in use at most. */
  clearColumn(column: number, rows: number): void {
    this.cells.fill(0, column * columnCells, column * columnCells + rows * rowCells);
  }
}

/** A process without a column takes its share. */
export function hasColumn(column: number): boolean {
  return column < processesMax;
}
