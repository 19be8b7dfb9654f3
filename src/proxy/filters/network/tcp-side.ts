// One socket of a TCP session, with what reads from it and writes to it.
import type { Socket } from 'node:net';
import type { SocketReader } from '#proxy/socket/read-buffers';
import { type SocketResources, SocketWriter } from '#proxy/socket/socket-writer';

export class TcpSide {
  private readonly writer: SocketWriter;

  constructor(
    readonly socket: Socket,
    private readonly reader: SocketReader,
    shared: SocketResources,
  ) {
    this.writer = new SocketWriter(socket, shared);
    socket.on('error', () => {});
    socket.on('close', () => this.reader.release());
  }

  /** Of buffer[start, end). True: the other side is to wait for `drain`. */
  write(buffer: Buffer, start: number, end: number): boolean {
    this.writer.writeBytes(buffer, start, end);
    this.writer.flush();
    return this.writer.congested;
  }

  end(): void {
    this.writer.end();
  }

  /** After what was written has gone. */
  destroySoon(): void {
    this.writer.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
