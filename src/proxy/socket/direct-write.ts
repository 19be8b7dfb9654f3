// Writes to a socket past the bookkeeping of its stream (`_write`), where nothing waits before: a tick and four objects less for each.
// What cannot go so waits in the stream. Used by socket-writer.ts and http2/frame-writer.ts.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What a stream says of a chunk that is no text: not in the types, part of the contract of `_write`. */
const asBytes = 'buffer' as BufferEncoding;

export class DirectWriter {
  private writing = false;
  private writingBytes = 0;
  private onTaken: (() => void) | undefined;
  /** TLS takes one write at a time, and a second one ends the process (an assertion of Node's TLSWrap); TCP queues what it cannot take. */
  private readonly oneAtATime: boolean;
  /** The stream is corked until the write under way is done. */
  private holding = false;
  private afterwards: (() => void) | undefined;

  constructor(private readonly socket: Socket) {
    this.oneAtATime = socket instanceof TLSSocket;
  }

  /** What is written now goes out at once, as far as the kernel takes it. */
  get idle(): boolean {
    return !this.writing && !this.socket.connecting && this.socket.writableLength === 0;
  }

  /** Not taken by the kernel yet. */
  get pendingBytes(): number {
    return this.writingBytes + this.socket.writableLength;
  }

  /** `onTaken` is called when the kernel has all of it, maybe within the call; not of a socket that broke. Text is one byte a character. */
  write(chunk: string | Buffer, onTaken?: () => void): void {
    const { socket } = this;
    if (!this.idle) {
      this.hold();
      // Typed for either, though the encoding counts for text alone.
      socket.write(chunk, 'latin1', onTaken && ((error) => error || onTaken()));
      return;
    }
    this.writing = true;
    this.writingBytes = chunk.length;
    this.onTaken = onTaken;
    socket._write(chunk, typeof chunk === 'string' ? 'latin1' : asBytes, this.onWritten);
  }

  /** Before bytes are given to the stream itself: they stay there while the socket cannot take them. */
  hold(): void {
    if (!this.writing || !this.oneAtATime || this.holding) return;
    this.holding = true;
    this.socket.cork();
  }

  /** Does what ends the socket once nothing is under way that this could overtake; what waits in the stream goes first by itself. */
  finally(action: () => void): void {
    if (this.writing && this.oneAtATime) this.afterwards = action;
    else action();
  }

  private readonly onWritten = (error?: Error | null): void => {
    const { socket, onTaken, afterwards } = this;
    this.writing = false;
    this.writingBytes = 0;
    this.onTaken = undefined;
    this.afterwards = undefined;
    if (this.holding) {
      this.holding = false;
      socket.uncork();
    }
    if (error) socket.destroy(error);
    else onTaken?.();
    afterwards?.();
  };
}
