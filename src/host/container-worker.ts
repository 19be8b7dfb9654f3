// One container of a pod: its program, kept running as the pod's restart policy says, its hooks and probes, and the state that they make.
import type { Pod } from '#api/kinds/pod';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import type { NetworkAddress } from '#net/network';
import type { PodNetwork } from './capture/pod-network.ts';
import type { Cgroup, Cgroups } from './cgroup/cgroups.ts';
import { limitsOf } from './cgroup/limits.ts';
import { type Container, planContainer } from './container.ts';
import { ContainerCommand } from './container-command.ts';
import { ContainerProbes } from './container-probes.ts';
import type { MachineCapacity } from './downward-api.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { ImageMap } from './image-map.ts';
import { runHook } from './lifecycle-hook.ts';
import type { ContainerReport, ContainerState } from './pod-status.ts';
import type { Probed } from './probe.ts';
import { type ProcessExit, SupervisedProcess } from './process.ts';
import type { Settings } from './settings.ts';
import type { Mount } from './volumes/mount.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

/** What a pod lends to its containers. */
export interface ContainerPlace {
  pod: Pod;
  network: PodNetwork;
  volumes: PodVolumes;
  clock: Clock;
  random: Random;
  logger: Logger;
  events: EventRecorder;
  images: ImageMap;
  node: string;
  inherited: Readonly<Record<string, string>>;
  machine: MachineCapacity;
  /** Where programs find the API. */
  apiAddress: NetworkAddress;
  /** Undefined: limits are not kept here. */
  cgroups: Cgroups | undefined;
  /** Of the container; in whole milliseconds, how long its program has to end. */
  logFile(container: string): string;
  graceMs: number;
}

export interface ContainerEvents {
  /** Its state is another. */
  changed(): void;
  /** It says another thing about whether it is ready. */
  settled(): void;
  /** Its program has ended and is started again; `quietly`: at once, and it was ready. */
  ended(quietly: boolean): void;
  /** Its program has ended and is not started again. */
  finished(well: boolean): void;
}

/** A hook after the start that takes longer has failed. */
const postStartMsMax = 120_000;
/** At the end of the host nobody waits for programs that go on. */
const killMsMax = 5_000;
/** As a shell says them. */
const signalExitCode = 137;
const startFailedExitCode = 127;

export class ContainerWorker {
  ready = false;
  env: Readonly<Record<string, string>> = {};
  private mounts: readonly Mount[] = [];
  private state: ContainerState = {};
  private lastState: ContainerState | undefined;
  private process: SupervisedProcess | undefined;
  private cgroup: Cgroup | undefined;
  /** Of the runs before. */
  private oomKills = 0;
  private probes: ContainerProbes | undefined;
  /** Counts the runs: a hook of one says nothing of the next. */
  private run = 0;
  private startedAt = '';
  /** Hooks and probes that run beside it. */
  private readonly commands = new Set<ContainerCommand>();

  /** `once`: an init container, which comes to an end. */
  constructor(
    readonly container: Container,
    private readonly once: boolean,
    private readonly place: ContainerPlace,
    private readonly events: ContainerEvents,
  ) {}

  get report(): ContainerReport {
    const { container, ready, state, lastState } = this;
    return { container, ready, restarts: this.process?.restarts ?? 0, state, lastState };
  }

  get isRunning(): boolean {
    return 'running' in this.state;
  }

  get hasProcess(): boolean {
    return this.process !== undefined;
  }

