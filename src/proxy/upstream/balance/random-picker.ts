// Random: by chance alone, in proportion to weights.
import type { Random } from '#foundation/random';
import type { Endpoint } from '../endpoint.ts';
import type { Candidate, Picker } from './picker.ts';

export class RandomPicker implements Picker {
  /** What the weights up to and with each candidate add up to. */
  private readonly sums: readonly number[];

  constructor(
    private readonly candidates: readonly Candidate[],
    private readonly random: Random,
  ) {
    let sum = 0;
    this.sums = candidates.map(({ weight }) => (sum += weight));
  }

  pick(): Endpoint {
    const { sums, candidates } = this;
    const draw = this.random.next() * sums.at(-1)!;
    let low = 0;
    let high = candidates.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (draw < sums[middle]!) high = middle;
      else low = middle + 1;
    }
    return candidates[low]!.endpoint;
  }
}
