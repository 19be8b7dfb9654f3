// The whole mesh of one machine: API server and store here, control plane and proxies as two child processes that are
// restarted when they end, and the host that runs the pods. `lateen up` starts it and shows it; tests start it too.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { advise } from '#analysis/advise';
import { envoyValueProblems } from '#analysis/envoy-values';
import { customKind } from '#api/custom-kind';
import { withDefaults } from '#api/defaults';
import type { Examine } from '#api/examine';
import type { ApiObject } from '#api/kind';
import { KindCatalog } from '#api/kind-catalog';
import { type Pod, podKind } from '#api/kinds/pod';
import { kindOf } from '#api/registry';
import { apiRecordPath, writeApiRecord } from '#apiserver/api-record';
import { ApiServer } from '#apiserver/api-server';
import { ensureClusterRoles } from '#apiserver/cluster-roles';
import { ensureCredentials, writeKubeconfigs } from '#apiserver/credentials';
import { definitionKind } from '#apiserver/custom-kinds';
import type { PodAccess } from '#apiserver/pod-access';
import type { IssueToken } from '#apiserver/token-request';
import { FindingKeeper } from '#diagnosis/finding-keeper';
import type { Forwarder } from '#dns/forwarder';
import { systemClock } from '#foundation/clock';
import { endInOrder } from '#foundation/ending';
import type { Logger } from '#foundation/logger';
import { MeshError } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import { withApiAccess } from '#host/api-access';
import { LoopbackNetworks } from '#host/capture/loopback-networks';
import type { PodNetworks } from '#host/capture/pod-network';
import { Cgroups } from '#host/cgroup/cgroups';
import { EventRecorder } from '#host/event-recorder';
import { Host, type HostOptions } from '#host/host';
import { ImageMap, type ImageMapping } from '#host/image-map';
import { ingressGateway } from '#host/ingress-gateway';
import type { MachinePort } from '#host/machine-service';
import { endOrphans, supervisorVariable } from '#host/orphans';
import { gracePeriodOf as podGracePeriod } from '#host/pod-worker';
import { type SentSocket, SupervisedProcess } from '#host/process';
import { type FleetReport, ProxyFleet } from '#host/proxy-fleet';
import { ProxyPerPod } from '#host/proxy-per-pod';
import { isPublished } from '#host/published-ports';
import { forgetRuns } from '#host/recovery';
import { withSidecarLabels } from '#host/sidecar-injection';
import { apiAudience, authorityAudience, TokenIssuer } from '#identity/service-account-token';
import type { HttpAccess } from '#net/http-access';
import { listenFailure } from '#net/port-owner';
import type { SocketAddress } from '#proxy/config/socket-address';
import { applyObject } from '#store/apply';
import { withClusterIp } from '#store/cluster-ip';
import type { LmdbJournal } from '#store/lmdb-journal';
import { MemoryStore, type StoreView } from '#store/memory-store';
import { admitNamespace } from '#store/namespaces';
import { withNodePorts } from '#store/node-port';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { ClusterNetwork } from './cluster-network.ts';
import type { ControlPlaneReport } from './control-plane.ts';
import { meshConfigText } from './mesh-config-file.ts';
import { canonicalJson, dist, version } from './package.ts';

export interface LocalMeshOptions {
  /** All on 127.0.0.1; 0 takes a free one. */
  apiPort: number;
  xdsPort: number;
  debugPort: number;
  gatewayHttpPort: number;
  gatewayHttpsPort: number;
  /** Plain HTTP on the API's port as well, for anybody on this machine. */
  insecureApi?: boolean | undefined;
  /** Logs go to `logs/` below it, and what opens the API: certificates, tokens, kubeconfigs. */
  runDirectory: string;
  /** Read by the control plane when it starts. */
  meshConfigFile?: string | undefined;
  /** Of the store; without it what is written ends with the process. */
  dataDirectory?: string | undefined;
  images: readonly ImageMapping[];
  /** A process for each proxy, instead of one for all. */
  proxyPerPod?: boolean | undefined;
  /** How many processes serve with the ports of a proxy whose pod does not say; one when left out, 0: one for each processor. */
  concurrency?: number | undefined;
  /** Ports of this machine that are services of the mesh. */
  machinePorts?: readonly MachinePort[];
  /** How pods are on the network: loopback addresses when left out. Closed with the mesh. */
  networks?: PodNetworks;
  /** Of names that are not of the mesh; by this machine's resolvers when left out. */
  forwarder?: Pick<Forwarder, 'ask'>;
  /** What children and programs inherit. */
  inherited: Readonly<Record<string, string>>;
  logger: Logger;
}

