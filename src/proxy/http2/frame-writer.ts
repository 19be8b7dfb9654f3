// Sends through a socket what an HTTP/2 connection has to say: once per turn of the event loop, from buffers that are used again as
// soon as the kernel has their bytes. Tells the connection when the socket takes no more.
import type { Socket } from 'node:net';
import type { Http2Connection } from '#codec/http2/connection';
import type { OutputChunk } from '#codec/http2/output';
import { DirectWriter } from '#proxy/socket/direct-write';
import type { Flushable } from '#proxy/socket/flush-queue';
import type { SocketResources } from '#proxy/socket/socket-writer';

/** More than this waiting in user space: bodies are to wait. */
const backlogBytesMax = 262_144;

export class FrameWriter implements Flushable {
  private sentBytes = 0;
  /** Of those that were sent, and those about to be. */
  private toldBytes = 0;
  private queued = false;
  private flushing = false;
  private readonly direct: DirectWriter;

  constructor(
    private readonly socket: Socket,
    private readonly connection: Http2Connection,
    private readonly shared: SocketResources,
  ) {
    this.direct = new DirectWriter(socket);
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
    const { pendingBytes } = this.direct;
    if (pendingBytes === 0) connection.drained();
    else if (pendingBytes > backlogBytesMax) connection.hold();
  }

  /** Sends what there is, then the end of the stream. */
  end(): void {
    this.flushNow();
    this.direct.finally(() => this.socket.end());
  }

  /** Sends what there is, then ends both directions. */
  destroySoon(): void {
    this.flushNow();
    this.direct.finally(() => this.socket.destroySoon());
  }

  /** Bytes that there were to send since this was last asked. */
  takeSent(): number {
    const told = this.toldBytes;
    this.toldBytes = this.sentBytes + this.connection.output.bytes;
    return this.toldBytes - told;
  }

  private write({ buffer, length }: OutputChunk): void {
    this.sentBytes += length;
    this.direct.write(buffer.subarray(0, length), () => {
      this.shared.outputs.giveBack(buffer);
      // A write may end at once, within the flush.
      if (!this.flushing) this.onDrained();
    });
  }

  private onDrained(): void {
    if (this.direct.pendingBytes === 0) this.connection.drained();
  }
}
