// The bytes that a connection has to send, gathered in large buffers until they are taken.
import { frameFlag, frameHeaderBytes, frameType, payloadBytesMax } from './frame.ts';

/** Room for four full frames. */
export const outputBufferBytes = 4 * (payloadBytesMax + frameHeaderBytes);
const spareMax = 32;

/** Output buffers of the connections of one proxy: an idle connection has none. */
export class OutputBuffers {
  private readonly spare: Buffer[] = [];

  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(outputBufferBytes);
  }

  giveBack(buffer: Buffer): void {
    if (this.spare.length < spareMax) this.spare.push(buffer);
  }
}

/** buffer[0, length); whoever takes it gives the buffer back. */
export interface OutputChunk {
  readonly buffer: Buffer;
  readonly length: number;
}

export class Output {
  /** What is being filled; undefined: nothing is. */
  private current: Buffer | undefined;
  private position = 0;
  private full: OutputChunk[] = [];
  private fullBytes = 0;

  /** `onFirst` is called when there is something to take, and there was nothing before. */
  constructor(
    private readonly buffers: OutputBuffers,
    private readonly onFirst: () => void,
  ) {}

  get bytes(): number {
    return this.fullBytes + this.position;
  }

  /** All that has gathered, in order. */
  take(): readonly OutputChunk[] {
    if (this.current !== undefined) this.close(this.current);
    const chunks = this.full;
    this.full = [];
    this.fullBytes = 0;
    return chunks;
  }

  /** Contiguous room for `bytes`, at `offset`; what is written there counts after `advance`. */
  reserve(bytes: number): Buffer {
    if (this.current !== undefined && this.position + bytes > this.current.length) this.close(this.current);
    if (this.current === undefined) {
      this.current = this.buffers.take();
      if (this.full.length === 0) this.onFirst();
    }
    return this.current;
  }

  get offset(): number {
    return this.position;
  }

  advance(bytes: number): void {
    this.position += bytes;
  }

  private close(buffer: Buffer): void {
    this.full.push({ buffer, length: this.position });
    this.fullBytes += this.position;
    this.current = undefined;
    this.position = 0;
  }

  bytesOf(source: Buffer): void {
    const buffer = this.reserve(source.length);
    source.copy(buffer, this.position);
    this.position += source.length;
  }

  /** The header of a frame; its payload of `length` follows, in the same room. */
  frameHeader(length: number, type: number, flags: number, stream: number): void {
    const buffer = this.reserve(frameHeaderBytes + length);
    writeFrameHeader(buffer, this.position, length, type, flags, stream);
    this.position += frameHeaderBytes;
  }

  uint16(value: number): void {
    this.position = this.current!.writeUInt16BE(value, this.position);
  }

  uint32(value: number): void {
    this.position = this.current!.writeUInt32BE(value, this.position);
  }

  /** source[start, end) in as many DATA frames as it takes, at least one. */
  data(stream: number, source: Buffer, start: number, end: number, fin: boolean): void {
    let from = start;
    do {
      const length = Math.min(end - from, payloadBytesMax);
      const last = from + length === end;
      this.frameHeader(length, frameType.data, fin && last ? frameFlag.endStream : 0, stream);
      if (length > 0) source.copy(this.current!, this.position, from, from + length);
      this.position += length;
      from += length;
    } while (from < end);
  }

  /** A header block that did not fit into the frame reserved for it. */
  largeBlock(stream: number, block: Buffer, fin: boolean): void {
    for (let from = 0; from < block.length; from += payloadBytesMax) {
      const length = Math.min(block.length - from, payloadBytesMax);
      const flags = (from + length === block.length ? frameFlag.endHeaders : 0) | (from === 0 && fin ? frameFlag.endStream : 0);
      this.frameHeader(length, from === 0 ? frameType.headers : frameType.continuation, flags, stream);
      block.copy(this.current!, this.position, from, from + length);
      this.position += length;
    }
  }
}

export function writeFrameHeader(buffer: Buffer, at: number, length: number, type: number, flags: number, stream: number): void {
  buffer[at] = length >>> 16;
  buffer[at + 1] = length >>> 8;
  buffer[at + 2] = length;
  buffer[at + 3] = type;
  buffer[at + 4] = flags;
  buffer[at + 5] = stream >>> 24;
  buffer[at + 6] = stream >>> 16;
  buffer[at + 7] = stream >>> 8;
  buffer[at + 8] = stream;
}