export interface LocalMeshAddresses {
  /** As its administrator. */
  api: HttpAccess;
  /** In plain HTTP where that is served. */
  apiUrl: string;
  kubeconfig: string;
  xds: SocketAddress;
  debug: SocketAddress;
  gatewayHttp: SocketAddress;
  gatewayHttps: SocketAddress;
  logs: string;
}

const loopback = '127.0.0.1';
/** Of Kubernetes. */
const serviceNetworkDefault = '10.96';
const childStartMsMax = 20_000;
const childStopMsMax = 3_000;
/** Istio's `drainDuration`: for what is under way in proxies that move to another process. */
const moveDrainMs = 45_000;

/** Of all pods' volumes. */
export const volumeDirectoryOf = (runDirectory: string): string => path.join(runDirectory, 'volumes');

export class LocalMesh {
  /** What every object is asked for before it is taken. */
  readonly examine: Examine = (object) => envoyValueProblems(object, canonicalJson);
  private readonly tokens = new TokenIssuer(systemClock);
  private readonly fleet: ProxyFleet;
  private proxies: SupervisedProcess | ProxyPerPod;
  /** What the proxies move from, or could not move to. */
  private formerProxies: LocalMesh['proxies'] | undefined;
  private readonly logs: string;
  private readonly volumes: string;
  private cgroups: Cgroups | { why: string } = { why: 'the mesh has not been started' };
  private opened: { store: MemoryStore; journal: LmdbJournal | undefined } | undefined;
  private api: ApiServer | undefined;
  private findings: FindingKeeper | undefined;
  private controlPlane: SupervisedProcess | undefined;
  private host: Host | undefined;
  private networks: PodNetworks | undefined;
  private clusterNetwork: ClusterNetwork | undefined;

  constructor(private readonly options: LocalMeshOptions) {
    this.networks = options.networks;
    this.logs = path.join(options.runDirectory, 'logs');
    this.volumes = volumeDirectoryOf(options.runDirectory);
    this.proxies = options.proxyPerPod ? this.processPerProxy() : this.proxiesProcess();
    this.fleet = new ProxyFleet(this.proxies, (account) => this.tokens.issue(account, authorityAudience));
  }

  get dataDirectory(): string | undefined {
    return this.options.dataDirectory;
  }

  /** Once it has been started. */
  get store(): MemoryStore {
    if (!this.opened) throw new MeshError('NOT_STARTED', 'the mesh has not been started');
    return this.opened.store;
  }

  /** Resolves when everything but the pods runs. Throws MeshError where a port is taken, or the data are in use. */
  async start(): Promise<LocalMeshAddresses> {
    const { logger, runDirectory } = this.options;
    const gatewayHttp = { address: loopback, port: await freePort(this.options.gatewayHttpPort) };
    const gatewayHttps = { address: loopback, port: await freePort(this.options.gatewayHttpsPort) };
    const catalog = new KindCatalog();
    const store = await this.openStore(catalog);
    const own = { clock: systemClock, random: systemRandom };
    const credentials = await ensureCredentials(runDirectory, systemClock);
    const access = { credentials, plainHttp: this.options.insecureApi === true };
    const { examine, pods, tokens } = this;
    const serviceAccountOf = (token: string) => tokens.accountOf(token, apiAudience);
    const issueToken: IssueToken = (account, audience, validSeconds) => tokens.issue(account, audience, validSeconds);
    const served = { store, logger, version, advise: advise(store), examine, catalog, pods, serviceAccountOf, issueToken };
    this.api = new ApiServer({ ...own, ...access, ...served });
    this.findings = new FindingKeeper({ ...own, store, logger, canonicalJson });
    await ensureClusterRoles(store, catalog.kinds);
    const { url, port } = await this.api.listen({ host: loopback, port: this.options.apiPort });
    const api = { url: `https://${loopback}:${port}`, authority: credentials.authority, token: credentials.tokens.admin };
    const kubeconfig = writeKubeconfigs(runDirectory, api.url, credentials);
    writeApiRecord(runDirectory, api);
    // Only now: a mesh that runs already, on the same ports, keeps its logs.
    for (const former of [this.logs, this.volumes]) rmSync(former, { recursive: true, force: true });
    mkdirSync(this.logs, { recursive: true });
    this.proxies.start();
    const { xdsPort, debugPort } = await this.startControlPlane();
    const xds = { address: loopback, port: xdsPort };
    await forgetRuns(store);
    endOrphans();
    const networks = (this.networks ??= await LoopbackNetworks.claim());
    const { machinePorts = [], forwarder } = this.options;
    this.clusterNetwork = new ClusterNetwork({ ...own, store, networks, logger, forwarder });
    const apiAddress = await this.clusterNetwork.start({ apiPort: port, machinePorts });
    for (const object of ingressGateway({ http: gatewayHttp, https: gatewayHttps })) {
      await applyObject(store, kindOf(object.apiVersion, object.kind)!, object);
    }
    this.startHost(store, { networks, xds, apiAddress, apiAuthority: credentials.authority });
    this.findings.start();
    return {
      api,
      apiUrl: url,
      kubeconfig,
      xds,
      debug: { address: loopback, port: debugPort },
      gatewayHttp,
      gatewayHttps,
      logs: this.logs,
    };
  }

