// One pod on this machine: its addresses, its programs, its proxy, and what its status says of them.
import { connect, type Socket } from 'node:net';
import type { Pod } from '#api/kinds/pod';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { Store } from '#store/store';
import type { PodNetwork } from './capture/pod-network.ts';
import { type Container, planContainer } from './container.ts';
import { ContainerCommand } from './container-command.ts';
import { ContainerProbes } from './container-probes.ts';
import type { ImageMap } from './image-map.ts';
import { isGateway, isInjected } from './injection.ts';
import { podPhase } from './pod-phase.ts';
import { type ProcessExit, SupervisedProcess } from './process.ts';
import { proxyBootstrapOf } from './proxy-bootstrap.ts';
import type { ProxyFleet } from './proxy-fleet.ts';
import { Settings } from './settings.ts';

export interface PodSurroundings {
  store: Store;
  clock: Clock;
  random: Random;
  logger: Logger;
  fleet: ProxyFleet;
  images: ImageMap;
  xds: SocketAddress;
  node: string;
  inherited: Readonly<Record<string, string>>;
  /** The file of a pod's container, or of its proxy (`istio-proxy`). */
  logFile(pod: Pod, container: string): string;
  /** Ports of the pod that are published on this machine. */
  publishedPorts(pod: Pod): readonly { port: number; at: SocketAddress }[];
}

interface ContainerState {
  container: Container;
  env: Readonly<Record<string, string>>;
  process: SupervisedProcess | undefined;
  probes: ContainerProbes | undefined;
  ready: boolean;
  state: Record<string, object>;
}

type Condition = NonNullable<NonNullable<Pod['status']>['conditions']>[number];

/** A program that dies once is restarted before its callers are told; they wait for it in the pod's proxy. */
const restartGraceMs = 1_000;
/** How long a pod that has been deleted goes on, so that no caller is sent to it any more. */
const farewellMs = 300;
const drainMs = 2_000;
const stopMsMax = 5_000;
/** A ConfigMap or Secret that is not there is looked for again. */
const settingsRetryMs = 500;
/** A network that could not be made is tried again. */
const networkRetryMs = 1_000;
/** As a shell says them. */
const signalExitCode = 137;
const startFailedExitCode = 127;

