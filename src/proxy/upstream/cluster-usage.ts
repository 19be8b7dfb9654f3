// What a cluster has under way, which its circuit breaker bounds: in this process, and in all that serve the proxy. Read for every request.
import { type LimitSharing, rowCells, type SharedRow } from '#proxy/limits/limit-sharing';

/** Which number is where in a row. */
export const usageCell = { connections: 0, pendingRequests: 1, requests: 2, retries: 3 } as const;
type UsageCell = (typeof usageCell)[keyof typeof usageCell];

export class ClusterUsage {
  /** By `usageCell`; shared memory where the cluster has a row there. */
  own: Float64Array = new Float64Array(rowCells);
  private row: SharedRow | undefined;

  /** `processes`: how many have a share of each limit while there is no row. */
  constructor(private readonly processes = 1) {}

  /** Of all processes, as far as this one knows. */
  total(cell: UsageCell): number {
    return this.row === undefined ? this.own[cell]! : this.own[cell]! + this.row.others(cell);
  }

  /** Two processes may both see the last place free, and take it: past `max` by no more than the others' number. */
  reaches(cell: UsageCell, max: number): boolean {
    return this.row === undefined ? this.own[cell]! >= max / this.processes : this.total(cell) >= max;
  }

  /** Seen by the others until `leave`. */
  join(sharing: LimitSharing, key: string): void {
    sharing.join(key, this.joined);
  }

  /** What is still under way counts here alone. */
  leave(sharing: LimitSharing, key: string): void {
    const { own, row } = this;
    if (row !== undefined) {
      this.own = Float64Array.from(own);
      own.fill(0);
      this.row = undefined;
    }
    sharing.leave(key, this.joined);
  }

  private readonly joined = (row: SharedRow): void => {
    row.own.set(this.own);
    this.own = row.own;
    this.row = row;
  };
}
