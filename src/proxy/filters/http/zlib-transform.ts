// A body through node:zlib, which works on other threads: what is not read by the other side is not made either.
import type { Transform } from 'node:stream';
import { BodyTransform } from '#proxy/http/body-transform';
import type { FieldList } from '#proxy/http/head';
import { noBytes } from '#proxy/http/port';

export class ZlibTransform extends BodyTransform {
  private last: FieldList | undefined;

  /** `onError`: the input is not what it was said to be. */
  constructor(
    private readonly zlib: Transform,
    onError: () => void,
  ) {
    super();
    zlib.on('data', (chunk: Buffer) => {
      this.emit(chunk, false);
      this.flush();
      if (!this.read) zlib.pause();
    });
    zlib.on('end', () => this.finish());
    zlib.on('error', onError);
  }

  protected transform(buffer: Buffer, start: number, end: number, fin: boolean): void {
    if (end > start) {
      this.working++;
      this.zlib.write(Buffer.from(buffer.subarray(start, end)), () => {
        this.working--;
        this.settle();
      });
    }
    if (fin) this.zlib.end();
  }

  override trailers(trailers: FieldList): void {
    this.last = trailers;
    this.zlib.end();
  }

  override drained(bytes: number): void {
    super.drained(bytes);
    if (this.read) this.zlib.resume();
  }

  override close(): void {
    this.zlib.destroy();
  }

  private finish(): void {
    if (this.last === undefined) this.emit(noBytes, true);
    else this.emitTrailers(this.last);
    this.flush();
  }
}
