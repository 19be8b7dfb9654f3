// How many requests there were within the last while: what a retry budget with an interval counts. Pure; written for every request.

const slotCount = 10;

/** To a tenth of its interval. */
export class RequestWindow {
  private readonly counts = new Float64Array(slotCount);
  /** Of each count: which tenth it is of, since the clock began. */
  private readonly tenths = new Float64Array(slotCount).fill(Number.NEGATIVE_INFINITY);

  constructor(readonly intervalMs: number) {}

  /** Times do not go back. */
  note(nowMs: number): void {
    const tenth = this.tenthOf(nowMs);
    const slot = tenth % slotCount;
    if (this.tenths[slot] !== tenth) {
      this.tenths[slot] = tenth;
      this.counts[slot] = 0;
    }
    this.counts[slot]!++;
  }

  count(nowMs: number): number {
    const oldest = this.tenthOf(nowMs) - slotCount;
    let sum = 0;
    for (let i = 0; i < slotCount; i++) if (this.tenths[i]! > oldest) sum += this.counts[i]!;
    return sum;
  }

  private tenthOf(ms: number): number {
    return Math.floor((ms * slotCount) / this.intervalMs);
  }
}
