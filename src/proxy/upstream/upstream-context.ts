// What clusters, pools and upstream connections of one proxy share.
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import type { KeepaliveProbes } from '#net/keepalive-probes';
import type { Network } from '#net/network';
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import type { Placement } from '#proxy/config/socket-address';
import type { Http2Stats } from '#proxy/http2/http2-stats';
import type { LimitSharing } from '#proxy/limits/limit-sharing';
import type { SocketResources } from '#proxy/socket/socket-writer';
import type { TimerWheel } from '#proxy/timer-wheel';
import type { SecretStore } from '#proxy/tls/secret-store';
import type { ClusterStats } from './cluster-stats.ts';
import type { Resolver } from './dns-resolver.ts';
import type { Judging } from './judging.ts';
import type { LocalCluster } from './local-cluster.ts';
import type { TlsClient } from './tls-client.ts';

export interface UpstreamOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  placement: Placement;
  network: Network;
  timers: TimerWheel;
  sockets: SocketResources;
  resolver: Resolver;
  keepaliveProbes: KeepaliveProbes;
  secrets: SecretStore;
  /** The proxy's own cluster, where it knows it. */
  local?: LocalCluster | undefined;
  /** With the other processes of this proxy. */
  sharing: LimitSharing;
  /** Undefined: this process serves alone. */
  judging: Judging | undefined;
}

/** The part of a cluster that its endpoints and connections need; `config` is replaced by updates. */
export interface UpstreamContext extends UpstreamOptions {
  config: ClusterConfig;
  readonly stats: ClusterStats;
  /** Envoy's `cluster.<name>.http2.*`. */
  readonly http2Stats: Http2Stats;
  /** How connections to `endpoint` are secured; undefined: they are plain. */
  tlsFor(endpoint: EndpointConfig): TlsClient | undefined;
}
