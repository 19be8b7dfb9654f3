// What serves the traffic of one proxy in one process: its tables, listeners, clusters, logs and counters, and the applier that fills them.
// A proxy has one, and one more in each worker process that shares its ports (workers/).
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import { createUuids } from '#foundation/uuid';
import { type Network, ownNetwork } from '#net/network';
import { clusterStatuses } from '#proxy/admin/cluster-status';
import { downstreamSamples } from '#proxy/admin/downstream-samples';
import type { ProxyStats } from '#proxy/admin/proxy-stats';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import { ConfigApplier, type ConfigTarget } from '#proxy/config/config-applier';
import type { DecodeCache } from '#proxy/config/decode-cache';
import { formatLocality } from '#proxy/config/decode-cluster';
import { type IstioStatsConfig, istioStatsType } from '#proxy/filters/http/istio-stats';
import type { LimitSharing } from '#proxy/limits/limit-sharing';
import { ListenerManager, type ListeningSockets, type WhichListeners } from '#proxy/listen/listener-manager';
import type { RouteTable } from '#proxy/route/route-table';
import { closeRuntime, createRuntime, type ExchangeListeners, type ProxyRuntime } from '#proxy/runtime';
import { AccessLoggers } from '#proxy/telemetry/access-logger';
import type { MetricOverrides } from '#proxy/telemetry/metric-overrides';
import { RequestStats } from '#proxy/telemetry/request-stats';
import { type Resolver, systemResolver } from '#proxy/upstream/dns-resolver';
import type { Judging } from '#proxy/upstream/judging';
import { LocalCluster } from '#proxy/upstream/local-cluster';
import { IstioMetrics } from '#telemetry/istio-metrics';
import { MetricsRegistry } from '#telemetry/metrics';
import { encodePeerMetadata, workloadOfMetadata } from '#telemetry/workload';
import { parseNodeId } from '#xds/node-id';
import { identityOf } from './identity/node-identity.ts';

export interface DataPlaneOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Where its sockets are; the process's own when left out. */
  network?: Network;
  /** Shared by the proxies of one process. */
  decodings: DecodeCache;
  /** Of names that are not the mesh's; the machine's own when left out. */
  resolver?: Resolver;
  /** Sockets that listen already. */
  sockets?: ListeningSockets;
  /** With other processes that serve the same proxy. */
  sharing?: LimitSharing;
  /** Where endpoints are judged then. */
  judging?: Judging;
}

export interface Drain {
  /** For Istio's drain duration connections are asked to leave, while new ones are still taken. */
  graceful?: boolean;
  which?: WhichListeners;
  /** How long a connection without a request may still send one; as long as its filter chain says when left out. */
  idleMs?: number;
}

/** Istio's default of `drainDuration`, with which it starts Envoy. */
const drainMsDefault = 45_000;

export class DataPlane {
  readonly registry = new MetricsRegistry();
  readonly runtime: ProxyRuntime;
  readonly listeners: ListenerManager;
  readonly applier: ConfigApplier;
  /** Configuration is not changed any more. */
  draining = false;
  private readonly routeTables = new Map<string, RouteTable>();
  private readonly accessLoggers: AccessLoggers;
  private graceEnds: Timer | undefined;

  /** `subscriptions`: what it asks for, and who hears the names of its pod. */
  constructor(
    private readonly bootstrap: ProxyBootstrap,
    private readonly options: DataPlaneOptions,
    subscriptions: Pick<ConfigTarget, 'subscribe' | 'setNames'>,
  ) {
    const { clock, random, logger, network = ownNetwork, decodings, sockets, sharing, judging } = options;
    const { node, placement, standardOutput, localCluster } = bootstrap;
    this.accessLoggers = new AccessLoggers({ clock, random, logger, standardOutput, runtime: () => this.runtime });
    this.runtime = createRuntime({
      clock,
      random,
      logger,
      placement,
      network,
      routeTables: this.routeTables,
      exchangeListeners: this.exchangeListeners(),
      peerMetadata: { metadata: encodePeerMetadata(node.metadata), id: node.id },
      resolver: options.resolver ?? systemResolver,
      node: { id: node.id, cluster: node.cluster },
      newRequestId: createUuids(random),
      local: localCluster === undefined ? undefined : new LocalCluster(localCluster, formatLocality(node.locality)),
      ...(sharing && { sharing }),
      ...(judging && { judging }),
    });
    this.listeners = new ListenerManager(this.runtime, undefined, sockets);
    this.applier = new ConfigApplier({ ...this.target(), ...subscriptions }, clock, decodings);
  }

