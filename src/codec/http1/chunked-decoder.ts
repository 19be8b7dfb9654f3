// The chunked coding, decoded without I/O: RFC 9112 section 7.1, read strictly. Data is handed out as spans of the input.
import { CR, HTAB, hexDigit, LF, SP, valueByte } from './characters.ts';
import { HeadSpans } from './head-spans.ts';
import { headError, parseTrailers } from './parse-head.ts';

export interface ChunkedSink {
  /** Bytes of the body: buffer[start, end), never empty. */
  chunkData(buffer: Buffer, start: number, end: number): void;
}

/** Below zero, as `HeadError` is. */
export const chunkError = -20;

/** Bounds: a chunk's size in hexadecimal digits, all the extensions of one body, the trailers. */
const sizeDigitsMax = 12;
const extensionBytesMax = 4096;
const trailerBytesMax = 16_384;
const trailersMax = 64;

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers';

export class ChunkedDecoder {
  /** After the end: the trailers, if `trailers.count` > 0. */
  readonly trailers = new HeadSpans();
  private state: State = 'size';
  private left = 0;
  private digits = 0;
  private extensionBytes = 0;
  private held: Buffer | undefined;

  reset(): void {
    this.state = 'size';
    this.left = 0;
    this.digits = 0;
    this.extensionBytes = 0;
    this.held = undefined;
    this.trailers.reset();
  }

  /** Returns the offset behind the body's last byte; 0 when more is to come; below 0 when it is malformed. */
  feed(buffer: Buffer, start: number, end: number, sink: ChunkedSink): number {
    let i = start;
    while (i < end) {
      if (this.state === 'data') {
        const stop = Math.min(end, i + this.left);
        this.left -= stop - i;
        if (this.left === 0) this.state = 'data-cr';
        sink.chunkData(buffer, i, stop);
        i = stop;
      } else if (this.state === 'trailers') {
        return this.feedTrailers(buffer, i, end);
      } else if (!this.feedByte(buffer[i++]!)) {
        return chunkError;
      }
    }
    return 0;
  }

  /** False: malformed. */
  private feedByte(byte: number): boolean {
    switch (this.state) {
      case 'size': {
        const digit = hexDigit[byte]!;
        if (digit !== 255) {
          this.left = this.left * 16 + digit;
          return ++this.digits <= sizeDigitsMax;
        }
        if (this.digits === 0) return false;
        if (byte === CR) this.state = 'size-lf';
        // Space before an extension is "bad whitespace" that a recipient may refuse; Envoy and nginx differ on it.
        else if (byte === 59) this.state = 'extension';
        else return false;
        return true;
      }
      case 'extension':
        if (byte === CR) this.state = 'size-lf';
        else if (valueByte[byte] === 0 && byte !== HTAB && byte !== SP) return false;
        return ++this.extensionBytes <= extensionBytesMax;
      case 'size-lf':
        this.state = this.left === 0 ? 'trailers' : 'data';
        this.digits = 0;
        return byte === LF;
      case 'data-cr':
        this.state = 'data-lf';
        return byte === CR;
      default:
        this.state = 'size';
        return byte === LF;
    }
  }

  private feedTrailers(buffer: Buffer, start: number, end: number): number {
    // Nearly always the empty line alone: no trailers.
    if (this.held === undefined && end - start >= 2 && buffer[start] === CR && buffer[start + 1] === LF) return start + 2;
    const before = this.held?.length ?? 0;
    const bytes =
      this.held === undefined ? Buffer.from(buffer.subarray(start, end)) : Buffer.concat([this.held, buffer.subarray(start, end)]);
    const stop = parseTrailers(bytes, this.trailers, { headBytesMax: trailerBytesMax, headersMax: trailersMax });
    if (stop < 0) return stop;
    if (stop > 0) return start + stop - before;
    this.held = bytes;
    return bytes.length > trailerBytesMax ? headError.tooLarge : 0;
  }
}
