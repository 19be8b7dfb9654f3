// Spreads turns over items by weight, evenly in time: earliest deadline first, as Envoy does. Each turn moves an item's deadline on by
// the inverse of its weight at that moment. O(log n) a turn.
import type { Random } from '#foundation/random';

export class WeightedSchedule<T> {
  /** A heap by deadline. */
  private readonly items: T[] = [];
  private readonly deadlines: number[] = [];

  /** `weightOf` is asked at every turn of an item, and must be above 0. The first deadlines are random: who starts together does not march in step. */
  constructor(
    items: readonly T[],
    private readonly weightOf: (item: T) => number,
    random: Random,
  ) {
    const first = items.map((item) => ({ item, deadline: (1 - random.next()) / weightOf(item) })).sort((a, b) => a.deadline - b.deadline);
    for (const { item, deadline } of first) {
      this.items.push(item);
      this.deadlines.push(deadline);
    }
  }

  next(): T {
    const item = this.items[0]!;
    this.sink(item, this.deadlines[0]! + 1 / this.weightOf(item));
    return item;
  }

  /** Puts the first item where its new deadline belongs. */
  private sink(item: T, deadline: number): void {
    const { items, deadlines } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && deadlines[child + 1]! < deadlines[child]!) child++;
      if (deadlines[child]! >= deadline) break;
      items[at] = items[child]!;
      deadlines[at] = deadlines[child]!;
      at = child;
    }
    items[at] = item;
    deadlines[at] = deadline;
  }
}
