// Holds a response's body back, whole or what has come of it, until a filter has decided what becomes of the head. A transform like others:
// it stands in the way of the body, and afterwards is in nobody's.
import { BodyTransform } from './body-transform.ts';
import type { FieldList } from './head.ts';

export class HeldBody extends BodyTransform {
  private chunks: Buffer[] = [];
  private bytes = 0;
  /** Those that came; undefined: none have. */
  trailersHeld: FieldList | undefined;
  private ended = false;
  private released = false;
  /** All of it is wanted; until then the source waits, once something has come. */
  private wanted: { bytesMax: number; whole: () => void; overflow: () => void } | undefined;

  /** `onClose`: the stream has ended. */
  constructor(private readonly onClose: () => void) {
    super();
  }

  /** The whole of it is here. */
  get whole(): boolean {
    return this.ended || this.trailersHeld !== undefined;
  }

  contents(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Calls `whole` once all is here; or `overflow` when that is more than `bytesMax` bytes, and what is there stays. */
  want(bytesMax: number, whole: () => void, overflow: () => void): void {
    this.wanted = { bytesMax, whole, overflow };
    // The source is to send on, although nobody has taken what came.
    this.working = 0;
    this.settle();
    this.check();
  }

  replace(contents: Buffer): void {
    this.chunks = [contents];
    this.bytes = contents.length;
  }

  /** In the place of those that came. */
  replaceTrailers(trailers: FieldList): void {
    this.trailersHeld = trailers;
  }

  /** From here on it passes. */
  release(): void {
    this.released = true;
    this.wanted = undefined;
    this.working = 0;
    const { chunks, ended, trailersHeld } = this;
    this.chunks = [];
    for (const [i, chunk] of chunks.entries()) this.emit(chunk, ended && i === chunks.length - 1);
    if (ended && chunks.length === 0) this.emit(Buffer.alloc(0), true);
    if (trailersHeld !== undefined) this.emitTrailers(trailersHeld);
    this.settle();
  }

  protected transform(buffer: Buffer, start: number, end: number, fin: boolean): void {
    const chunk = buffer.subarray(start, end);
    if (this.released) {
      this.emit(chunk, fin);
      return;
    }
    this.chunks.push(Buffer.from(chunk));
    this.bytes += chunk.length;
    this.ended = fin;
    this.working = this.wanted === undefined ? 1 : 0;
    this.check();
  }

  override trailers(trailers: FieldList): void {
    if (this.released) {
      super.trailers(trailers);
      return;
    }
    this.trailersHeld = trailers;
    this.check();
  }

  override close(): void {
    this.onClose();
  }

  private check(): void {
    const { wanted } = this;
    if (wanted === undefined) return;
    if (this.bytes > wanted.bytesMax) {
      this.wanted = undefined;
      wanted.overflow();
    } else if (this.whole) {
      this.wanted = undefined;
      wanted.whole();
    }
  }
}
