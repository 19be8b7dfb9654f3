// One proxy: a node of the mesh with its tables, listeners, clusters, logs and admin interface. Driven by xDS alone.
// Holds no state outside of itself: a process may run many.
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { NameTable } from '#codec/protobuf/generated/istio/nds';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import { createUuids } from '#foundation/uuid';
import { formatSpiffeId } from '#identity/spiffe';
import type { HandedSockets } from '#net/handed-sockets';
import { type Network, ownNetwork } from '#net/network';
import { type AdminSubject, adminRoutes } from '#proxy/admin/admin-routes';
import { AdminServer } from '#proxy/admin/admin-server';
import type { HeldCertificates } from '#proxy/admin/certificates';
import type { DumpInput } from '#proxy/admin/config-dump';
import { downstreamSamples } from '#proxy/admin/downstream-samples';
import type { ServerStats } from '#proxy/admin/stats';
import { AdsClient } from '#proxy/config/ads-client';
import { ConfigApplier } from '#proxy/config/config-applier';
import type { DecodeCache } from '#proxy/config/decode-cache';
import { formatAddress, type SocketAddress } from '#proxy/config/socket-address';
import { istioStatsType } from '#proxy/filters/http/istio-stats';
import { WorkloadCertificates } from '#proxy/identity/workload-certificates';
import { ListenerManager, type WhichListeners } from '#proxy/listen/listener-manager';
import type { RouteTable } from '#proxy/route/route-table';
import { closeRuntime, createRuntime, type ExchangeListeners, type ProxyRuntime } from '#proxy/runtime';
import { AccessLoggers } from '#proxy/telemetry/access-logger';
import { RequestStats } from '#proxy/telemetry/request-stats';
import type { Cluster } from '#proxy/upstream/cluster';
import { systemResolver } from '#proxy/upstream/dns-resolver';
import { IstioMetrics } from '#telemetry/istio-metrics';
import { MetricsRegistry } from '#telemetry/metrics';
import { encodePeerMetadata, workloadOfMetadata } from '#telemetry/workload';
import { parseNodeId } from '#xds/node-id';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { ProxyBootstrap } from './bootstrap.ts';

export interface ProxyInstanceOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  version: string;
  /** Where its sockets are; the process's own when left out. */
  network?: Network;
  /** Hears of the names that its pod is answered; without it, they are not asked for. */
  setNames?: (table: NameTable) => void;
  /** Shared by the proxies of one process. */
  decodings: DecodeCache;
  /** A token that says which service account this proxy runs as; without it there are no certificates of the mesh. */
  identityToken?: () => Promise<string>;
  /** Listening sockets of the process that this one replaces. */
  handed?: HandedSockets;
  /** What `/quitquitquit` does; nothing when left out. */
  quit?: () => void;
  /** For config dumps. */
  canonicalJson: () => Promise<CanonicalJson>;
}

/** Istio's default of `drainDuration`, with which it starts Envoy. */
const drainMsDefault = 45_000;
/** For the answer to whoever asked for the end. */
const quitMs = 50;

export class ProxyInstance implements AdminSubject {
  readonly registry = new MetricsRegistry();
  readonly runtime: ProxyRuntime;
  readonly listeners: ListenerManager;
  readonly logger: Logger;
  /** Set by `/healthcheck/fail`. */
  healthFailed = false;
  private readonly routeTables = new Map<string, RouteTable>();
  private readonly accessLoggers: AccessLoggers;
  private readonly applier: ConfigApplier;
  private readonly certificates: WorkloadCertificates | undefined;
  private readonly ads: AdsClient;
  private readonly admin: AdminServer;
  private readonly startedWallMs: number;
  private readonly startedAt: number;
  private draining = false;
  private graceEnds: Timer | undefined;
  private live = false;

