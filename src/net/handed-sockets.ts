// Listening sockets that another process has handed over: who listens at one of their addresses goes on where the other left off, and no
// connection that waits in the kernel is lost.
import type { Server } from 'node:net';

/** What Node wraps around a socket; its own servers take one, its types do not know it. */
export interface ListeningHandle {
  close(): void;
}

/** Of a server that listens: stays its own, and may be sent over a channel beside. */
export function handleOf(server: Server): ListeningHandle {
  return (server as unknown as { _handle: ListeningHandle })._handle;
}

export class HandedSockets {
  private readonly handles = new Map<string, ListeningHandle>();

  /** `address`: as it was asked for, port and all. */
  add(address: string, handle: ListeningHandle): void {
    this.handles.set(address, handle);
  }

  /** It is whose that takes it. */
  take(address: string): ListeningHandle | undefined {
    const handle = this.handles.get(address);
    this.handles.delete(address);
    return handle;
  }

  /** Nobody wants the rest: whoever connects there is refused. */
  close(): void {
    for (const handle of this.handles.values()) handle.close();
    this.handles.clear();
  }
}
