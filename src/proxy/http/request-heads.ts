// Heads for requests to be parsed into: their arrays and the text that they keep are 2 KB, which an idle connection does without.
import { RawRequestHead } from './raw-head.ts';

const spareMax = 64;

export class RequestHeads {
  private readonly spare: RawRequestHead[] = [];

  take(): RawRequestHead {
    return this.spare.pop() ?? new RawRequestHead();
  }

  /** Nobody looks at it any more. */
  giveBack(head: RawRequestHead): void {
    if (this.spare.length >= spareMax) return;
    head.spans.reset();
    this.spare.push(head);
  }
}
