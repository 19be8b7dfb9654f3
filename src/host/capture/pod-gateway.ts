// What pods send to addresses that are not theirs comes to the machine's side of their network, is redirected here (machine-rules.ts), and
// is led on to where it was going: out of the machine, without forwarding, routes or translated addresses.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { descriptorOf } from '#net/socket-handle';
import type { SystemCalls } from '#net/system-calls';
import type { WayOut } from './connection-relay.ts';

export class PodGateway {
  private readonly server: Server;
  private port = 0;

  constructor(
    private readonly calls: Pick<SystemCalls, 'originalDestination'>,
    private readonly way: WayOut,
  ) {
    this.server = createServer({ pauseOnConnect: true }, (socket) => this.accept(socket));
    this.server.unref();
  }

  /** Resolves to its port. */
  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host: address, port: 0 }, () => {
        this.server.off('error', reject);
        this.server.on('error', () => {});
        this.port = (this.server.address() as AddressInfo).port;
        resolve(this.port);
      });
    });
  }

  close(): void {
    this.server.close();
  }

  private accept(socket: Socket): void {
    socket.on('error', () => {});
    const to = this.calls.originalDestination(descriptorOf(socket));
    // Who asks for this very port would be led around for ever.
    if (to === undefined || (to.port === this.port && to.address === socket.localAddress)) socket.destroy();
    else this.way.lead(socket, to);
  }
}
