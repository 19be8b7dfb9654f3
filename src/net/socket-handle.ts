// What Node wraps around a connection's socket: not in its types, stable since Node 0.x.
import type { Socket } from 'node:net';

export interface SocketHandle {
  readonly fd: number;
  /** Takes a descriptor, in the place of one of its own. */
  open(descriptor: number): number;
}

/** Undefined once the socket is closed. */
export function handleOf(socket: Socket): SocketHandle | undefined {
  return (socket as unknown as { _handle: SocketHandle | null })._handle ?? undefined;
}

/** Of the system; -1 once the socket is closed. */
export const descriptorOf = (socket: Socket): number => handleOf(socket)?.fd ?? -1;
