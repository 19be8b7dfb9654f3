// A header block on its way: HEADERS and the CONTINUATION frames behind it. Bounded in bytes and in frames.
import type { FrameHeader } from './frame.ts';
import { continuationsMax } from './limits.ts';

export class HeaderBlock {
  readonly stream: number;
  /** Of the HEADERS frame. */
  readonly flags: number;
  private readonly parts: Buffer[] = [];
  private bytes = 0;

  constructor(
    header: FrameHeader,
    private readonly bytesMax: number,
  ) {
    this.stream = header.stream;
    this.flags = header.flags;
  }

  /** False: it is too long. */
  add(buffer: Buffer, start: number, end: number): boolean {
    this.parts.push(Buffer.from(buffer.subarray(start, end)));
    this.bytes += end - start;
    return this.bytes <= this.bytesMax && this.parts.length <= continuationsMax + 1;
  }

  whole(): Buffer {
    return Buffer.concat(this.parts, this.bytes);
  }
}
