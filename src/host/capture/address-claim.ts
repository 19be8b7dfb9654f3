// A claim that one Lateen has and no other on the same machine: a socket at a loopback address, which the kernel gives back when the
// process ends, however it ends.
import net from 'node:net';

const claimPort = 15_099;

/** Undefined: somebody has it. */
export function claimAddress(address: string): Promise<net.Server | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host: address, port: claimPort, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}
