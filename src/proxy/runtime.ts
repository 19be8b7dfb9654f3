// What the data path of one proxy instance is given: time, chance, tables, addresses, listeners of its exchanges. Made by
// proxy.ts, read by listen/, filters/ and upstream/. One process hosts many: nothing here is shared between two proxies.
import { setFlagsFromString } from 'node:v8';
import { OutputBuffers } from '#codec/http2/output';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import { KeepaliveProbes } from '#net/keepalive-probes';
import type { Network } from '#net/network';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import type { TcpProxyConfig, TrafficDirection } from '#proxy/config/listener';
import type { Placement } from '#proxy/config/socket-address';
import { RequestHeads } from '#proxy/http/request-heads';
import { Http2Stats } from '#proxy/http2/http2-stats';
import { type LimitSharing, unshared } from '#proxy/limits/limit-sharing';
import type { RouteTable } from '#proxy/route/route-table';
import { FlushQueue } from '#proxy/socket/flush-queue';
import { ReadBuffers } from '#proxy/socket/read-buffers';
import type { SocketResources } from '#proxy/socket/socket-writer';
import { Counters } from '#proxy/telemetry/counters';
import { TimerWheel } from '#proxy/timer-wheel';
import { SecretStore } from '#proxy/tls/secret-store';
import { ClusterManager } from '#proxy/upstream/cluster-manager';
import type { Resolver } from '#proxy/upstream/dns-resolver';
import type { Judging } from '#proxy/upstream/judging';
import type { LocalCluster } from '#proxy/upstream/local-cluster';
import type { Exchange } from '#telemetry/exchange';

/** Hears of every finished exchange, once, right after its last byte; what it wants to keep it must copy. Must not throw. */
export interface ExchangeListener {
  /** Of a TCP connection: when it has reached its upstream, and from then on at the interval of its configuration. */
  onProgress?(exchange: ProxiedExchange): void;
  onComplete(exchange: ProxiedExchange): void;
}

/** An exchange with what the mesh knows of its two ends; each field is as the peer or the cluster's metadata gave it. */
export interface ProxiedExchange extends Exchange {
  /** The upstream cluster's service: `metadata.filter_metadata.istio.services[0]`. */
  readonly service: { host: string; name: string; namespace: string } | undefined;
  /** The upstream endpoint's `istio.workload`; empty when there is none. */
  readonly workload: string;
  /** `x-envoy-peer-metadata` and `-id` that the downstream sent, before they were removed. */
  readonly downstreamPeer: PeerMetadata | undefined;
  /** The same of the upstream's response. */
  readonly upstreamPeer: PeerMetadata | undefined;
}

/** Opaque here: base64 of a Struct, and `sidecar~ip~name.namespace~domain`. */
export interface PeerMetadata {
  readonly metadata: string;
  readonly id: string;
}

/** Makes the listeners of one connection manager or TCP proxy; asked once per filter chain, not per exchange. */
export interface ExchangeListeners {
  http(config: HttpConnectionManagerConfig, direction: TrafficDirection): readonly ExchangeListener[];
  tcp(config: TcpProxyConfig, direction: TrafficDirection): readonly ExchangeListener[];
}

export interface RuntimeOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  placement: Placement;
  /** Where its sockets are; published addresses are the process's own. */
  network: Network;
  /** Route configurations by name; read once per stream, so that a stream keeps its version. */
  routeTables: { get(name: string): RouteTable | undefined };
  exchangeListeners: ExchangeListeners;
  /** What this proxy says of itself to its peers; undefined: nothing. */
  peerMetadata: PeerMetadata | undefined;
  resolver: Resolver;
  /** Who this proxy is, for traces and logs. */
  node: { readonly id: string; readonly cluster: string };
  /** The proxy's own cluster, where it knows it. */
  local?: LocalCluster | undefined;
  /** A fresh `x-request-id`: a UUID in lower case. */
  newRequestId: () => string;
  /** With the other processes that serve this proxy. */
  sharing?: LimitSharing;
  /** Where endpoints are judged, when more processes serve it. */
  judging?: Judging;
}

export interface ProxyRuntime extends RuntimeOptions {
  readonly sharing: LimitSharing;
  readonly timers: TimerWheel;
  readonly sockets: SocketResources;
  readonly clusters: ClusterManager;
  /** Of filters. */
  readonly counters: Counters;
  /** What SDS has given. */
  readonly secrets: SecretStore;
  /** Of all downstream connections: Envoy's `http2.*`. */
  readonly http2Stats: Http2Stats;
  readonly connectionIds: Serial;
  readonly requestHeads: RequestHeads;
}

/** Numbers from 1 on. */
export class Serial {
  private last = 0;

  next(): number {
    return ++this.last;
  }
}

export function createRuntime(options: RuntimeOptions): ProxyRuntime {
  // What V8 once saw outlive its nursery, as requests under way do, it would make in its old space ever after, with all that hangs on it:
  // 600 bytes of each request that are garbage a millisecond later, a fifth of the proxy's own time (measured).
  setFlagsFromString('--no-allocation-site-pretenuring');
  const timers = new TimerWheel(options.clock);
  const sockets = { buffers: new ReadBuffers(), flushes: new FlushQueue(), outputs: new OutputBuffers() };
  const secrets = new SecretStore();
  const { sharing = unshared, judging } = options;
  const keepaliveProbes = new KeepaliveProbes(options.logger);
  const clusters = new ClusterManager({ ...options, sharing, judging, timers, sockets, secrets, keepaliveProbes });
  return {
    ...options,
    sharing,
    timers,
    sockets,
    secrets,
    clusters,
    counters: new Counters(),
    http2Stats: new Http2Stats(),
    connectionIds: new Serial(),
    requestHeads: new RequestHeads(),
  };
}

/** Ends what would keep the process alive: timers, DNS refreshes and every upstream connection. */
export function closeRuntime(runtime: ProxyRuntime): void {
  runtime.clusters.close();
  runtime.timers.close();
}
