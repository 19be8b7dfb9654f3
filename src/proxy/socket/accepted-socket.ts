// An accepted connection, before and after it is decided who serves it. Reading goes through one shared buffer (`onread`), which
// Node offers for sockets that connect but not for those that a server accepts: so the handle moves to a socket made with it.
// A TLS connection cannot move, and is given the buffer afterwards (user-buffer.ts).
import { type OnReadOpts, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type ReadBuffers, SocketReader } from './read-buffers.ts';
import { readInto } from './user-buffer.ts';

/** `_handle` is what `net.Socket` takes as its option `handle`: not in the types, stable since Node 0.x. */
interface Handled {
  _handle: object | null;
}

export interface OpenOptions {
  onread: OnReadOpts;
  /** True: the peer's end of sending does not end ours. */
  allowHalfOpen: boolean;
}

/** Nothing but an inspector may have read before (`pauseOnConnect`); what that put back comes first. */
export function reopen(accepted: Socket, options: OpenOptions): Socket {
  const early = accepted.readableLength > 0 ? (accepted.read() as Buffer) : undefined;
  // The caller is still being made when this returns.
  if (early !== undefined) process.nextTick(() => void options.onread.callback(early.length, early));
  if (accepted instanceof TLSSocket) {
    accepted.allowHalfOpen = options.allowHalfOpen;
    return deliverTo(accepted, options.onread);
  }
  const handled = accepted as unknown as Handled;
  const handle = handled._handle;
  handled._handle = null;
  // Without its handle it closes nothing; its server counts it out.
  accepted.destroy();
  const socket = new Socket({ handle, ...options } as unknown as ConstructorParameters<typeof Socket>[0]);
  socket.resume();
  return socket;
}

/** Reads a socket that was made without an `onread` as if it had one. */
export function deliverTo(socket: Socket, onread: OnReadOpts): Socket {
  if (readInto(socket, onread)) socket.resume();
  else socket.on('data', (chunk: Buffer) => void onread.callback(chunk.length, chunk));
  return socket;
}

/** A socket of ours, and who hears of its bytes: that may change while nothing is being read. */
export interface AcceptedSocket {
  readonly socket: Socket;
  readonly reader: SocketReader;
}

/** For HTTP, whose connections end each direction by themselves. */
export function openAccepted(accepted: Socket, buffers: ReadBuffers): AcceptedSocket {
  // Reading begins in a later turn of the event loop: by then somebody listens.
  const reader = new SocketReader(buffers, () => {});
  return { reader, socket: reopen(accepted, { onread: reader.options(), allowHalfOpen: true }) };
}