  constructor(
    readonly bootstrap: ProxyBootstrap,
    private readonly options: ProxyInstanceOptions,
  ) {
    const { clock, random, network = ownNetwork } = options;
    const { node, placement, xds, standardOutput } = bootstrap;
    this.logger = options.logger.child({ proxy: node.id });
    this.startedWallMs = clock.wallMs();
    this.startedAt = clock.now();
    this.accessLoggers = new AccessLoggers({ clock, random, logger: this.logger, standardOutput, runtime: () => this.runtime });
    this.runtime = createRuntime({
      clock,
      random,
      logger: this.logger,
      placement,
      network,
      routeTables: this.routeTables,
      exchangeListeners: this.exchangeListeners(),
      peerMetadata: { metadata: encodePeerMetadata(node.metadata), id: node.id },
      resolver: systemResolver,
      node: { id: node.id, cluster: node.cluster },
      newRequestId: createUuids(options.random),
    });
    this.listeners = new ListenerManager(this.runtime, undefined, options.handed);
    this.applier = new ConfigApplier(
      {
        setCluster: (config) => this.runtime.clusters.set(config),
        removeCluster: (name) => this.runtime.clusters.remove(name),
        setEndpoints: (name, endpoints) => this.runtime.clusters.setEndpoints(name, endpoints),
        setRouteTable: (table) => void this.routeTables.set(table.name, table),
        removeRouteTable: (name) => void this.routeTables.delete(name),
        setSecret: (name, secret) => this.runtime.secrets.set(name, secret),
        removeSecret: (name) => this.runtime.secrets.remove(name),
        applyListeners: (listeners) => (this.draining ? Promise.resolve([]) : this.listeners.apply([...listeners])),
        setNames: options.setNames,
        subscribe: (type, names) => this.subscribe(type, names),
      },
      clock,
      options.decodings,
    );
    this.certificates = this.workloadCertificates();
    this.ads = new AdsClient({ target: formatAddress(xds), node, clock, random, logger: this.logger, handler: this.applier });
    this.admin = new AdminServer(adminRoutes(this), network);
  }

  private workloadCertificates(): WorkloadCertificates | undefined {
    const { clock, random, identityToken: token } = this.options;
    const { node, xds } = this.bootstrap;
    return (
      token &&
      new WorkloadCertificates({
        target: formatAddress(xds),
        identity: identityOf(node.metadata),
        token,
        clock,
        random,
        logger: this.logger,
        deliver: (secrets) => void this.applier.apply(secrets),
      })
    );
  }

  /** Secrets that the workload's own agent brings are not the control plane's to give. */
  private subscribe(type: TypeUrl, names: ReadonlySet<string>): void {
    const own = type === typeUrl.secret ? this.certificates?.want(names) : undefined;
    this.ads.subscribe(type, own === undefined ? names : new Set([...names].filter((name) => !own.has(name))));
  }

  /** Opens the admin interface and the xDS stream; resolves to the admin address when the first listeners serve. */
  async start(): Promise<SocketAddress> {
    const admin = await this.admin.listen(this.bootstrap.admin);
    this.applier.start();
    this.ads.start();
    await this.applier.serving;
    this.live = true;
    this.options.handed?.close();
    return admin;
  }