export class PodWorker {
  private readonly containers: ContainerState[] = [];
  private readonly initContainers: ContainerState[] = [];
  private settingsRetry: Timer | undefined;
  private networkRetry: Timer | undefined;
  private networkFailure: string | undefined;
  private readonly startedAt: string;
  private proxyServes = false;
  private proxyFailure: string | undefined;
  private grace: Timer | undefined;
  private stopped = false;
  private written = '';
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly pod: Pod,
    private readonly network: PodNetwork,
    private readonly surroundings: PodSurroundings,
  ) {
    this.startedAt = new Date(surroundings.clock.wallMs()).toISOString();
  }

  private get injected(): boolean {
    return isGateway(this.pod) || isInjected(this.pod);
  }

  /** The network first: everything else is on it. */
  start(): void {
    this.network.open().then(
      () => {
        this.networkFailure = undefined;
        if (!this.stopped) this.enter();
      },
      (thrown) => {
        this.networkFailure = messageOf(thrown);
        this.report();
        this.networkRetry = this.surroundings.clock.after(networkRetryMs, () => !this.stopped && this.start());
      },
    );
  }

  private enter(): void {
    for (const problem of this.network.problems)
      this.surroundings.logger.warn({ pod: this.pod.metadata.name, problem }, 'not captured as asked');
    const { fleet, xds } = this.surroundings;
    if (this.injected) {
      const options = {
        xds,
        published: this.surroundings.publishedPorts(this.pod),
        standardOutput: this.surroundings.logFile(this.pod, 'istio-proxy'),
      };
      fleet.add(this.pod.metadata.uid ?? '', proxyBootstrapOf(this.pod, this.network, options), (report) => {
        this.proxyServes = report.type === 'serving';
        this.proxyFailure = report.type === 'failed' ? report.message : undefined;
        this.report();
      });
    }
    if (!isGateway(this.pod)) void this.startContainers();
    this.report();
  }

  /** Out of the mesh first, then the program. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.endProbes();
    this.grace?.cancel();
    await new Promise<void>((resolve) => this.surroundings.clock.after(farewellMs, resolve));
    if (this.injected) await this.surroundings.fleet.remove(this.pod.metadata.uid ?? '', drainMs);
    await this.endPrograms();
    await this.network.close();
  }

  /** At the end of the host: nobody is left who would have to be told. */
  async kill(): Promise<void> {
    this.stopped = true;
    this.endProbes();
    this.grace?.cancel();
    await this.endPrograms();
  }

  private endProbes(): void {
    for (const { probes } of this.containers) probes?.end();
  }

  private async endPrograms(): Promise<void> {
    this.settingsRetry?.cancel();
    this.networkRetry?.cancel();
    await Promise.all([...this.initContainers, ...this.containers].map(({ process }) => process?.stop()));
  }

  /** What a command beside a container is given; undefined where there is no such container, or it cannot run. The first one has no name. */
  placeOf(container: string): { env: Readonly<Record<string, string>>; inside: PodNetwork['inside'] } | undefined {
    const entry = this.containers.find((each) => container === '' || each.container.name === container);
    return entry?.process && { env: entry.env, inside: (command) => this.network.inside(command) };
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

  /** Init containers one after the other, each to its good end; then all others. */
  private async startContainers(): Promise<void> {
    const settings = await Settings.read(this.surroundings.store, this.pod);
    if (this.stopped) return;
    for (const entry of this.initContainers.splice(0)) entry.process?.stop();
    this.endProbes();
    this.containers.splice(0);
    for (const container of this.pod.spec.initContainers ?? []) {
      const done = await new Promise<boolean>((resolve) => this.initContainers.push(this.startContainer(container, settings, resolve)));
      this.report();
      if (!done || this.stopped) return;
    }
    for (const container of this.pod.spec.containers) this.containers.push(this.startContainer(container, settings));
    this.report();
  }

  /** `ended`: of a container that runs once, whether it ended well. */
  private startContainer(container: Container, settings: Settings, ended?: (well: boolean) => void): ContainerState {
    const { images, node, inherited, clock, random } = this.surroundings;
    const entry: ContainerState = { container, env: {}, process: undefined, probes: undefined, ready: false, state: {} };
    const { pod, network } = this;
    const plan = planContainer(container, { pod, network, images, node, inherited, settings });
    if (plan.kind === 'wait') {
      entry.state = { waiting: { reason: plan.reason, message: plan.message } };
      if (plan.reason === 'CreateContainerConfigError') this.settingsRetry ??= clock.after(settingsRetryMs, () => this.retrySettings());
      return entry;
    }
    const policy = pod.spec.restartPolicy ?? 'Always';
    entry.env = plan.env;
    if (!ended) entry.probes = this.probesOf(entry);
    entry.process = new SupervisedProcess(
      {
        command: () => network.inside(plan.command),
        env: plan.env,
        logFile: this.surroundings.logFile(pod, container.name),
        restarts: ({ code }) => (policy === 'Always' && !ended ? true : code !== 0 && policy !== 'Never'),
      },
      {
        clock,
        random,
        stopMsMax,
        events: {
          started: () => {
            entry.state = { running: { startedAt: new Date(clock.wallMs()).toISOString() } };
            entry.probes?.begin();
            this.report();
          },
          ended: (exit, retryMs) => this.containerEnded(entry, exit, retryMs),
          finished: (exit) => {
            this.containerFinished(entry, exit);
            ended?.(exit.code === 0);
          },
        },
      },
    );
    entry.process.start();
    return entry;
  }

  private retrySettings(): void {
    this.settingsRetry = undefined;
    if (!this.stopped) void this.startContainers();
  }

  private containerFinished(entry: ContainerState, { code, signal, error }: ProcessExit): void {
    entry.probes?.end();
    entry.ready = false;
    const exitCode = code ?? (signal ? signalExitCode : startFailedExitCode);
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    const finishedAt = new Date(this.surroundings.clock.wallMs()).toISOString();
    entry.state = { terminated: { exitCode, reason, finishedAt, ...(error !== undefined && { message: error }) } };
    this.report();
  }

  private containerEnded(entry: ContainerState, exit: ProcessExit, retryMs: number): void {
    const how = exit.error ?? (exit.signal ? `killed by ${exit.signal}` : `exit code ${exit.code}`);
    this.surroundings.logger.info({ pod: this.pod.metadata.name, container: entry.container.name, how, retryMs }, 'program ended');
    entry.probes?.end();
    const wasReady = entry.ready;
    entry.ready = false;
    entry.state = { waiting: { reason: 'CrashLoopBackOff', message: `${how}; starts again in ${Math.round(retryMs)} ms` } };
    if (!wasReady || retryMs > 0) {
      this.report();
      return;
    }
    this.grace ??= this.surroundings.clock.after(restartGraceMs, () => {
      this.grace = undefined;
      this.report();
    });
  }

  private probesOf(entry: ContainerState): ContainerProbes {
    const { clock, logger } = this.surroundings;
    const exec = (command: readonly string[], timeoutMs: number) =>
      new Promise<number>((resolve) => {
        const running = new ContainerCommand(this.network.inside(command), entry.env);
        const late = clock.after(timeoutMs, () => running.kill());
        running.onExit((code) => {
          late.cancel();
          resolve(code);
        });
      });
    return new ContainerProbes({ container: entry.container, at: this.network.probe, exec, wallMs: () => clock.wallMs() }, clock, {
      ready: (ready) => {
        entry.ready = ready;
        this.settled();
      },
      dead: (which) => {
        logger.info(
          { pod: this.pod.metadata.name, container: entry.container.name, which },
          'a probe failed: the program is started again',
        );
        entry.process?.restart();
      },
    });
  }

  /** A program that has come back in time has never been gone. */
  private settled(): void {
    if (this.stopped) return;
    if (this.containers.every((entry) => entry.ready || !('running' in entry.state))) {
      this.grace?.cancel();
      this.grace = undefined;
    }
    this.report();
  }

  private report(): void {
    if (this.stopped || this.grace !== undefined) return;
    const status = this.status();
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

  private status(): NonNullable<Pod['status']> {
    const all = [...this.initContainers, ...this.containers];
    const started = isGateway(this.pod) || this.containers.length === this.pod.spec.containers.length;
    const containersReady = started && this.containers.every(({ ready }) => ready);
    const proxyReady = !this.injected || this.proxyServes;
    const waiting = all.find(({ state }) => 'waiting' in state)?.state['waiting'] as { reason?: string; message?: string } | undefined;
    const phase = podPhase({ started, initContainers: this.initContainers, containers: this.containers, waiting: waiting?.reason });
    const ended = phase === 'Succeeded' ? 'PodCompleted' : undefined;
    const starting = started ? undefined : 'ContainersNotInitialized';
    const network = this.networkFailure === undefined ? undefined : 'FailedCreatePodSandBox';
    const reason =
      network ?? waiting?.reason ?? ended ?? starting ?? (this.proxyFailure ? 'ProxyFailed' : proxyReady ? undefined : 'ProxyStarting');
    const message = this.networkFailure ?? waiting?.message ?? this.proxyFailure;
    const condition = (type: string, holds: boolean): Condition => ({
      type,
      status: holds ? 'True' : 'False',
      ...(holds || reason === undefined ? {} : { reason }),
      ...(holds || message === undefined ? {} : { message }),
    });
    return {
      phase,
      ...(waiting?.reason ? { reason: waiting.reason } : {}),
      podIP: this.network.addresses.pod,
      podIPs: [{ ip: this.network.addresses.pod }],
      hostIP: '127.0.0.1',
      startTime: this.startedAt,
      conditions: [
        condition('Initialized', started),
        condition('ContainersReady', containersReady),
        condition('Ready', containersReady && proxyReady),
      ],
      ...(this.initContainers.length > 0 && { initContainerStatuses: this.initContainers.map(containerStatus) }),
      containerStatuses: this.containers.map(containerStatus),
    };
  }
}

function containerStatus({ container, process, ready, state }: ContainerState) {
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready,
    started: 'running' in state,
    restartCount: process?.restarts ?? 0,
    state,
  };
}
