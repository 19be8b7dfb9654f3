// Writes to one socket: gathers what belongs together (a head and a small body: one system call), copies only what it must, and
// tells when more is queued than should be. Used by both HTTP/1 connections and by the TCP proxy.
import type { Socket } from 'node:net';
import { latin1 } from '#codec/http1/latin1';
import type { ReadBuffers } from './read-buffers.ts';

/** Up to here a body travels as text behind its head: cheaper than a second write. */
const smallBytesMax = 8192;
/** More than this waiting in user space: the source is to pause. */
const backlogBytesMax = 262_144;

export class SocketWriter {
  private text = '';

  constructor(
    private readonly socket: Socket,
    private readonly buffers: ReadBuffers,
  ) {}

  /** Adds text (one byte a character); it goes out with what follows, at the latest by `flush`. */
  write(text: string): void {
    this.text += text;
  }

  /** Adds buffer[start, end); the buffer may change afterwards. */
  writeBytes(buffer: Buffer, start: number, end: number): void {
    if (end - start > smallBytesMax) {
      this.writeLarge(buffer, start, end);
      return;
    }
    this.text += latin1(buffer, start, end);
    if (this.text.length > smallBytesMax * 2) this.flush();
  }

  flush(): void {
    if (this.text === '') return;
    const { text } = this;
    this.text = '';
    this.socket.write(text, 'latin1');
  }

  /** True: wait for the socket's `drain` before sending more. */
  get congested(): boolean {
    return this.socket.writableLength > backlogBytesMax;
  }

  private writeLarge(buffer: Buffer, start: number, end: number): void {
    const { socket, buffers, text } = this;
    const inPlace = buffers.mayLend(buffer) && socket.writableLength === 0;
    const bytes = inPlace ? buffer.subarray(start, end) : Buffer.from(buffer.subarray(start, end));
    this.text = '';
    let returned = !inPlace;
    let lent = false;
    const onWritten = () => {
      if (lent) buffers.returned(buffer);
      returned = true;
    };
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
