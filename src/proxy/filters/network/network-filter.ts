// The terminal filter of a filter chain: takes accepted connections and serves them to their end.
import type { Socket } from 'node:net';
import type { DownstreamConnection } from '#proxy/http/connection-manager';

export interface NetworkFilter {
  /** `onClose` is called once, when the connection is closed, perhaps before this returns. The socket comes unread (`pauseOnConnect`). */
  accept(socket: Socket, connection: DownstreamConnection, onClose: (connection: ServedConnection) => void): ServedConnection;
}

export interface ServedConnection {
  /** Finish what there is; end at the latest after so long. */
  drain(timeoutMs: number): void;
  /** At once. */
  close(): void;
}
