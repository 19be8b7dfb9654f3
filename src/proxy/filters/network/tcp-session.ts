// One proxied TCP connection: two sockets, bytes both ways, each way ending for itself. What one side does not take, the other does
// not read. Made by tcp-proxy.ts.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Word64 } from '#codec/hash/word64';
import { metadataExchangeProtocol, readMetadataHeader } from '#codec/metadata-exchange';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import { noBytes } from '#proxy/http/port';
import { hashText } from '#proxy/route/hash-policy';
import { reopen } from '#proxy/socket/accepted-socket';
import { SocketReader } from '#proxy/socket/read-buffers';
import { after, Timeout } from '#proxy/timer-wheel';
import type { PickContext } from '#proxy/upstream/balance/pick-context';
import type { Cluster } from '#proxy/upstream/cluster';
import { usageCell } from '#proxy/upstream/cluster-usage';
import type { Endpoint } from '#proxy/upstream/endpoint';
import { responseFlag } from '#telemetry/response-flags';
import { HttpTunnel } from './http-tunnel.ts';
import type { ServedConnection } from './network-filter.ts';
import { TcpExchange } from './tcp-exchange.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { TcpSide } from './tcp-side.ts';
import { TcpConnection, type TcpUpstream, type TcpUpstreamEvents } from './tcp-upstream.ts';

export class TcpSession implements ServedConnection, PickContext, TcpUpstreamEvents {
  readonly picksMax = 1;
  readonly excludedPriorities = undefined;
  private readonly exchange: TcpExchange;
  private readonly downstream: TcpSide;
  private upstream: TcpUpstream | undefined;
  private cluster: Cluster | undefined;
  private endpoint: Endpoint | undefined;
  private connected = false;
  private ended = false;
  private lastActivityMs: number;
  private readonly timeout = new Timeout(() => this.onTimeout());
  private readonly reportTimeout = new Timeout(() => this.report());
  private drainDeadlineMs = Number.POSITIVE_INFINITY;
  private readonly endsAtMs: number;
  /** What has come so far, while it may be the header of Istio's metadata exchange. */
  private preface: Buffer | undefined;

  constructor(
    accepted: Socket,
    private readonly proxy: TcpProxy,
    private readonly connection: DownstreamConnection,
    private readonly onFinish: (session: TcpSession) => void,
  ) {
    const { runtime, stats } = proxy;
    const now = runtime.clock.now();
    this.lastActivityMs = now;
    this.endsAtMs = after(now, proxy.config.connectionMsMax);
    this.exchange = new TcpExchange(connection, now, runtime.clock.wallMs());
    if (accepted instanceof TLSSocket && accepted.alpnProtocol === metadataExchangeProtocol) this.preface = noBytes;
    const reader = new SocketReader(runtime.sockets.buffers, (buffer, length) => this.onDownstream(buffer, length));
    reader.large = true;
    this.downstream = new TcpSide(reopen(accepted, { onread: reader.options(), allowHalfOpen: true }), reader, runtime.sockets);
    // Nothing is read before there is somewhere to send it.
    this.downstream.socket.pause();
    this.downstream.socket.on('end', () => this.upstream?.end());
    this.downstream.socket.on('drain', () => this.upstream?.resume());
    this.downstream.socket.on('close', () => this.finish('', responseFlag.none));
    stats.downstream_cx_total++;
    stats.downstream_cx_active++;
    this.connect();
  }

  drain(timeoutMs: number): void {
    const { clock, timers } = this.proxy.runtime;
    this.drainDeadlineMs = clock.now() + timeoutMs;
    if (this.connected) timers.set(this.timeout, timeoutMs);
  }

  close(): void {
    this.downstream.socket.destroy();
  }

  private connect(): void {
    const { config, runtime } = this.proxy;
    const name = chooseCluster(config.clusters, runtime.random.next());
    const cluster = runtime.clusters.get(name);
    this.exchange.upstreamCluster = name;
    if (cluster === undefined) {
      this.finish('cluster_not_found', responseFlag.noClusterFound);
      return;
    }
    this.cluster = cluster;
    this.exchange.service = cluster.config.service;
    if (cluster.stats.usage.reaches(usageCell.connections, cluster.config.circuitBreaker.connectionsMax)) {
      cluster.stats.upstream_cx_overflow++;
      this.finish('upstream_connection_overflow', responseFlag.upstreamOverflow);
      return;
    }
    const endpoint = cluster.pick(this);
    if (endpoint === undefined) this.finish('no_healthy_upstream', responseFlag.noHealthyUpstream);
    else this.open(cluster, endpoint);
  }

  // --- What balancing asks.

  destination(): SocketAddress | undefined {
    return this.connection.originalDestination;
  }

  namedHost(): SocketAddress | undefined {
    const { namedHostPort: port } = this.proxy.config;
    const { serverName } = this.connection;
    return port === undefined || serverName === '' ? undefined : { address: serverName, port };
  }

  hash(): Word64 | undefined {
    return this.proxy.config.hashesSourceIp ? hashText(this.connection.remoteAddress) : undefined;
  }

  avoids(): boolean {
    return false;
  }

  private open(cluster: Cluster, endpoint: Endpoint): void {
    const { runtime, config } = this.proxy;
    this.endpoint = endpoint;
    this.exchange.attempts++;
    this.exchange.upstreamHost = endpoint.name;
    this.exchange.workload = endpoint.config.workload;
    runtime.timers.set(this.timeout, cluster.config.connectTimeoutMs);
    const { remoteAddress, remotePort, localAddress, localPort, originalDestination } = this.connection;
    const proxied = {
      source: { address: remoteAddress, port: remotePort },
      destination: originalDestination ?? { address: localAddress, port: localPort },
    };
    if (config.tunnel === undefined) {
      this.upstream = new TcpConnection(endpoint, proxied, this);
      return;
    }
    const tunnel = new HttpTunnel(endpoint, config.tunnel, this);
    this.upstream = tunnel;
    tunnel.start();
  }

