// Which sockets may be written to past the bookkeeping of their streams (`_write`), and so have two writes under way at once.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** TCP queues what it cannot take; TLS takes one write at a time, and a second one ends the process (an assertion of Node's TLSWrap). */
export function writesDirectly(socket: Socket): boolean {
  return !(socket instanceof TLSSocket);
}
