// One proxy: a node of the mesh with its data plane, its certificates and its admin interface, driven by xDS alone; its ports may be shared by
// worker processes. Holds no state outside of itself: a process may run many.
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import type { NameTable } from '#codec/protobuf/generated/istio/nds';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { MeshError } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import { meshRoots } from '#identity/secret-names';
import type { HandedSockets } from '#net/handed-sockets';
import { type Network, ownNetwork } from '#net/network';
import { type AdminSubject, adminRoutes } from '#proxy/admin/admin-routes';
import { AdminServer } from '#proxy/admin/admin-server';
import type { HeldCertificates } from '#proxy/admin/certificates';
import type { DumpInput } from '#proxy/admin/config-dump';
import { addStats, type ProxyStats } from '#proxy/admin/proxy-stats';
import { AdsClient } from '#proxy/config/ads-client';
import type { DecodeCache } from '#proxy/config/decode-cache';
import { withLocalCluster } from '#proxy/config/local-cluster';
import { formatAddress, type SocketAddress } from '#proxy/config/socket-address';
import { identityOf } from '#proxy/identity/node-identity';
import { WorkloadCertificates } from '#proxy/identity/workload-certificates';
import type { ListenerManager } from '#proxy/listen/listener-manager';
import type { ProxyRuntime } from '#proxy/runtime';
import type { Resolver } from '#proxy/upstream/dns-resolver';
import type { Verdicts } from '#proxy/upstream/judging';
import type { ProxyWorkers, WorkerPool, WorkerSource } from '#proxy/workers/worker-pool';
import { pushOrder, type TypeUrl, typeUrl } from '#xds/resource-type';
import type { ProxyBootstrap } from './bootstrap.ts';
import { DataPlane, type DataPlaneOptions, type Drain } from './data-plane.ts';

export interface ProxyInstanceOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  version: string;
  /** Where its sockets are; the process's own when left out. */
  network?: Network;
  /** Of names that are not the mesh's; the machine's own when left out. */
  resolver?: Resolver;
  /** Hears of the names that its pod is answered; without it, they are not asked for. */
  setNames?: (table: NameTable) => void;
  /** In force from the start, whatever the control plane says; in an order that takes effect. */
  initial?: readonly DeltaDiscoveryResponse[];
  /** Shared by the proxies of one process. */
  decodings: DecodeCache;
  /** A token that says which service account this proxy runs as; without it there are no certificates of the mesh. */
  identityToken?: () => Promise<string>;
  /** Listening sockets of the process that this one replaces. */
  handed?: HandedSockets;
  /** Of this process, for proxies with a concurrency of more than one. */
  workers?: WorkerPool;
  /** What `/quitquitquit` does; nothing when left out. */
  quit?: () => void;
  /** For config dumps. */
  canonicalJson: () => Promise<CanonicalJson>;
}

/** For the answer to whoever asked for the end. */
const quitMs = 50;

export class ProxyInstance implements AdminSubject {
  readonly logger: Pick<Logger, 'level'>;
  /** Set by `/healthcheck/fail`. */
  healthFailed = false;
  private readonly plane: DataPlane;
  private readonly log: Logger;
  private readonly certificates: WorkloadCertificates | undefined;
  private readonly ads: AdsClient | undefined;
  private readonly admin: AdminServer;
  /** In force whatever the control plane says. */
  private readonly initial: readonly DeltaDiscoveryResponse[];
  private readonly startedWallMs: number;
  private readonly startedAt: number;
  private workers: ProxyWorkers | undefined;
  private live = false;

