// Sends through a socket what an HTTP/2 connection has to say: once per turn of the event loop, from buffers that are used again as
// soon as the kernel has their bytes. Tells the connection when the socket takes no more.
import type { Socket } from 'node:net';
import type { Http2Connection } from '#codec/http2/connection';
import type { OutputChunk } from '#codec/http2/output';
import { writesDirectly } from '#proxy/socket/direct-write';
import type { Flushable } from '#proxy/socket/flush-queue';
import type { SocketResources } from '#proxy/socket/socket-writer';

/** More than this waiting in user space: bodies are to wait. */
const backlogBytesMax = 262_144;

/** What a stream says of a chunk that is no text: not in the types, part of the contract of `_write`. */
const asBytes = 'buffer' as BufferEncoding;

export class FrameWriter implements Flushable {
  bytesWritten = 0;
  private queued = false;
  private flushing = false;
  /** What the kernel has not taken all of, past the stream's own bookkeeping. */
  private writing: OutputChunk | undefined;
  private readonly direct: boolean;

  constructor(
    private readonly socket: Socket,
    private readonly connection: Http2Connection,
    private readonly shared: SocketResources,
  ) {
    this.direct = writesDirectly(socket);
    socket.on('drain', () => this.onDrained());
  }

  /** There is output: it goes out within this turn of the event loop. */
  schedule(): void {
    if (this.queued) return;
    this.queued = true;
    this.shared.flushes.add(this);
  }

  flushNow(): void {
    const { connection, socket } = this;
    this.queued = false;
    const chunks = connection.output.take();
    if (socket.destroyed) return;
    this.flushing = true;
    for (const chunk of chunks) this.write(chunk);
    this.flushing = false;
    if (this.pendingBytes === 0) connection.drained();
    else if (this.pendingBytes > backlogBytesMax) connection.hold();
  }

  /** Sends what there is, then the end of the stream. */
  end(): void {
    this.flushNow();
    this.socket.end();
  }

  private write(chunk: OutputChunk): void {
    const { socket } = this;
    const bytes = chunk.buffer.subarray(0, chunk.length);
    this.bytesWritten += chunk.length;
    if (!this.direct || this.writing !== undefined || socket.connecting || socket.writableLength > 0) {
      // Later chunks wait behind it: the buffer is the socket's until then.
      socket.write(bytes, () => this.shared.outputs.giveBack(chunk.buffer));
      return;
    }
    this.writing = chunk;
    socket._write(bytes, asBytes, this.onWritten);
  }

  private get pendingBytes(): number {
    return (this.writing?.length ?? 0) + this.socket.writableLength;
  }

  private readonly onWritten = (error?: Error | null): void => {
    const { writing } = this;
    this.writing = undefined;
    if (error) {
      this.socket.destroy(error);
      return;
    }
    this.shared.outputs.giveBack(writing!.buffer);
    // A write may end at once, within the flush.
    if (!this.flushing) this.onDrained();
  };

  private onDrained(): void {
    if (this.pendingBytes === 0) this.connection.drained();
  }
}
