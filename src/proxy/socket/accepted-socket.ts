// An accepted connection, before and after it is decided who serves it. Reading goes through one shared buffer (`onread`), which
// Node offers for sockets that connect but not for those that a server accepts: so the handle moves to a socket made with it.
import { type OnReadOpts, Socket } from 'node:net';

/** `_handle` is what `net.Socket` takes as its option `handle`: not in the types, stable since Node 0.x. */
interface Handled {
  _handle: object | null;
}

export interface OpenOptions {
  onread: OnReadOpts;
  /** True: the peer's end of sending does not end ours. */
  allowHalfOpen: boolean;
}

/** The server must be made with `pauseOnConnect`, so that no byte is read before this. */
export function reopen(accepted: Socket, options: OpenOptions): Socket {
  const handled = accepted as unknown as Handled;
  const handle = handled._handle;
  handled._handle = null;
  // Without its handle it closes nothing; its server counts it out.
  accepted.destroy();
  const socket = new Socket({ handle, ...options } as unknown as ConstructorParameters<typeof Socket>[0]);
  socket.resume();
  return socket;
}
