// The terminal filter of a filter chain: takes accepted connections and serves them to their end.
import type { Socket } from 'node:net';
import type { DownstreamConnection } from '#proxy/http/connection-manager';

export interface NetworkFilter {
  /** `onClose` is called once, when the connection is closed, perhaps before this returns. The socket comes unread (`pauseOnConnect`). */
  accept(socket: Socket, connection: DownstreamConnection, onClose: (connection: ServedConnection) => void): ServedConnection;
  /**
   * Takes over what another filter serves, from its next request on: a kept connection does not escape a change of policy. False: it is
   * not to be had so, and drains.
   */
  adopt(served: ServedConnection, connection: DownstreamConnection): boolean;
}

export interface ServedConnection {
  /** Finish what there is; end at the latest after so long. */
  drain(timeoutMs: number): void;
  /** At once. */
  close(): void;
}
