// Where sockets are made: in this process's own network, or (namespace-network.ts) in a network namespace of Linux.
import type { BindOptions } from 'node:dgram';
import type { ListenOptions, Socket } from 'node:net';

export interface NetworkAddress {
  address: string;
  port: number;
}

/** `fd`: of a socket that is bound already; Node takes it, its types do not know it. */
export type ListenPlace = ListenOptions & { fd?: number };

export interface Network {
  /** What a server's `listen` takes to listen there. Throws as listening would: EADDRINUSE and the like. */
  listening(at: NetworkAddress): ListenPlace;
  /** The same for a UDP socket's `bind`. */
  receiving(at: NetworkAddress): BindOptions;
  /** To be called with a socket right after it was told to connect, and to where: it then connects from there. Throws a system error. */
  enter(connecting: Socket, destination: string): void;
  /** Where the client of an accepted connection wanted to go, before it was redirected here. */
  originalDestination(accepted: Socket): NetworkAddress;
}

/** Nothing is redirected to it. */
export const ownNetwork: Network = {
  listening: ({ address, port }) => ({ host: address, port }),
  receiving: ({ address, port }) => ({ address, port }),
  enter: () => {},
  originalDestination: ({ localAddress = '', localPort = 0 }) => ({ address: localAddress, port: localPort }),
};
