// Cuts the bytes of a connection into frames. DATA is passed on as it comes; other frames when they are whole, which bounds what is
// kept to one frame.
import { type FrameHeader, frameFlag, frameHeaderBytes, frameType, payloadBytesMax } from './frame.ts';

/** What a frame is given to. Returning false ends the reading: the connection has failed. */
export interface FrameSink {
  /** Longer than we allow. */
  oversized(header: FrameHeader): false;
  /** A DATA frame begins; `padding` bytes of it will not be passed on, nor its length; -1: more padding than frame. */
  dataBegins(header: FrameHeader, padding: number): boolean;
  /** Payload of the DATA frame that began; `last`: all of it has come. Called at least once a frame. */
  data(buffer: Buffer, start: number, end: number, last: boolean): boolean;
  /** Any other frame: its payload is buffer[start, end). */
  frame(header: FrameHeader, buffer: Buffer, start: number, end: number): boolean;
}

export class FrameReader {
  private readonly header: FrameHeader = { type: 0, flags: 0, stream: 0, length: 0 };
  /** Of the DATA frame under way. */
  private inData = false;
  private dataLeft = 0;
  private paddingLeft = 0;
  /** A frame, or its header, of which `heldBytes` have come. */
  private held: Buffer | undefined;
  private heldBytes = 0;
  private stopped = false;

  constructor(private readonly sink: FrameSink) {}

  /** In the middle of a frame other than DATA: its sender owes us the rest. */
  get midFrame(): boolean {
    return this.held !== undefined;
  }

  feed(buffer: Buffer, start: number, end: number): void {
    let i = start;
    while (!this.stopped) {
      if (this.inData) {
        if (i === end && this.dataLeft > 0) return;
        i = this.readData(buffer, i, end);
      } else if (i === end) {
        return;
      } else if (this.paddingLeft > 0) {
        const skipped = Math.min(this.paddingLeft, end - i);
        this.paddingLeft -= skipped;
        i += skipped;
      } else {
        i = this.held === undefined ? this.readFrame(buffer, i, end) : this.complete(this.held, buffer, i, end);
      }
    }
  }

  private readData(buffer: Buffer, start: number, end: number): number {
    const stop = Math.min(end, start + this.dataLeft);
    this.dataLeft -= stop - start;
    this.inData = this.dataLeft > 0;
    if (!this.sink.data(buffer, start, stop, !this.inData)) this.stopped = true;
    return stop;
  }

  /** A frame begins at `start`. Returns where the next part begins. */
  private readFrame(buffer: Buffer, start: number, end: number): number {
    if (end - start < frameHeaderBytes) return this.hold(buffer, start, end, frameHeaderBytes);
    const { header, sink } = this;
    const length = (buffer[start]! << 16) | (buffer[start + 1]! << 8) | buffer[start + 2]!;
    header.length = length;
    header.type = buffer[start + 3]!;
    header.flags = buffer[start + 4]!;
    header.stream = ((buffer[start + 5]! & 127) << 24) | (buffer[start + 6]! << 16) | (buffer[start + 7]! << 8) | buffer[start + 8]!;
    if (length > payloadBytesMax) {
      this.stopped = true;
      sink.oversized(header);
      return end;
    }
    const payload = start + frameHeaderBytes;
    if (header.type === frameType.data) return this.beginData(buffer, start, payload, end);
    const stop = payload + length;
    if (stop > end) return this.hold(buffer, start, end, frameHeaderBytes + length);
    if (!sink.frame(header, buffer, payload, stop)) this.stopped = true;
    return stop;
  }

  private beginData(buffer: Buffer, start: number, payload: number, end: number): number {
    const { header } = this;
    const padded = (header.flags & frameFlag.padded) !== 0;
    if (padded && header.length > 0 && payload === end) return this.hold(buffer, start, end, frameHeaderBytes + 1);
    const padding = padded && header.length > 0 ? buffer[payload]! : 0;
    const overhead = padded ? padding + 1 : 0;
    if (!this.sink.dataBegins(header, overhead > header.length ? -1 : padding)) {
      this.stopped = true;
      return end;
    }
    this.inData = true;
    this.dataLeft = header.length - overhead;
    this.paddingLeft = padding;
    return padded ? payload + 1 : payload;
  }

  private hold(buffer: Buffer, start: number, end: number, bytes: number): number {
    this.held = Buffer.allocUnsafe(bytes);
    this.heldBytes = buffer.copy(this.held, 0, start, end);
    return end;
  }

  /** Adds to what is held; once it is all there, reads it, which may show that more belongs to it. */
  private complete(held: Buffer, buffer: Buffer, start: number, end: number): number {
    const copied = buffer.copy(held, this.heldBytes, start, end);
    this.heldBytes += copied;
    if (this.heldBytes === held.length) {
      this.held = undefined;
      this.readFrame(held, 0, held.length);
    }
    return start + copied;
  }
}
