// Where pods reach a port of the machine: a program that listens at 127.0.0.1 alone is reached through here. One that listens at every
// address is there already.
import { createServer, type Server } from 'node:net';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { bridgePort, type WayOut } from './connection-relay.ts';

/** Resolves to what is to be closed; undefined: there is nothing to do. Throws MeshError `MACHINE_PORT`. */
export function relayMachinePort(address: string, port: number, way?: WayOut): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true });
    bridgePort(server, port, way);
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') resolve(undefined);
      else reject(new MeshError('MACHINE_PORT', `port ${port} cannot be published into the mesh: ${messageOf(cause)}`, { cause }));
    });
    server.listen({ host: address, port }, () => resolve(server));
  });
}
