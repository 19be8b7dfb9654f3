// Writes to one socket: gathers what belongs together (a head and a small body: one system call), copies only what it must, and
// tells when more is queued than should be. Used by both HTTP/1 connections and by the TCP proxy.
import type { Socket } from 'node:net';
import { latin1 } from '#codec/http1/latin1';
import type { OutputBuffers } from '#codec/http2/output';
import { DirectWriter } from './direct-write.ts';
import type { Flushable, FlushQueue } from './flush-queue.ts';
import type { ReadBuffers } from './read-buffers.ts';

/** Up to here a body travels as text behind its head: cheaper than a second write. */
const smallBytesMax = 8192;
/** More than this waiting in user space: the source is to pause. */
const backlogBytesMax = 262_144;

/** What the sockets of one proxy share. */
export interface SocketResources {
  readonly buffers: ReadBuffers;
  readonly flushes: FlushQueue;
  /** Of HTTP/2 connections. */
  readonly outputs: OutputBuffers;
}

export class SocketWriter implements Flushable {
  private text = '';
  /** In the flush queue. */
  private queued = false;
  /** Since `takeSent`. */
  private sentBytes = 0;
  private readonly direct: DirectWriter;

  constructor(
    private readonly socket: Socket,
    private readonly shared: SocketResources,
  ) {
    this.direct = new DirectWriter(socket);
  }

  /** Adds text (one byte a character); it goes out with what follows, at the latest by `flush`. */
  write(text: string): void {
    this.sentBytes += text.length;
    this.text += text;
  }

  /** Adds buffer[start, end); the buffer may change afterwards. */
  writeBytes(buffer: Buffer, start: number, end: number): void {
    this.sentBytes += end - start;
    if (end - start > smallBytesMax) {
      this.writeLarge(buffer, start, end);
      return;
    }
    this.text += latin1(buffer, start, end);
    if (this.text.length > smallBytesMax * 2) this.flushNow();
  }

  /** What was added goes out within this turn of the event loop. */
  flush(): void {
    if (this.queued || this.text === '') return;
    this.queued = true;
    this.shared.flushes.add(this);
  }

  flushNow(): void {
    const { text } = this;
    this.queued = false;
    if (text === '') return;
    this.text = '';
    this.direct.write(text);
  }

  /** Sends what was added, then the end of the stream. */
  end(): void {
    this.flushNow();
    this.direct.finally(() => this.socket.end());
  }

  /** Sends what was added, then ends both directions. */
  destroySoon(): void {
    this.flushNow();
    this.direct.finally(() => this.socket.destroySoon());
  }

  /** Sends what was added as far as the kernel takes it, then closes at once. */
  breakOff(): void {
    this.flushNow();
    this.socket.destroy();
  }

  /** Bytes that were added since this was last asked. */
  takeSent(): number {
    const bytes = this.sentBytes;
    this.sentBytes = 0;
    return bytes;
  }

  /** True: wait for the socket's `drain` before sending more. */
  get congested(): boolean {
    return this.socket.writableLength > backlogBytesMax;
  }

  private writeLarge(buffer: Buffer, start: number, end: number): void {
    const { socket, text } = this;
    const { buffers } = this.shared;
    const inPlace = buffers.mayLend(buffer) && this.direct.idle;
    const bytes = inPlace ? buffer.subarray(start, end) : Buffer.from(buffer.subarray(start, end));
    this.text = '';
    let returned = !inPlace;
    let lent = false;
    const onWritten = () => {
      if (lent) buffers.returned(buffer);
      returned = true;
    };
    this.direct.hold();
    socket.cork();
    if (text !== '') socket.write(text, 'latin1');
    if (inPlace) socket.write(bytes, onWritten);
    else socket.write(bytes);
    socket.uncork();
    // Only what the kernel did not take at once is still being read from the buffer.
    if (inPlace && !returned && socket.writableLength > 0) {
      buffers.lend(buffer);
      lent = true;
    }
  }
}
