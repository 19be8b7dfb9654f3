// A request's body on its way: what came before there was an upstream, and what a retry would have to send again. Bounded.
import type { BodySink } from './body-transform.ts';
import type { FieldList } from './head.ts';
import type { RequestPort } from './port.ts';

export class RequestBody {
  /** All of it has come. */
  ended = false;
  private chunks: Buffer[] = [];
  private bytes = 0;
  trailers: FieldList | undefined;
  private forgotten = false;

  constructor(private readonly bytesMax: number) {}

  get empty(): boolean {
    return this.bytes === 0 && this.trailers === undefined;
  }

  /** False: some of it is gone for good, and it cannot be sent again. */
  get whole(): boolean {
    return !this.forgotten;
  }

  add(buffer: Buffer, start: number, end: number): void {
    if (this.forgotten || start === end) return;
    this.chunks.push(Buffer.from(buffer.subarray(start, end)));
    this.bytes += end - start;
  }

  addTrailers(trailers: FieldList): void {
    this.trailers = trailers;
  }

  get size(): number {
    return this.bytes;
  }

  /** All that is here, in one piece. */
  contents(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Puts other bytes in the place of all that is here; trailers stay. */
  replace(contents: Buffer): void {
    this.chunks = contents.length === 0 ? [] : [contents];
    this.bytes = contents.length;
  }

  /** Gives everything to `sink` and keeps nothing; `ended`: that is all of the body. Returns how many bytes were delivered at once. */
  drainInto(sink: BodySink, ended: boolean): number {
    const { chunks, trailers } = this;
    this.chunks = [];
    this.bytes = 0;
    this.trailers = undefined;
    this.ended = false;
    let delivered = 0;
    for (const [i, chunk] of chunks.entries()) {
      delivered += sink.body(chunk, 0, chunk.length, ended && trailers === undefined && i === chunks.length - 1);
    }
    if (trailers !== undefined) sink.trailers(trailers);
    return delivered;
  }

  /** More than may be kept? Then it is only kept until it is sent. */
  get overfull(): boolean {
    return this.bytes > this.bytesMax;
  }

  forget(): void {
    this.forgotten = true;
    this.chunks = [];
    this.bytes = 0;
  }

  /** Sends what has come so far. Returns how many bytes of it the port has not delivered yet. */
  replay(port: RequestPort): number {
    let undelivered = 0;
    for (const [i, chunk] of this.chunks.entries()) {
      const fin = this.ended && this.trailers === undefined && i === this.chunks.length - 1;
      undelivered += chunk.length - port.body(chunk, 0, chunk.length, fin);
    }
    if (this.trailers !== undefined) port.trailers(this.trailers);
    return undelivered;
  }
}