  private startHost(store: Store, where: Pick<HostOptions, 'networks' | 'xds' | 'apiAddress' | 'apiAuthority'>): void {
    const { logger, images, inherited, concurrency = 1, meshConfigFile } = this.options;
    const own = { store, clock: systemClock, random: systemRandom, logger };
    this.cgroups = openCgroups();
    this.host = new Host({
      ...own,
      ...where,
      events: new EventRecorder(own),
      fleet: this.fleet,
      images: new ImageMap(images),
      node: process.execPath,
      machine: { cpus: os.availableParallelism(), memoryBytes: os.totalmem() },
      cgroups: this.cgroups instanceof Cgroups ? this.cgroups : undefined,
      concurrency,
      installedMeshConfig: () => meshConfigText(meshConfigFile),
      issueToken: (account, audience) => this.tokens.issue(account, audience),
      volumeDirectory: this.volumes,
      inherited: { ...inherited, [supervisorVariable]: String(process.pid) },
      logDirectory: this.logs,
    });
    this.host.start();
  }

  /** Of the data that are kept, and of what their definitions bring. */
  private async openStore(catalog: KindCatalog): Promise<MemoryStore> {
    const { dataDirectory } = this.options;
    const journal = dataDirectory === undefined ? undefined : await openJournal(dataDirectory);
    // Objects of custom kinds are read with the rest: their definitions must be known by then.
    for (const object of journal?.recover().objects ?? []) {
      const defined = object.kind === definitionKind.kind ? customKind(object) : undefined;
      if (defined) catalog.define(defined);
    }
    const own = { clock: systemClock, random: systemRandom };
    const store = new MemoryStore({
      ...own,
      admit: admitNamespace,
      kindOf: catalog.kindOf,
      complete: (object, view) => this.complete(object, view),
      gracePeriodOf,
      ...(journal && { journal }),
    });
    this.opened = { store, journal };
    return store;
  }

  /** As Kubernetes' API server would. */
  private complete(object: ApiObject, view: StoreView): ApiObject {
    const completed = withApiAccess(withSidecarLabels(withDefaults(object)), view);
    const addressed = withClusterIp(completed, view, this.networks?.serviceNetwork ?? serviceNetworkDefault);
    return withNodePorts(addressed, view, { isPublished, spread: this.networks?.machineAddress ?? '' });
  }

  /** How limits of containers are kept, or why they are not. */
  get limits(): string {
    return this.cgroups instanceof Cgroups ? `by cgroups, version ${this.cgroups.version}` : `not kept: ${this.cgroups.why}`;
  }

  /** Pods first, then their proxies, then what told them. Throws MeshError ENDED_BADLY when everything that can end has ended. */
  async stop(): Promise<void> {
    await endInOrder({
      findings: () => this.findings?.stop(),
      pods: () => this.host?.stop(),
      processes: () => Promise.all([this.proxies.stop(), this.formerProxies?.stop(), this.controlPlane?.stop()]),
      'the cluster’s network': () => this.clusterNetwork?.close(),
      // Only now: whoever claims these addresses next finds nobody at them.
      'networks of pods': () => this.networks?.close(),
      'the API server': () => this.api?.close(),
      'the store': () => this.opened?.journal?.close(),
    });
  }

  /**
   * Another process takes the proxies over, with the sockets that they listen on: no connection is refused meanwhile. Throws MeshError
   * where that goes wrong; the proxies then run in one of the two.
   */
  async restartProxies(): Promise<void> {
    if (this.options.proxyPerPod) {
      throw new MeshError('PROXY_PER_POD', 'each proxy has a process of its own, and none takes over from it', {
        hint: 'start the pods anew: kubectl rollout restart deployment NAME',
      });
    }
    const next = this.proxiesProcess();
    const moved = this.fleet.moveTo(next, moveDrainMs);
    this.formerProxies = next;
    next.start();
    try {
      await moved;
    } finally {
      const [stays, goes] = this.fleet.runsIn === next ? [next, this.proxies] : [this.proxies, next];
      this.proxies = stays;
      this.formerProxies = goes;
      await goes.stop();
      this.formerProxies = undefined;
    }
  }

  private proxiesProcess(): SupervisedProcess {
    const child: SupervisedProcess = this.child('proxies', () => ['proxies.js'], {
      message: (message, socket) => this.fleet.receive(message as FleetReport, child, socket),
      ended: () => this.fleet.ended(child),
    });
    return child;
  }

