// The far end of a TCP session: a connection of its own, or (http-tunnel.ts) a stream through an HTTP proxy. Made by tcp-session.ts.
import type { ProxiedConnection } from '#codec/proxy-protocol/header';
import { SocketReader } from '#proxy/socket/read-buffers';
import type { ClusterStats } from '#proxy/upstream/cluster-stats';
import type { Endpoint } from '#proxy/upstream/endpoint';
import { openSocket } from '#proxy/upstream/open-socket';
import { TcpSide } from './tcp-side.ts';

export interface TcpUpstream {
  /** Our side of the connection, once it is there. */
  readonly localAddress: string;
  /** True: wait for `onDrain`. */
  write(buffer: Buffer, length: number): boolean;
  /** Nothing more is written. */
  end(): void;
  pause(): void;
  resume(): void;
  destroy(): void;
}

/** What a session hears of its far end. `onClose` is called once, and last. */
export interface TcpUpstreamEvents {
  onConnect(): void;
  onData(buffer: Buffer, start: number, end: number): void;
  onEnd(): void;
  onDrain(): void;
  /** `failure`: the reason, where there is one. */
  onClose(failure: string): void;
}

export class TcpConnection implements TcpUpstream {
  private readonly side: TcpSide;
  private readonly stats: ClusterStats;
  private failure = '';

  constructor(endpoint: Endpoint, proxied: ProxiedConnection, events: TcpUpstreamEvents) {
    const { sockets, stats } = endpoint.context;
    this.stats = stats;
    const reader = new SocketReader(sockets.buffers, (buffer, length) => {
      stats.upstream_cx_rx_bytes_total += length;
      events.onData(buffer, 0, length);
    });
    reader.large = true;
    const socket = openSocket(endpoint, reader.options(), true, () => events.onConnect(), { proxied });
    this.side = new TcpSide(socket, reader, sockets);
    stats.upstream_cx_total++;
    stats.upstream_cx_active++;
    endpoint.stats.cx_total++;
    endpoint.stats.cx_active++;
    socket.on('error', (error) => {
      this.failure = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    socket.on('end', () => events.onEnd());
    socket.on('drain', () => events.onDrain());
    socket.on('close', () => {
      stats.upstream_cx_active--;
      stats.upstream_cx_destroy++;
      endpoint.stats.cx_active--;
      events.onClose(this.failure);
    });
  }

  get localAddress(): string {
    const { socket } = this.side;
    return `${socket.localAddress}:${socket.localPort}`;
  }

  write(buffer: Buffer, length: number): boolean {
    this.stats.upstream_cx_tx_bytes_total += length;
    return this.side.write(buffer, 0, length);
  }

  end(): void {
    this.side.end();
  }

  pause(): void {
    this.side.socket.pause();
  }

  resume(): void {
    this.side.socket.resume();
  }

  destroy(): void {
    this.side.destroy();
  }
}
