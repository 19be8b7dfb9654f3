// Takes a body out of the bytes of a connection, by the framing of its head, and hands it to the port that wants it. Keeps count of
// what the port has not delivered yet. One per connection, for one message after the other.
import { ChunkedDecoder, type ChunkedSink } from '#codec/http1/chunked-decoder';
import type { Framing } from '#codec/http1/framing';
import type { HeadSpans } from '#codec/http1/head-spans';
import type { FieldList } from './head.ts';
import { noBytes } from './port.ts';

/** What a port's part for bodies is, whichever direction. */
interface BodyPort {
  body(buffer: Buffer, start: number, end: number, fin: boolean): number;
  trailers(trailers: FieldList): void;
}

/** More than this known to be still to come: worth a read buffer of its own. */
const largeBytesMin = 16_384;

/** Fields that say what a message is; in trailers they could only mislead (RFC 9110 section 6.5.1). */
const forbiddenTrailers = new Set(['content-length', 'transfer-encoding', 'host', 'connection', 'trailer', 'te', 'upgrade']);

export class BodyReader implements ChunkedSink {
  /** Bytes that the port took but did not deliver. */
  undelivered = 0;
  private kind: Framing['kind'] = 'none';
  private left = 0;
  private port: BodyPort | undefined;
  private decoder: ChunkedDecoder | undefined;

  begin(framing: Framing, port: BodyPort): void {
    this.kind = framing.kind;
    this.port = port;
    this.undelivered = 0;
    this.left = framing.kind === 'length' ? framing.length : 0;
    if (framing.kind === 'chunked') {
      this.decoder ??= new ChunkedDecoder();
      this.decoder.reset();
    }
  }

  /** Nobody wants the rest. */
  detach(): void {
    this.port = undefined;
    this.undelivered = 0;
  }

  /** The end of the connection is the end of this body. */
  get endsWithConnection(): boolean {
    return this.kind === 'close' || this.kind === 'tunnel';
  }

  get tunnel(): boolean {
    return this.kind === 'tunnel';
  }

  /** True while a body is long enough for a read buffer of its own. */
  get large(): boolean {
    return this.left > largeBytesMin || this.kind === 'close' || this.kind === 'tunnel';
  }

  /**
   * Reads buffer[start, end). Returns the offset behind the body's last byte, once that came (the port has then had its `fin`, and may
   * have begun another message); 0 when more is to come; below 0 when the body is malformed.
   */
  feed(buffer: Buffer, start: number, end: number): number {
    switch (this.kind) {
      case 'length': {
        const stop = Math.min(end, start + this.left);
        this.left -= stop - start;
        const fin = this.left === 0;
        this.pass(buffer, start, stop, fin);
        return fin ? stop : 0;
      }
      case 'chunked': {
        const decoder = this.decoder!;
        const stop = decoder.feed(buffer, start, end, this);
        if (stop > 0) this.finishChunked(decoder.trailers);
        return stop;
      }
      default:
        this.pass(buffer, start, end, false);
        return 0;
    }
  }

  chunkData(buffer: Buffer, start: number, end: number): void {
    this.pass(buffer, start, end, false);
  }

  private finishChunked(trailers: HeadSpans): void {
    if (trailers.count === 0) {
      this.pass(noBytes, 0, 0, true);
      return;
    }
    const fields: [string, string][] = [];
    for (let line = 0; line < trailers.count; line++) {
      const name = trailers.name(line);
      if (!forbiddenTrailers.has(name)) fields.push([name, trailers.value(line)]);
    }
    this.port?.trailers(fields);
  }

  private pass(buffer: Buffer, start: number, end: number, fin: boolean): void {
    const { port } = this;
    if (port === undefined) return;
    const accepted = port.body(buffer, start, end, fin);
    // The last part may have led to the next message, which counts for itself.
    if (this.port === port && !fin) this.undelivered += end - start - accepted;
  }
}
