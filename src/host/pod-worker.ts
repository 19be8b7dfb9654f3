// One pod on this machine: its addresses, its volumes, its containers, its proxy, and what its status says of them.
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import type { ApiObject } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import type { Timer } from '#foundation/clock';
import { messageOf } from '#foundation/mesh-error';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { Store } from '#store/store';
import type { PodNetwork } from './capture/pod-network.ts';
import type { Container } from './container.ts';
import { type ContainerPlace, ContainerWorker } from './container-worker.ts';
import { isGateway, isInjected } from './injection.ts';
import { type ContainerReport, type ContainerState, isSidecar, podStatus } from './pod-status.ts';
import { proxyBootstrapOf } from './proxy-bootstrap.ts';
import type { ProxyFleet } from './proxy-fleet.ts';
import type { ProxySettings } from './proxy-settings.ts';
import { Settings } from './settings.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';
import type { SourceObject } from './volumes/volume-files.ts';

export interface PodSurroundings extends Omit<ContainerPlace, 'pod' | 'network' | 'volumes' | 'logFile' | 'graceMs'> {
  store: Store;
  fleet: ProxyFleet;
  xds: SocketAddress;
  /** Of the pod's proxy, where it has one. */
  proxySettings: ProxySettings;
  /** Volumes of all pods go below it. */
  volumeDirectory: string;
  /** Of the pod's service account, for who is to believe it. */
  issueToken(account: { namespace: string; serviceAccount: string }, audience: string): string;
  /** The file of a pod's container, or of its proxy. */
  logFile(pod: Pod, container: string): string;
  /** Ports of the pod that are published on this machine. */
  publishedPorts(pod: Pod): readonly { port: number; at: SocketAddress }[];
}

/** As Istio injects it. */
export const proxyContainer = 'istio-proxy';
/** A program that dies once is restarted before its callers are told; they wait for it in the pod's proxy. */
const restartGraceMs = 1_000;
/** How long a pod that has been deleted goes on, so that no caller is sent to it any more. */
const farewellMs = 300;
/** Kubernetes' default of `terminationGracePeriodSeconds`. */
const graceSecondsDefault = 30;
/** A ConfigMap or Secret that is not there is looked for again. */
const setupRetryMs = 500;
/** A network that could not be made is tried again. */
const networkRetryMs = 1_000;

/** How long a pod may want to end once it is to be deleted: one that nobody runs, or that has ended, not at all. */
export function gracePeriodOf({ spec, status }: Pod): number {
  const runs = status?.podIP !== undefined && status.phase !== 'Succeeded' && status.phase !== 'Failed';
  return runs ? (spec.terminationGracePeriodSeconds ?? graceSecondsDefault) : 0;
}

