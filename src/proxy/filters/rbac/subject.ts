// What access rules may look at, of a request or of a bare connection.
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { HttpStream } from '#proxy/http/stream';
import type { RoutedRequest } from '#proxy/route/route';

export interface Subject {
  readonly connection: DownstreamConnection;
  /** The client, as far as trusted proxies tell; else the connection's. */
  readonly clientAddress: string;
  /** Undefined: there is no request, and conditions on one do not hold. */
  readonly request: RoutedRequest | undefined;
  metadataOf(filter: string): unknown;
}

export function subjectOfConnection(connection: DownstreamConnection): Subject {
  return { connection, clientAddress: connection.remoteAddress, request: undefined, metadataOf: () => undefined };
}

export function subjectOfStream(stream: HttpStream): Subject {
  return {
    connection: stream.connection,
    clientAddress: stream.clientAddress,
    request: stream,
    metadataOf: (filter) => stream.metadataOf(filter),
  };
}
