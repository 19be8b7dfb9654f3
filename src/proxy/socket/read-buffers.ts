// Where sockets read into. One buffer shared by all sockets of a proxy serves small messages: what is read is parsed and
// passed on before the next read. A large body reads into a buffer of its own, which may be written from without a copy and is
// swapped for another only while such a write is pending. Who has read much keeps it for the next message, as long as few do.
import type { OnReadOpts } from 'node:net';

const sharedBytes = 65_536;
const ownBytes = 524_288;
const spareMax = 8;
/** No more than this are out because of what may come. */
const keptMax = 16;
/** A read of so much is part of something large: it would not fit a record of TLS. */
const largeReadBytes = 16_384;

export class ReadBuffers {
  readonly shared = Buffer.allocUnsafeSlow(sharedBytes);
  private readonly spare: Buffer[] = [];
  /** Buffers of their own that some socket reads into, or a pending write still needs; and by how many writes. */
  private readonly pendingWrites = new Map<Buffer, number>();

  take(): Buffer {
    const buffer = this.spare.pop() ?? Buffer.allocUnsafeSlow(ownBytes);
    this.pendingWrites.set(buffer, 0);
    return buffer;
  }

  /** The reader reads into it no more. It becomes spare when the last pending write is done. */
  giveBack(buffer: Buffer): void {
    if (this.pendingWrites.get(buffer) === 0) this.recycle(buffer);
    else this.abandoned.add(buffer);
  }

  /** One may be had without a need for it. */
  get plenty(): boolean {
    return this.pendingWrites.size < keptMax;
  }

  /** True for a buffer that may be written from in place; false for the shared one and for foreign ones. */
  mayLend(buffer: Buffer): boolean {
    return this.pendingWrites.has(buffer);
  }

  lend(buffer: Buffer): void {
    this.pendingWrites.set(buffer, this.pendingWrites.get(buffer)! + 1);
  }

  returned(buffer: Buffer): void {
    const left = this.pendingWrites.get(buffer)! - 1;
    this.pendingWrites.set(buffer, left);
    if (left === 0 && this.abandoned.delete(buffer)) this.recycle(buffer);
  }

  isLent(buffer: Buffer): boolean {
    return this.pendingWrites.get(buffer) !== 0;
  }

  private readonly abandoned = new Set<Buffer>();

  private recycle(buffer: Buffer): void {
    this.pendingWrites.delete(buffer);
    if (this.spare.length < spareMax) this.spare.push(buffer);
  }
}

/** What one socket reads into: the shared buffer, or while `large` is set, one of its own. */
export class SocketReader {
  /** Set when much is to come: from the next read on. */
  large = false;
  /** The last message was large: the next may be. */
  private lastLarge = false;
  private current: Buffer | undefined;

  /** `onData` must not keep the buffer: after it returns, the bytes change. */
  constructor(
    private readonly buffers: ReadBuffers,
    public onData: (buffer: Buffer, length: number) => void,
  ) {}

  /** For `net.connect` and `new net.Socket`. */
  options(): OnReadOpts {
    return {
      // Node asks for the next buffer after each read; undefined keeps the one it has.
      buffer: () => this.next() as Buffer,
      callback: (length, buffer) => {
        if (length >= largeReadBytes) this.lastLarge = true;
        else if (!this.large) this.lastLarge = false;
        this.onData(buffer as Buffer, length);
        return true;
      },
    };
  }

  /** The socket is closed. */
  release(): void {
    if (this.current !== undefined && this.current !== this.buffers.shared) this.buffers.giveBack(this.current);
    this.current = undefined;
  }

  private next(): Buffer | undefined {
    const { current, buffers } = this;
    const own = current !== undefined && current !== buffers.shared;
    if (this.large || (this.lastLarge && (own || buffers.plenty))) {
      if (own && !buffers.isLent(current)) return undefined;
      if (own) buffers.giveBack(current);
      return (this.current = buffers.take());
    }
    if (current === buffers.shared) return undefined;
    if (own) buffers.giveBack(current);
    return (this.current = buffers.shared);
  }
}