  private target(): Omit<ConfigTarget, 'subscribe' | 'setNames'> {
    return {
      setCluster: (config) => this.runtime.clusters.set(config),
      removeCluster: (name) => this.runtime.clusters.remove(name),
      setEndpoints: (name, endpoints) => this.runtime.clusters.setEndpoints(name, endpoints),
      setRouteTable: (table) => void this.routeTables.set(table.name, table),
      removeRouteTable: (name) => void this.routeTables.delete(name),
      setSecret: (name, secret) => this.runtime.secrets.set(name, secret),
      removeSecret: (name) => this.runtime.secrets.remove(name),
      applyListeners: (listeners) => (this.draining ? Promise.resolve([]) : this.listeners.apply([...listeners])),
    };
  }

  /** Takes no new connections; resolves when those that are open have finished what they have. */
  async drain({ graceful = false, which = 'all', idleMs }: Drain = {}): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    if (graceful) {
      const { drainMs = drainMsDefault } = this.bootstrap;
      await this.listeners.discourage(drainMs, which);
      await new Promise<void>((resolve) => (this.graceEnds = this.options.clock.after(drainMs, resolve)));
    }
    if (which === 'all') await this.listeners.drain(idleMs);
    else await this.listeners.stopListening(which, idleMs);
  }

  /** The callers of its programs are asked to leave within `graceMs`, while those call on; resolves when there are none. */
  dismissCallers(graceMs: number): Promise<void> {
    return this.listeners.dismiss(graceMs, 'inbound');
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    this.draining = true;
    this.graceEnds?.cancel();
    this.applier.close();
    await this.listeners.close();
    closeRuntime(this.runtime);
    await this.accessLoggers.close();
  }

  /** What it has counted, as plain data. */
  stats(): ProxyStats {
    return {
      clusters: clusterStatuses(this.runtime.clusters.all()),
      server: {
        ...downstreamSamples(this.listeners),
        ...this.runtime.counters.values(),
        ...Object.fromEntries(Object.entries(this.runtime.http2Stats).map(([name, value]) => [`http2.${name}`, value as number])),
      },
      families: this.registry.snapshot(),
      memory: process.memoryUsage(),
    };
  }

  /** Istio's metrics where the configuration has its filter (TCP: always), access logs where it asks for them. */
  private exchangeListeners(): ExchangeListeners {
    const { metadata, id } = this.bootstrap.node;
    const istioMetrics = new IstioMetrics(this.registry);
    const self = workloadOfMetadata(metadata);
    const identity = identityOf(metadata);
    const isRouter = parseNodeId(id)?.type === 'router';
    const stats = (direction: string, overrides?: MetricOverrides) =>
      new RequestStats(istioMetrics, direction === 'inbound' && !isRouter ? 'destination' : 'source', self, identity, overrides);
    return {
      http: ({ httpFilters, accessLogs }, direction) => [
        ...httpFilters.flatMap(({ type, config }) =>
          type === istioStatsType ? [stats(direction, (config as IstioStatsConfig).overrides)] : [],
        ),
        ...accessLogs.map((config) => this.accessLoggers.create(config)),
      ],
      tcp: ({ accessLogs, metrics }, direction) => [
        stats(direction, metrics),
        ...accessLogs.map((config) => this.accessLoggers.create(config)),
      ],
    };
  }
}
