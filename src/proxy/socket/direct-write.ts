// Writes to a socket past the bookkeeping of its stream, where nothing waits before: a tick and five objects less for each. What cannot
// go so waits in the stream. Used by socket-writer.ts and http2/frame-writer.ts.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import { type StreamHandle, type WriteRequest, WriteWrap, wroteAll } from './stream-handle.ts';

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
  /** Of the next write: one serves for many, until the kernel leaves something to be done. */
  private request: WriteRequest | undefined;

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
    const handle = (socket as unknown as { _handle: StreamHandle | null })._handle;
    if (WriteWrap !== undefined && handle !== null) {
      this.writeToHandle(handle, (this.request ??= new WriteWrap()), chunk, onTaken);
      return;
    }
    this.begin(chunk, onTaken);
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

  private writeToHandle(handle: StreamHandle, request: WriteRequest, chunk: string | Buffer, onTaken: (() => void) | undefined): void {
    const status = typeof chunk === 'string' ? handle.writeLatin1String(request, chunk) : handle.writeBuffer(request, chunk);
    if (status !== 0) {
      this.socket.destroy(writeError(status));
    } else if (wroteAll()) {
      onTaken?.();
    } else {
      this.begin(chunk, onTaken);
      this.request = undefined;
      request.chunk = chunk;
      request.oncomplete = (status) => this.onWritten(status < 0 ? writeError(status) : undefined);
    }
  }

  private begin(chunk: string | Buffer, onTaken: (() => void) | undefined): void {
    this.writing = true;
    this.writingBytes = chunk.length;
    this.onTaken = onTaken;
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

function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' });
}
