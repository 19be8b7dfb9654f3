// The least of an HTTP client: one connection, one request at a time, no parsing beyond the length of the answer. So that what
// is measured is the mesh.
import net from 'node:net';

const headEnd = Buffer.from('\r\n\r\n');

export class RawClient {
  private readonly socket: net.Socket;
  private readonly bytes: Buffer;
  private received = Buffer.alloc(0);
  private settle: { resolve(answer: string): void; reject(error: Error): void } | undefined;

  /** `target`: absolute, as a client of an HTTP proxy sends it. */
  constructor(proxy: { host: string; port: number }, target: URL) {
    this.bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nhost: ${target.host}\r\n\r\n`);
    this.socket = net.connect({ ...proxy, noDelay: true });
    this.socket.on('data', (chunk) => this.take(chunk));
    this.socket.once('error', (error) => this.settle?.reject(error));
    this.socket.once('close', () => this.settle?.reject(new Error('the proxy closed the connection')));
  }

  /** Resolves to the answer, head and body. */
  ask(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.socket.write(this.bytes);
    });
  }

  close(): void {
    this.settle = undefined;
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    const end = this.received.indexOf(headEnd);
    if (end < 0) return;
    const length = /content-length: *(\d+)/i.exec(this.received.toString('latin1', 0, end))?.[1];
    const { settle } = this;
    if (length === undefined) {
      settle?.reject(new Error('an answer without content-length'));
      return;
    }
    if (this.received.length < end + headEnd.length + Number(length)) return;
    const answer = this.received.toString('utf8');
    this.received = Buffer.alloc(0);
    this.settle = undefined;
    settle?.resolve(answer);
  }
}
