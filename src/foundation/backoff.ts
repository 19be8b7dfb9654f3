// How long to wait before the next try: doubling, with full jitter, up to a limit.
import type { Random } from '#foundation/random';

export class Backoff {
  private tries = 0;

  constructor(private readonly options: { random: Random; delayMsMin: number; delayMsMax: number }) {}

  /** Milliseconds to wait now. Between half and the whole of min * 2^tries, never above the limit. */
  next(): number {
    const { delayMsMin, delayMsMax, random } = this.options;
    const ceiling = Math.min(delayMsMax, delayMsMin * 2 ** this.tries);
    this.tries = Math.min(this.tries + 1, 30);
    return ceiling / 2 + (random.next() * ceiling) / 2;
  }

  /** To be called when a try succeeded. */
  reset(): void {
    this.tries = 0;
  }
}