  /** False where it cannot start before a ConfigMap or Secret is there. */
  start(settings: Settings): boolean {
    const { pod, volumes, clock, random } = this.place;
    const plan = planContainer(this.container, { ...this.place, settings, mountsOf: (env) => volumes.mountsOf(this.container, env) });
    if (plan.kind === 'wait') {
      this.state = { waiting: { reason: plan.reason, message: plan.message } };
      return plan.reason !== 'CreateContainerConfigError';
    }
    const policy = this.once ? 'OnFailure' : (this.container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always');
    const never = (pod.spec.restartPolicy ?? 'Always') === 'Never' && this.container.restartPolicy !== 'Always';
    this.env = plan.env;
    this.mounts = plan.mounts;
    for (const path of plan.leftOut) this.leftOut(path);
    this.cgroup = this.makeCgroup();
    if (!this.once) this.probes = this.makeProbes();
    const spec = {
      command: () => this.inside(plan.command),
      env: plan.env,
      logFile: this.place.logFile(this.container.name),
      restarts: ({ code }: ProcessExit) => policy === 'Always' || (code !== 0 && !never),
    };
    this.process = new SupervisedProcess(spec, {
      ...{ clock, random, stopMsMax: killMsMax },
      events: {
        started: () => this.began(),
        ended: (exit, retryMs) => this.ended(exit, retryMs),
        finished: (exit) => this.finished(exit),
      },
    });
    this.process.start();
    return true;
  }

  /** What its program is to do before it ends, for so long at most. */
  async preStop(withinMs: number): Promise<void> {
    const hook = this.container.lifecycle?.preStop;
    if (!hook || !this.isRunning || withinMs <= 0) return;
    if (!(await runHook(hook, this.probed, this.place.clock, withinMs))) this.hookFailed('PreStop');
  }

  /** Its program gets a word, and is ended by force after that time. */
  stop(withinMs = killMsMax): Promise<void> {
    this.endProbes();
    this.run++;
    if (withinMs <= killMsMax) for (const command of this.commands) command.kill();
    const ended = this.process?.stop(withinMs) ?? Promise.resolve();
    return ended.then(() => this.cgroup?.remove());
  }

  endProbes(): void {
    this.probes?.end();
  }

  /** A command beside its program, where that one is. */
  inside(command: readonly string[]): readonly string[] {
    const placed = this.place.network.inside(command, { mounts: this.mounts, own: this.place.volumes.own });
    return this.cgroup?.inside(placed) ?? placed;
  }

  private began(): void {
    const run = ++this.run;
    this.startedAt = this.now();
    const hook = this.container.lifecycle?.postStart;
    if (!hook) {
      this.runs();
      return;
    }
    void runHook(hook, this.probed, this.place.clock, postStartMsMax).then((well) => {
      if (run !== this.run) return;
      if (well) this.runs();
      else {
        this.hookFailed('PostStart');
        this.process?.restart(this.place.graceMs);
      }
    });
  }

  private runs(): void {
    this.state = { running: { startedAt: this.startedAt } };
    this.probes?.begin();
    this.events.changed();
  }

  private ended(exit: ProcessExit, retryMs: number): void {
    const { logger, pod } = this.place;
    const how = exit.error ?? (exit.signal ? `killed by ${exit.signal}` : `exit code ${exit.code}`);
    logger.info({ pod: pod.metadata.name, container: this.container.name, how, retryMs }, 'program ended');
    this.endProbes();
    this.run++;
    const quietly = this.ready && retryMs === 0;
    this.ready = false;
    this.lastState = { terminated: this.terminated(exit) };
    this.state = { waiting: { reason: 'CrashLoopBackOff', message: `${how}; starts again in ${Math.round(retryMs)} ms` } };
    this.events.ended(quietly);
  }

  private finished(exit: ProcessExit): void {
    this.endProbes();
    this.run++;
    this.ready = false;
    const terminated = this.terminated(exit);
    this.state = { terminated };
    this.events.changed();
    this.events.finished(terminated.exitCode === 0);
  }

  private terminated({ code, signal, error }: ProcessExit) {
    const exitCode = code ?? (signal ? signalExitCode : startFailedExitCode);
    const reason = this.wasOutOfMemory() ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
    const startedAt = this.startedAt === '' ? {} : { startedAt: this.startedAt };
    return { exitCode, reason, ...startedAt, finishedAt: this.now(), ...(error !== undefined && { message: error }) };
  }

  /** Whether the kernel has killed some of it since this was asked. */
  private wasOutOfMemory(): boolean {
    const before = this.oomKills;
    this.oomKills = this.cgroup?.oomKills() ?? 0;
    return this.oomKills > before;
  }

  private makeCgroup(): Cgroup | undefined {
    const { cgroups, pod, logger } = this.place;
    const limits = limitsOf(this.container);
    try {
      return limits && cgroups?.create(`${pod.metadata.uid}-${this.container.name}`, limits);
    } catch (thrown) {
      logger.warn({ pod: pod.metadata.name, container: this.container.name, error: messageOf(thrown) }, 'its limits are not kept');
      return undefined;
    }
  }

  private now(): string {
    return new Date(this.place.clock.wallMs()).toISOString();
  }

  private leftOut(path: string): void {
    const message = `the volume at ${path} is not mounted in container ${this.container.name}: it would hide its program, which is this machine's; the variable LATEEN_VOLUME_NAME says where it is`;
    this.place.events.record(this.place.pod, 'Warning', 'VolumeNotMounted', message);
  }

  private hookFailed(which: 'PostStart' | 'PreStop'): void {
    const message = `${which}Hook of container ${this.container.name} failed`;
    this.place.events.record(this.place.pod, 'Warning', `Failed${which}Hook`, message);
  }

  private get probed(): Probed {
    const { clock, network } = this.place;
    const exec = (command: readonly string[], timeoutMs: number) =>
      new Promise<number>((resolve) => {
        const running = new ContainerCommand(this.inside(command), this.env);
        // What nobody reads would fill up, and it would wait.
        for (const output of [running.stdout, running.stderr]) output.resume();
        this.commands.add(running);
        const late = clock.after(timeoutMs, () => running.kill());
        running.onExit((code) => {
          late.cancel();
          this.commands.delete(running);
          resolve(code);
        });
      });
    return { container: this.container, at: network.probe, exec, wallMs: () => clock.wallMs() };
  }

  private makeProbes(): ContainerProbes {
    const { clock, logger, pod } = this.place;
    return new ContainerProbes(this.probed, clock, {
      ready: (ready) => {
        this.ready = ready;
        this.events.settled();
      },
      dead: (which) => {
        const names = { pod: pod.metadata.name, container: this.container.name };
        logger.info({ ...names, which }, 'a probe failed: the program is started again');
        void this.again().catch((thrown) => logger.warn({ ...names, error: messageOf(thrown) }, 'not started again'));
      },
    });
  }

  private async again(): Promise<void> {
    const { run } = this;
    const { clock, graceMs } = this.place;
    const until = clock.now() + graceMs;
    await this.preStop(graceMs);
    if (run === this.run) this.process?.restart(Math.max(0, until - clock.now()));
  }
}
