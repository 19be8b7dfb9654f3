// Which streams ended not long ago, and how: what still comes for them may have been sent before the peer heard of it.

/** Frames for streams that ended longer ago are errors. */
const rememberedMax = 64;

export class ClosedStreams {
  /** A ring of ids; those that we reset are negative. */
  private ring: Int32Array | undefined;
  private next = 0;

  add(stream: number, resetByUs: boolean): void {
    this.ring ??= new Int32Array(rememberedMax);
    this.ring[this.next] = resetByUs ? -stream : stream;
    this.next = (this.next + 1) % rememberedMax;
  }

  /** We reset it: the peer may not know yet. */
  wasReset(stream: number): boolean {
    return this.ring?.includes(-stream) ?? false;
  }

  /** It was open once, as opposed to skipped. */
  has(stream: number): boolean {
    return this.ring !== undefined && (this.ring.includes(stream) || this.ring.includes(-stream));
  }
}