  private processPerProxy(): ProxyPerPod {
    const perPod: ProxyPerPod = new ProxyPerPod(
      (id, { report, ended }) =>
        this.child(`proxy-${id}`, () => ['proxies.js'], { message: (message) => report(message as FleetReport), ended }),
      (report) => this.fleet.receive(report, perPod),
    );
    return perPod;
  }

  /** Process ids of Lateen's own processes, for whoever measures or kills them. */
  processes(): { supervisor: number; controlPlane: number | undefined; proxies: number | undefined } {
    return { supervisor: process.pid, controlPlane: this.controlPlane?.pid, proxies: this.proxies.pid };
  }

  /** The host comes after the API server, which it asks for pods. */
  get pods(): PodAccess {
    const host = () => {
      if (this.host) return this.host;
      throw new StoreError('UNAVAILABLE', 'the host has not been started');
    };
    return {
      log: (namespace, pod, container) => this.host?.containerLog(namespace, pod, container),
      exec: (target, command, tty) => host().exec(target, command, tty),
      attach: (target) => host().attach(target),
      forward: (target) => host().forward(target),
    };
  }

  /** The first start settles the ports; a restart takes the same again. */
  private startControlPlane(): Promise<{ xdsPort: number; debugPort: number }> {
    const { meshConfigFile } = this.options;
    let ports = { xdsPort: this.options.xdsPort, debugPort: this.options.debugPort };
    return new Promise((resolve, reject) => {
      const late = systemClock.after(childStartMsMax, () =>
        reject(
          new MeshError('CONTROL_PLANE_START', 'the control plane did not start in time', { hint: `see ${this.logs}/control-plane.log` }),
        ),
      );
      const command = () => [
        'control-plane.js',
        '--api-record',
        apiRecordPath(this.options.runDirectory),
        '--xds-port',
        `${ports.xdsPort}`,
        '--debug-port',
        `${ports.debugPort}`,
        '--token-key',
        this.tokens.publicKey,
        ...(meshConfigFile === undefined ? [] : ['--mesh-config-file', meshConfigFile]),
      ];
      this.controlPlane = this.child('control-plane', command, {
        message: (message) => {
          const report = message as ControlPlaneReport;
          late.cancel();
          if (report.type === 'bound') {
            ports = { xdsPort: report.xdsPort, debugPort: report.debugPort };
            resolve(ports);
          } else reject(new MeshError('CONTROL_PLANE_START', report.message, report.hint ? { hint: report.hint } : {}));
        },
      });
      this.controlPlane.start();
    });
  }

  private child(
    name: string,
    command: () => readonly string[],
    events: { message(message: unknown, socket?: SentSocket): void; ended?(): void },
  ): SupervisedProcess {
    const { inherited, logger } = this.options;
    return new SupervisedProcess(
      {
        command: () => {
          const [file = '', ...args] = command();
          return [process.execPath, ...memoryFlags, fileURLToPath(new URL(`main/${file}`, dist)), ...args];
        },
        env: inherited,
        logFile: path.join(this.logs, `${name}.log`),
        channel: true,
      },
      {
        clock: systemClock,
        random: systemRandom,
        stopMsMax: childStopMsMax,
        events: {
          started: (pid) => logger.debug({ name, pid }, 'started'),
          ended: (exit, retryMs) => {
            logger.warn({ name, ...exit, retryMs }, 'ended unexpectedly');
            events.ended?.();
          },
          message: events.message,
        },
      },
    );
  }
}

const gracePeriodOf = (object: ApiObject) => (object.kind === podKind.kind ? podGracePeriod(object as Pod) : 0);

/**
 * Three processes within their budget of memory: a small nursery, since young objects die young here; and an old space that is
 * collected when it has grown by a third instead of fourfold, since what outlives the small nursery is garbage soon after; two threads for
 * V8's own work instead of four, each of which keeps some of what it was given.
 */
const memoryFlags = ['--max-semi-space-size=4', '--heap-growing-percent=30', '--v8-pool-size=2'];

function openCgroups(): Cgroups | { why: string } {
  const isAlive = (pid: number) => existsSync(`/proc/${pid}`);
  const own = existsSync('/proc/self/cgroup') ? readFileSync('/proc/self/cgroup', 'utf8') : '';
  return Cgroups.open({ root: '/sys/fs/cgroup', own, pid: process.pid, isAlive });
}

/** Opens and closes it, so that a port that is taken is said now: the gateway's proxy could only refuse its listener later. */
function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) => listenFailure('the ingress gateway', { host: loopback, port: wanted }, cause).then(reject, reject));
    server.listen({ host: loopback, port: wanted }, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A mesh that keeps nothing does without the library. */
async function openJournal(directory: string): Promise<LmdbJournal> {
  const { LmdbJournal } = await import('#store/lmdb-journal');
  return LmdbJournal.open({ directory });
}