  constructor(
    readonly bootstrap: ProxyBootstrap,
    private readonly options: ProxyInstanceOptions,
  ) {
    const { clock, random, network = ownNetwork, decodings, handed, setNames, initial = [] } = options;
    this.initial = withLocalCluster(initial, bootstrap.localCluster);
    const { node, xds } = bootstrap;
    const logger = options.logger.child({ proxy: node.id });
    this.log = logger;
    this.logger = this.sharedLevel();
    this.startedWallMs = clock.wallMs();
    this.startedAt = clock.now();
    this.plane = new DataPlane(
      bootstrap,
      {
        clock,
        random,
        logger,
        network,
        decodings,
        ...(options.resolver && { resolver: options.resolver }),
        ...(handed && { sockets: handed }),
        ...this.sharedWithWorkers(),
      },
      { subscribe: (type, names) => this.subscribe(type, names), setNames },
    );
    this.certificates = this.workloadCertificates();
    const handler = {
      apply: (response: DeltaDiscoveryResponse) => this.apply(this.certificates?.heard(response) ?? response),
      versions: (type: TypeUrl) => this.discovered(type),
    };
    this.ads = xds && new AdsClient({ target: formatAddress(xds), node, clock, random, logger, handler });
    this.admin = new AdminServer(adminRoutes(this), network);
  }

  get runtime(): ProxyRuntime {
    return this.plane.runtime;
  }

  get listeners(): ListenerManager {
    return this.plane.listeners;
  }

  /** Of all its processes. */
  private sharedLevel(): Pick<Logger, 'level'> {
    const proxy = this;
    return {
      get level() {
        return proxy.log.level;
      },
      set level(level) {
        proxy.log.level = level;
        proxy.workers?.setLogLevel(level);
      },
    };
  }

  /** Here, then in the workers: what they lack, this process has. What is wrong here is wrong there. */
  private async apply(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    const findings = await this.plane.applier.apply(response);
    const theirs = await this.workers?.apply(response);
    return findings.length > 0 ? findings : (theirs ?? []);
  }

  /** A control plane would take back what it is told of and has not given. */
  private discovered(type: TypeUrl): Record<string, string> {
    const others = new Set(this.broughtFromElsewhere(type));
    return Object.fromEntries(Object.entries(this.plane.applier.versions(type)).filter(([name]) => !others.has(name)));
  }

  private broughtFromElsewhere(type: TypeUrl): string[] {
    const initial = this.initial.filter((response) => response.typeUrl === type);
    const certificates = type === typeUrl.secret ? (this.certificates?.brought ?? []) : [];
    return [...initial.flatMap(({ resources }) => resources.map(({ name }) => name)), ...certificates];
  }

  private joinWorkers(): ProxyWorkers | undefined {
    const { workers } = this.options;
    const { concurrency = 1, node } = this.bootstrap;
    if (workers === undefined || concurrency < 2) return undefined;
    const { clusters } = this.runtime;
    const source: WorkerSource = {
      held: () => this.held(),
      listeningAt: (address) => this.listeners.listeningAt(address),
      verdicts: () => [...clusters.all()].map(({ name, verdicts }) => [name, verdicts] as const),
      hear: (cluster, outcomes) => clusters.get(cluster)?.hear(outcomes),
    };
    return workers.join(node.id, concurrency - 1, { bootstrap: this.bootstrap, source });
  }

  /** Limits are kept together; endpoints are judged here. */
  private sharedWithWorkers(): Pick<DataPlaneOptions, 'sharing' | 'judging'> {
    const { concurrency = 1, node } = this.bootstrap;
    const { workers } = this.options;
    if (workers === undefined || concurrency < 2) return {};
    const publish = (cluster: string, verdicts: Verdicts) => this.workers?.tellVerdicts(cluster, verdicts);
    return { sharing: workers.sharingOf(node.id, concurrency), judging: { kind: 'for all', publish } };
  }

  private *held(): Iterable<DeltaDiscoveryResponse> {
    for (const type of pushOrder) {
      const resources = [...(this.plane.applier.held.get(type)?.all() ?? [])].map(({ name, decoding: { version, bytes: value } }) => ({
        name,
        version,
        resource: { typeUrl: type, value },
      }));
      if (resources.length > 0) yield DeltaDiscoveryResponse.fromPartial({ typeUrl: type, resources });
    }
  }