  // --- What the far end tells.

  onConnect(): void {
    this.connected = true;
    this.endpoint!.monitor?.connected();
    this.exchange.upstreamLocal = this.upstream!.localAddress;
    this.proxy.runtime.timers.cancel(this.timeout);
    this.downstream.socket.resume();
    this.arm();
    this.report();
  }

  /** A connection may stand for days: what it carries is counted while it does. */
  private report(): void {
    const { listeners, config, runtime } = this.proxy;
    let heard = false;
    for (const listener of listeners) {
      listener.onProgress?.(this.exchange);
      heard ||= listener.onProgress !== undefined;
    }
    if (heard && config.reportingIntervalMs > 0) runtime.timers.set(this.reportTimeout, config.reportingIntervalMs);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    const { exchange } = this;
    if (exchange.responseFirstByteMs < 0) exchange.responseFirstByteMs = this.proxy.runtime.clock.now() - exchange.startMs;
    exchange.bytesSent += end - start;
    this.proxy.stats.downstream_cx_tx_bytes_total += end - start;
    this.touch();
    if (this.downstream.write(buffer, start, end)) this.upstream!.pause();
  }

  onEnd(): void {
    this.downstream.end();
  }

  onDrain(): void {
    this.downstream.socket.resume();
  }

  /** The connection failed, broke, or both ways have ended. */
  onClose(failure: string): void {
    const { cluster, endpoint } = this;
    if (failure !== '') this.exchange.upstreamFailure = failure;
    if (this.connected) {
      this.downstream.destroySoon();
      return;
    }
    cluster!.stats.upstream_cx_connect_fail++;
    endpoint!.stats.cx_connect_fail++;
    if (this.ended) return;
    endpoint!.monitor?.failed(503);
    if (this.exchange.attempts < this.proxy.config.maxConnectAttempts) {
      this.connect();
      return;
    }
    cluster!.stats.upstream_cx_connect_attempts_exceeded++;
    this.finish('upstream_connection_failure', responseFlag.upstreamConnectionFailure);
  }

  private onDownstream(buffer: Buffer, length: number): void {
    this.exchange.bytesReceived += length;
    this.proxy.stats.downstream_cx_rx_bytes_total += length;
    this.touch();
    if (this.preface === undefined) this.sendOn(buffer, length);
    else this.skipMetadata(Buffer.concat([this.preface, buffer.subarray(0, length)]));
  }

  /** What the client's proxy says of itself is not for the upstream. */
  private skipMetadata(bytes: Buffer): void {
    const header = readMetadataHeader(bytes);
    this.preface = header.kind === 'partial' ? bytes : undefined;
    const rest = header.kind === 'header' ? bytes.subarray(header.end) : bytes;
    if (header.kind !== 'partial' && rest.length > 0) this.sendOn(rest, rest.length);
  }

  private sendOn(buffer: Buffer, length: number): void {
    if (this.upstream?.write(buffer, length)) this.downstream.socket.pause();
  }

  private touch(): void {
    this.lastActivityMs = this.proxy.runtime.clock.now();
  }

  private arm(): void {
    const { idleTimeoutMs } = this.proxy.config;
    const idleDeadlineMs = idleTimeoutMs > 0 ? this.lastActivityMs + idleTimeoutMs : Number.POSITIVE_INFINITY;
    const deadlineMs = Math.min(idleDeadlineMs, this.drainDeadlineMs, this.endsAtMs);
    const { timers, clock } = this.proxy.runtime;
    if (deadlineMs !== Number.POSITIVE_INFINITY) timers.set(this.timeout, Math.max(1, deadlineMs - clock.now()));
  }

  private onTimeout(): void {
    const now = this.proxy.runtime.clock.now();
    if (!this.connected) {
      this.cluster!.stats.upstream_cx_connect_timeout++;
      this.exchange.upstreamFailure = 'connection timeout';
      this.upstream!.destroy();
      return;
    }
    const { idleTimeoutMs } = this.proxy.config;
    const idle = idleTimeoutMs > 0 && this.lastActivityMs + idleTimeoutMs <= now;
    if (idle) this.proxy.stats.downstream_cx_idle_timeout++;
    if (this.endsAtMs <= now) {
      this.proxy.stats.downstream_cx_max_duration_reached++;
      this.finish('max_connection_duration_reached', responseFlag.durationTimeout);
    } else if (idle || this.drainDeadlineMs <= now) this.finish(idle ? 'idle_timeout' : 'drain', responseFlag.none);
    else this.arm();
  }

  /** Once: both sockets go, the listeners hear of it. */
  private finish(details: string, flags: number): void {
    if (this.ended) return;
    this.ended = true;
    const { runtime, stats, listeners } = this.proxy;
    const { exchange } = this;
    runtime.timers.cancel(this.timeout);
    runtime.timers.cancel(this.reportTimeout);
    exchange.flags |= flags;
    exchange.connectionTerminationDetails = details;
    exchange.durationMs = runtime.clock.now() - exchange.startMs;
    this.downstream.destroy();
    this.upstream?.destroy();
    stats.downstream_cx_active--;
    stats.downstream_cx_destroy++;
    for (const listener of listeners) listener.onComplete(exchange);
    this.onFinish(this);
  }
}

/** `draw` in [0, 1). */
function chooseCluster(clusters: TcpProxy['config']['clusters'], draw: number): string {
  let left = draw * clusters.reduce((total, { weight }) => total + weight, 0);
  for (const { name, weight } of clusters) if ((left -= weight) < 0) return name;
  return clusters[0]?.name ?? '';
}
