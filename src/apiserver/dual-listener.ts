// One port for HTTPS and for plain HTTP: the first byte of a connection tells them apart (a TLS handshake begins with 22). So that who
// speaks plain HTTP where it is not served is told what is wrong, in words.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

const tlsHandshake = 22;
/** For a client to say its first byte. */
const firstByteMsMax = 10_000;

export interface DualListenerOptions {
  handler: http.RequestListener;
  /** Without it, plain HTTP alone. */
  tls?: { certificate: string; key: string } | undefined;
}

export class DualListener {
  readonly plain: http.Server;
  readonly secure: https.Server | undefined;
  private readonly port = net.createServer({ pauseOnConnect: true }, (socket) => this.sort(socket));
  private readonly sockets = new Set<net.Socket>();

  constructor({ handler, tls }: DualListenerOptions) {
    this.plain = http.createServer(handler);
    this.secure = tls && https.createServer({ cert: tls.certificate, key: tls.key, ALPNProtocols: ['http/1.1'] }, handler);
  }

  listen(address: { host: string; port: number }): Promise<net.AddressInfo> {
    return new Promise((resolve, reject) => {
      this.port.once('error', reject);
      this.port.listen(address, () => resolve(this.port.address() as net.AddressInfo));
    });
  }

  onUpgrade(upgrade: (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => void): void {
    for (const server of [this.plain, this.secure])
      server?.on('upgrade', (request, socket, head) => upgrade(request, socket as net.Socket, head));
  }

  /** Ends what is open as well. */
  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => (this.port.listening ? this.port.close(() => resolve()) : resolve()));
  }

  private sort(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    const drop = () => socket.destroy();
    socket.once('error', drop);
    socket.setTimeout(firstByteMsMax, drop);
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.removeListener('error', drop);
      socket.setTimeout(0);
      socket.removeListener('timeout', drop);
      socket.unshift(first);
      const server = first[0] === tlsHandshake ? this.secure : this.plain;
      if (!server) return drop();
      server.emit('connection', socket);
      // The server listens by now; what was put back must flow again.
      if (server === this.plain) socket.resume();
    });
    socket.resume();
  }
}

/** Whether a request came over TLS. */
export const isSecure = ({ socket }: http.IncomingMessage) => 'encrypted' in socket;