  private workloadCertificates(): WorkloadCertificates | undefined {
    const { clock, random, identityToken: token } = this.options;
    const { node, xds } = this.bootstrap;
    return (
      token &&
      xds &&
      new WorkloadCertificates({
        target: formatAddress(xds),
        identity: identityOf(node.metadata),
        token,
        clock,
        random,
        logger: this.log,
        deliver: (secrets) => void this.apply(secrets),
      })
    );
  }

  /** Secrets that the workload's own agent brings are not the control plane's to give; it says when the roots are others. */
  private subscribe(type: TypeUrl, names: ReadonlySet<string>): void {
    const own = type === typeUrl.secret ? this.certificates?.want(names) : undefined;
    this.ads?.subscribe(type, own === undefined ? names : new Set([...names].filter((name) => name === meshRoots || !own.has(name))));
  }

  /**
   * Opens the admin interface and the xDS stream; resolves to the admin address when the first listeners serve. Throws MeshError
   * CONFIG_REFUSED where something is wrong with `initial`.
   */
  async start(): Promise<SocketAddress> {
    const admin = await this.admin.listen(this.bootstrap.admin);
    this.plane.applier.start();
    this.workers = this.joinWorkers();
    for (const response of this.initial) {
      const findings = await this.apply(response);
      if (findings.length > 0) throw new MeshError('CONFIG_REFUSED', findings.join('\n'));
    }
    this.ads?.start();
    await this.plane.applier.serving;
    this.live = true;
    this.options.handed?.close();
    return admin;
  }

  /** Takes no new connections; those that are open finish what they have. Configuration is not changed any more. */
  async drain(drain: Drain = {}): Promise<void> {
    await Promise.all([this.plane.drain(drain), this.workers?.drain(drain)]);
  }

  /** The callers of its programs are asked to leave within `graceMs`, while those call on; resolves when there are none. */
  async dismissCallers(graceMs: number): Promise<void> {
    await Promise.all([this.plane.dismissCallers(graceMs), this.workers?.dismissCallers(graceMs)]);
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
    this.plane.draining = true;
    this.ads?.close();
    this.certificates?.close();
    await Promise.all([this.plane.close(), this.workers?.close()]);
    await this.admin.close();
  }

  /** Envoy's server states. */
  get state(): 'LIVE' | 'DRAINING' | 'INITIALIZING' {
    if (this.plane.draining || this.healthFailed) return 'DRAINING';
    return this.live ? 'LIVE' : 'INITIALIZING';
  }

  get wallMs(): number {
    return this.options.clock.wallMs();
  }

  get heldCertificates(): HeldCertificates {
    const secrets = [...this.runtime.secrets.all()];
    const inListeners = [...this.listeners.all()].flatMap(({ config }) => config.filterChains.flatMap(({ tls }) => tls ?? []));
    const inClusters = [...this.runtime.clusters.all()].flatMap(({ config }) => config.tls ?? []);
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
    return { bootstrap: this.bootstrap, startedWallMs: this.startedWallMs, held: this.plane.applier.held };
  }

  serverInfo(): object {
    const { node, concurrency = 1 } = this.bootstrap;
    return {
      version: `lateen/${this.options.version}`,
      state: this.state,
      uptime_current_epoch: `${Math.floor((this.options.clock.now() - this.startedAt) / 1000)}s`,
      node: { id: node.id, cluster: node.cluster, metadata: node.metadata, user_agent_name: 'lateen' },
      command_line_options: { concurrency },
      xds: { connected: this.ads?.connected ?? false, disconnects: this.ads?.disconnects ?? 0 },
    };
  }

  async stats(): Promise<ProxyStats> {
    const sum = addStats(this.plane.stats(), (await this.workers?.stats()) ?? []);
    return {
      ...sum,
      server: {
        'server.uptime': Math.floor((this.options.clock.now() - this.startedAt) / 1000),
        'server.live': this.state === 'LIVE' ? 1 : 0,
        'server.concurrency': this.bootstrap.concurrency ?? 1,
        'server.memory_allocated': sum.memory.rss,
        'control_plane.connected_state': this.ads?.connected ? 1 : 0,
        'listener_manager.total_listeners_active': this.listeners.boundAddresses().length,
        ...sum.server,
      },
    };
  }
}