export class PodWorker {
  private containers: ContainerWorker[] = [];
  private initContainers: ContainerWorker[] = [];
  private readonly volumes: PodVolumes;
  private setupRetry: Timer | undefined;
  private setupFailure: { reason: string; message: string } | undefined;
  private readonly startTime: string;
  private programsStarted = false;
  private proxyServes = false;
  private proxyFailure: string | undefined;
  private grace: Timer | undefined;
  private stopped: Promise<void> | undefined;
  private written = '';
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly pod: Pod,
    private readonly network: PodNetwork,
    private readonly surroundings: PodSurroundings,
  ) {
    const { clock, store, machine, volumeDirectory, issueToken } = surroundings;
    const { uid = '', namespace = 'default' } = pod.metadata;
    const account = { namespace, serviceAccount: pod.spec.serviceAccountName ?? 'default' };
    this.startTime = new Date(clock.wallMs()).toISOString();
    this.volumes = new PodVolumes({
      ...{ pod, podIP: network.addresses.pod, store, clock, machine },
      token: (audience) => issueToken(account, audience),
      directory: path.join(volumeDirectory, uid),
    });
  }

  private get injected(): boolean {
    return isGateway(this.pod) || isInjected(this.pod);
  }

  /** The network first: everything else is on it. */
  start(): void {
    this.network.open().then(
      () => {
        this.setupFailure = undefined;
        if (!this.stopped) this.enter();
      },
      (thrown) => this.retrySetup('FailedCreatePodSandBox', messageOf(thrown), networkRetryMs, () => this.start()),
    );
  }

  private enter(): void {
    const { fleet, xds, logger, proxySettings: settings } = this.surroundings;
    for (const problem of this.network.problems) logger.warn({ pod: this.pod.metadata.name, problem }, 'not captured as asked');
    if (this.injected) {
      const options = {
        xds,
        settings,
        published: this.surroundings.publishedPorts(this.pod),
        standardOutput: this.surroundings.logFile(this.pod, proxyContainer),
      };
      fleet.add(this.pod.metadata.uid ?? '', proxyBootstrapOf(this.pod, this.network, options), (report) => {
        this.proxyServes = report.type === 'serving';
        this.proxyFailure = report.type === 'failed' ? report.message : undefined;
        if (this.proxyServes) this.startPrograms();
        this.report();
      });
    }
    if (!this.injected || !settings.holdsApplication) this.startPrograms();
    this.report();
  }

  /** Once; of those that wait for their proxy, when it first serves. */
  private startPrograms(): void {
    if (this.programsStarted || this.stopped || isGateway(this.pod)) return;
    this.programsStarted = true;
    void this.startContainers();
  }

  /**
   * No more callers; then the programs: what they want done before, then a word to end, then force when the time is over. Until they have
   * ended they are on the network and call by their proxy. Who asks again may be in more of a hurry.
   */
  stop(withinMs: number): Promise<void> {
    if (withinMs === 0) for (const each of this.programs) void each.stop(0);
    this.stopped ??= this.end(withinMs);
    return this.stopped;
  }

  private async end(withinMs: number): Promise<void> {
    const { clock, fleet, proxySettings } = this.surroundings;
    const { terminationDrainMs: drainMs } = proxySettings;
    const until = clock.now() + withinMs;
    const left = () => Math.max(0, until - clock.now());
    this.endTimers();
    for (const each of this.programs) each.endProbes();
    const farewell = new Promise<void>((resolve) => clock.after(Math.min(farewellMs, withinMs), resolve));
    await Promise.all([farewell, ...this.programs.map((each) => each.preStop(withinMs))]);
    const { uid = '' } = this.pod.metadata;
    // What is under way is answered before the word to end: many programs know no better than to end at once.
    if (this.programs.length > 0) await fleet.dismiss(uid, left(), Math.min(drainMs, left()));
    await Promise.all(this.containers.map((each) => each.stop(left())));
    await Promise.all(this.initContainers.map((each) => each.stop(left())));
    await fleet.remove(uid, Math.min(drainMs, left()));
    await this.network.close();
    this.volumes.close();
  }

  /** At the end of the host: nobody is left who would have to be told. */
  async kill(): Promise<void> {
    this.stopped ??= Promise.resolve();
    this.endTimers();
    await Promise.all(this.programs.map((each) => each.stop()));
    this.volumes.close();
  }

  private get programs(): readonly ContainerWorker[] {
    return [...this.containers, ...this.initContainers];
  }

  private endTimers(): void {
    this.grace?.cancel();
    this.setupRetry?.cancel();
  }

  /**
   * What a command beside a container is given; undefined where there is no such container, or it cannot run. The first one has no name.
   * The proxy's is the pod's network with nothing mounted.
   */
  placeOf(container: string): Pick<ContainerWorker, 'env' | 'inside'> | undefined {
    const found = this.programs.find((each) => container === '' || each.container.name === container);
    if (found) return found.hasProcess ? found : undefined;
    const isProxy = this.injected && (container === proxyContainer || isGateway(this.pod));
    return isProxy ? { env: this.surroundings.inherited, inside: (command) => this.network.inside(command) } : undefined;
  }

  /** A ConfigMap or Secret has changed. */
  refresh({ kind, metadata: { namespace, name } }: ApiObject): void {
    if (this.stopped || namespace !== this.pod.metadata.namespace) return;
    const failed = (thrown: unknown) =>
      this.surroundings.logger.warn({ pod: this.pod.metadata.name, error: messageOf(thrown) }, 'a volume has not been changed');
    void this.volumes.refresh({ kind: kind as SourceObject['kind'], name }).catch(failed);
  }

  /** To a port of its programs, past the proxy. Rejects where nobody listens. */
  connect(port: number): Promise<Socket> {
    const socket = connect({ ...this.network.probe, port });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }

  /** Volumes; then init containers one after the other, each to its good end or until it runs beside the others; then all others. */
  private async startContainers(): Promise<void> {
    const missing = await this.volumes.prepare();
    const settings = await Settings.read(this.surroundings.store, this.pod);
    if (this.stopped) return;
    if (missing !== undefined) {
      this.retrySetup('ContainerCreating', missing, setupRetryMs, () => void this.startContainers());
      return;
    }
    this.setupFailure = undefined;
    for (const each of this.programs) void each.stop();
    this.initContainers = [];
    this.containers = [];
    for (const container of this.pod.spec.initContainers ?? []) {
      const done = await new Promise<boolean>((resolve) => this.startInitContainer(container, settings, resolve));
      this.report();
      if (!done || this.stopped) return;
    }
    for (const container of this.pod.spec.containers) {
      const worker = this.workerOf(container, false, () => this.endSidecars());
      this.containers.push(worker);
      this.startWorker(worker, settings);
    }
    this.report();
  }

  /** `done`: whether the next may start. */
  private startInitContainer(container: Container, settings: Settings, done: (well: boolean) => void): void {
    const sidecar = isSidecar(container);
    const worker = this.workerOf(container, !sidecar, done, () => sidecar && worker.isRunning && done(true));
    this.initContainers.push(worker);
    this.startWorker(worker, settings);
  }

  private workerOf(container: Container, once: boolean, finished: (well: boolean) => void, changed = () => {}): ContainerWorker {
    const { pod, network, volumes, surroundings } = this;
    const graceMs = (pod.spec.terminationGracePeriodSeconds ?? graceSecondsDefault) * 1000;
    const place = { ...surroundings, pod, network, volumes, graceMs, logFile: (name: string) => surroundings.logFile(pod, name) };
    return new ContainerWorker(container, once, place, {
      changed: () => {
        changed();
        this.report();
      },
      settled: () => this.settled(),
      ended: (quietly) => this.ended(quietly),
      finished,
    });
  }

  private startWorker(worker: ContainerWorker, settings: Settings): void {
    if (worker.start(settings)) return;
    this.setupRetry ??= this.surroundings.clock.after(setupRetryMs, () => {
      this.setupRetry = undefined;
      if (!this.stopped) void this.startContainers();
    });
  }

  private retrySetup(reason: string, message: string, afterMs: number, again: () => void): void {
    if (this.stopped) return;
    this.setupFailure = { reason, message };
    this.report();
    this.setupRetry = this.surroundings.clock.after(afterMs, () => {
      this.setupRetry = undefined;
      if (!this.stopped) again();
    });
  }

  /** A pod that comes to its end does not wait for them. */
  private endSidecars(): void {
    const over = this.containers.every(({ report }) => 'terminated' in report.state);
    if (!over || this.containers.length < this.pod.spec.containers.length) return;
    for (const each of this.initContainers) if (each.isRunning) void each.stop();
  }

  private ended(quietly: boolean): void {
    if (!quietly) {
      this.report();
      return;
    }
    this.grace ??= this.surroundings.clock.after(restartGraceMs, () => {
      this.grace = undefined;
      this.report();
    });
  }

  /** A program that has come back in time has never been gone. */
  private settled(): void {
    if (this.stopped) return;
    if (this.containers.every((each) => each.ready || !each.isRunning)) {
      this.grace?.cancel();
      this.grace = undefined;
    }
    this.report();
  }

  /** A gateway's container is its proxy. */
  private proxyReports(): ContainerReport[] {
    const ready = this.proxyServes;
    const message = this.proxyFailure;
    const waiting = message === undefined ? { reason: 'ProxyStarting' } : { reason: 'ProxyFailed', message };
    const state: ContainerState = ready ? { running: { startedAt: this.startTime } } : { waiting };
    return this.pod.spec.containers.slice(0, 1).map((container) => ({ container, ready, restarts: 0, state, lastState: undefined }));
  }

  private report(): void {
    if (this.stopped || this.grace !== undefined) return;
    const status = podStatus({
      podIP: this.network.addresses.pod,
      startTime: this.startTime,
      started: isGateway(this.pod) || this.containers.length === this.pod.spec.containers.length,
      initContainers: this.initContainers.map(({ report }) => report),
      containers: isGateway(this.pod) ? this.proxyReports() : this.containers.map(({ report }) => report),
      setupFailure: this.setupFailure,
      proxy: this.injected ? { serves: this.proxyServes, failure: this.proxyFailure } : undefined,
    });
    const text = JSON.stringify(status);
    if (text === this.written) return;
    this.written = text;
    const { store, logger } = this.surroundings;
    this.writing = this.writing
      .then(async () => {
        // Without a version: nobody else writes this status.
        const { resourceVersion: _, ...metadata } = this.pod.metadata;
        if (!this.stopped) await store.updateStatus({ ...this.pod, metadata, status } as Pod);
      })
      .catch((thrown) => logger.debug({ pod: this.pod.metadata.name, error: messageOf(thrown) }, 'status not written'));
  }
}