  /**
   * Takes no new connections; those that are open finish what they have. `graceful`: for Istio's drain duration they are asked to leave
   * while new ones are still taken, so that whoever balances over this proxy hears of it first. `idleMs`: how long a connection without a
   * request may still send one; as long as its filter chain says when left out. Configuration is not changed any more.
   */
  async drain({
    graceful = false,
    which = 'all',
    idleMs,
  }: {
    graceful?: boolean;
    which?: WhichListeners;
    idleMs?: number;
  } = {}): Promise<void> {
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

  /** Another process is to take over: from here on its admin interface answers. What listens goes on until `drain`. */
  async handOver(): Promise<ReturnType<ListenerManager['listening']>> {
    await this.admin.close();
    return this.listeners.listening();
  }

  /** What the operator asked for by its admin interface: the answer goes out first. */
  quit(): void {
    this.options.clock.after(quitMs, () => this.options.quit?.());
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    this.draining = true;
    this.graceEnds?.cancel();
    this.ads.close();
    this.certificates?.close();
    this.applier.close();
    await this.listeners.close();
    closeRuntime(this.runtime);
    await this.admin.close();
    await this.accessLoggers.close();
  }

  get clusters(): Iterable<Cluster> {
    return this.runtime.clusters.all();
  }

  /** Envoy's server states. */
  get state(): 'LIVE' | 'DRAINING' | 'INITIALIZING' {
    if (this.draining || this.healthFailed) return 'DRAINING';
    return this.live ? 'LIVE' : 'INITIALIZING';
  }

  get wallMs(): number {
    return this.options.clock.wallMs();
  }

  get heldCertificates(): HeldCertificates {
    const secrets = [...this.runtime.secrets.all()];
    const inListeners = [...this.listeners.all()].flatMap(({ config }) => config.filterChains.flatMap(({ tls }) => tls ?? []));
    const inClusters = [...this.clusters].flatMap(({ config }) => config.tls ?? []);
    const configured = [...inListeners, ...inClusters];
    return {
      certificates: [
        ...secrets.flatMap((secret) => (secret.kind === 'certificate' ? [secret.certificate] : [])),
        ...configured.flatMap(({ certificates }) => certificates),
      ],
      validations: [
        ...secrets.flatMap((secret) => (secret.kind === 'validation' ? [secret.validation] : [])),
        ...configured.flatMap(({ validation }) => validation ?? []),
      ],
    };
  }

  canonicalJson(): Promise<CanonicalJson> {
    return this.options.canonicalJson();
  }

  dumpInput(): DumpInput {
    return { bootstrap: this.bootstrap, startedWallMs: this.startedWallMs, held: this.applier.held };
  }

  serverInfo(): object {
    const { node } = this.bootstrap;
    return {
      version: `lateen/${this.options.version}`,
      state: this.state,
      uptime_current_epoch: `${Math.floor((this.options.clock.now() - this.startedAt) / 1000)}s`,
      node: { id: node.id, cluster: node.cluster, metadata: node.metadata, user_agent_name: 'lateen' },
      xds: { connected: this.ads.connected, disconnects: this.ads.disconnects },
    };
  }

  serverStats(): ServerStats {
    return {
      'server.uptime': Math.floor((this.options.clock.now() - this.startedAt) / 1000),
      'server.live': this.state === 'LIVE' ? 1 : 0,
      'server.memory_allocated': process.memoryUsage.rss(),
      'control_plane.connected_state': this.ads.connected ? 1 : 0,
      'listener_manager.total_listeners_active': this.listeners.boundAddresses().length,
      ...downstreamSamples(this.listeners),
      ...this.runtime.counters.values(),
      ...Object.fromEntries(Object.entries(this.runtime.http2Stats).map(([name, value]) => [`http2.${name}`, value as number])),
    };
  }

  /** Istio's metrics where the configuration has its filter (TCP: always), access logs where it asks for them. */
  private exchangeListeners(): ExchangeListeners {
    const metrics = new IstioMetrics(this.registry);
    const self = workloadOfMetadata(this.bootstrap.node.metadata);
    const identity = identityOf(this.bootstrap.node.metadata);
    const isRouter = parseNodeId(this.bootstrap.node.id)?.type === 'router';
    const stats = (direction: string) =>
      new RequestStats(metrics, direction === 'inbound' && !isRouter ? 'destination' : 'source', self, identity);
    return {
      http: ({ httpFilters, accessLogs }, direction) => [
        ...(httpFilters.some(({ type }) => type === istioStatsType) ? [stats(direction)] : []),
        ...accessLogs.map((config) => this.accessLoggers.create(config)),
      ],
      tcp: ({ accessLogs }, direction) => [stats(direction), ...accessLogs.map((config) => this.accessLoggers.create(config))],
    };
  }
}

/** As the node introduces itself to the control plane. */
function identityOf(metadata: Readonly<Record<string, unknown>>): string {
  const word = (name: string, otherwise: string) => (typeof metadata[name] === 'string' ? metadata[name] : otherwise);
  const [namespace, serviceAccount] = [word('NAMESPACE', 'default'), word('SERVICE_ACCOUNT', 'default')];
  return formatSpiffeId({ trustDomain: word('MESH_ID', 'cluster.local'), namespace, serviceAccount });
}
