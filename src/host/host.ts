// One machine as a cluster: runs the pods that the store says there are. What Kubernetes calls kubelet, and next to it
// the controllers that make pods and endpoints.
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { type ConfigMap, configMapKind } from '#api/kinds/config-map';
import { type Pod, podKind } from '#api/kinds/pod';
import { type ProxyConfig, proxyConfigKind } from '#api/kinds/proxy-config';
import { secretKind } from '#api/kinds/secret';
import { type Service, serviceKind } from '#api/kinds/service';
import { Backoff } from '#foundation/backoff';
import { messageOf } from '#foundation/mesh-error';
import type { SocketAddress } from '#proxy/config/socket-address';
import { Informer } from '#store/informer';
import { StoreError } from '#store/store-error';
import type { PodNetworks } from './capture/pod-network.ts';
import type { Cgroups } from './cgroup/cgroups.ts';
import { ContainerCommand } from './container-command.ts';
import type { MachineCapacity } from './downward-api.ts';
import { selects, targetPortOf } from './endpoint-plan.ts';
import { GarbageCollector } from './garbage-collector.ts';
import type { ImageMap } from './image-map.ts';
import { LogTimes } from './log-times.ts';
import { NamespaceObjects } from './namespace-objects.ts';
import { type PodSurroundings, PodWorker, proxyContainer } from './pod-worker.ts';
import type { ProxyFleet } from './proxy-fleet.ts';
import { type ProxySettings, proxySettings } from './proxy-settings.ts';
import { type PublishedPort, publishedPorts } from './published-ports.ts';
import { TerminalCommand } from './terminal-command.ts';
import { type ControllerOptions, WorkloadControllers } from './workload-controllers.ts';

export interface HostOptions extends ControllerOptions {
  fleet: ProxyFleet;
  images: ImageMap;
  networks: PodNetworks;
  xds: SocketAddress;
  /** The running Node, for commands that say $(NODE). */
  node: string;
  /** What programs inherit of the environment. */
  inherited: Readonly<Record<string, string>>;
  /** What programs without limits have. */
  machine: MachineCapacity;
  cgroups: Cgroups | undefined;
  /** How many processes serve with the ports of a proxy whose pod does not say. */
  concurrency: number;
  /** Of the pods that name such an account. */
  issueToken: PodSurroundings['issueToken'];
  /** Where programs in pods find the API; of its certificate, in PEM. */
  apiAddress: SocketAddress;
  apiAuthority: string;
  /** One folder a pod: `<namespace>_<pod>/<container>.log`. */
  logDirectory: string;
  /** One folder a pod, for the time of its life. */
  volumeDirectory: string;
  /** MeshConfig as it was installed, below the ConfigMap `istio`; empty where nothing was said. */
  installedMeshConfig(): string;
}

/** Istio's. */
const rootNamespace = 'istio-system';

const podMissing = (pod: string) => new StoreError('NOT_FOUND', `pods "${pod}" not found`);

/** A container of a pod; the first one needs no name. */
interface PodTarget {
  namespace: string;
  pod: string;
  container: string;
}

export class Host {
  private readonly controllers: readonly { start(): void; stop(): void }[];
  private readonly pods: Informer;
  private readonly services: Informer;
  /** By the pod's uid. */
  private readonly workers = new Map<string, PodWorker>();
  /** Of those that end: by the same. */
  private readonly farewells = new Map<string, Promise<void>>();
  /** Of containers that have been started: by their files. */
  private readonly logTimes = new Map<string, LogTimes>();
  private readonly configMaps: Informer;
  private readonly secrets: Informer;
  private readonly proxyConfigs: Informer;

  constructor(private readonly options: HostOptions) {
    this.controllers = [new WorkloadControllers(options), new GarbageCollector(options), new NamespaceObjects(options)];
    const backoff = () => new Backoff({ random: options.random, delayMsMin: 50, delayMsMax: 2_000 });
    const nothing = () => {};
    const informer = (kind: Kind, set: (object: ApiObject) => void, synced: () => void) =>
      new Informer({ ...options, kind, backoff: backoff() }, { set, delete: nothing, synced });
    const changed = (object: ApiObject) => {
      for (const worker of this.workers.values()) worker.refresh(object);
    };
    // One after the other: what a pod's start depends on is there before it.
    this.services = informer(serviceKind, nothing, () => this.configMaps.start());
    this.configMaps = informer(configMapKind, changed, () => this.proxyConfigs.start());
    this.proxyConfigs = informer(proxyConfigKind, nothing, () => this.pods.start());
    this.secrets = informer(secretKind, changed, nothing);
    this.pods = new Informer(
      { ...options, kind: podKind, backoff: backoff() },
      { set: (object) => this.seePod(object as Pod), delete: (object) => this.endPod(object as Pod, 0), synced: nothing },
    );
  }

  start(): void {
    // Then those that come after it: a gateway must know at its start which ports are published.
    this.services.start();
    for (const each of [...this.controllers, this.secrets]) each.start();
  }

  /** Ends every program; the proxies' process ends theirs. Rejects, with the first that went wrong, when all have ended. */
  async stop(): Promise<void> {
    for (const each of [...this.controllers, this.services, this.configMaps, this.secrets, this.proxyConfigs, this.pods]) each.stop();
    const ends = await Promise.allSettled([...this.workers.values()].map((worker) => worker.kill()));
    this.options.cgroups?.close();
    this.forgetLogs(this.options.logDirectory);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** What a container has written, and when; undefined where it has not been started. */
  containerLog(namespace: string, pod: string, container: string): { file: string; times: LogTimes } | undefined {
    const file = path.join(this.podLogs(namespace, pod), `${container}.log`);
    return existsSync(file) ? { file, times: this.timesOf(file) } : undefined;
  }

  private timesOf(file: string): LogTimes {
    const times = this.logTimes.get(file) ?? new LogTimes(file, this.options.clock);
    this.logTimes.set(file, times);
    return times;
  }

  private podLogs(namespace: string, pod: string): string {
    return path.join(this.options.logDirectory, `${namespace}_${pod}`);
  }

  /** What starts a command in the surroundings of a container, with a terminal where one is asked for. Throws StoreError NOT_FOUND. */
  exec({ namespace, pod, container }: PodTarget, command: readonly string[], tty = false): () => ContainerCommand {
    this.checkContainer(namespace, pod, container);
    const place = this.workerOf(namespace, pod)?.placeOf(container);
    if (!place) throw new StoreError('NOT_FOUND', `container not found ("${container}")`);
    if (command.length === 0) throw new StoreError('BAD_REQUEST', 'you must specify at least one command for the container');
    const { env } = place;
    const inside = (words: readonly string[]) => place.inside(words);
    if (!tty) return () => new ContainerCommand(inside(command), env);
    if (!TerminalCommand.isPossible()) {
      throw new StoreError('UNAVAILABLE', 'there is no terminal: /usr/bin/script is not on this machine', {
        hint: 'install util-linux (Debian: bsdutils), or leave -t out',
      });
    }
    return () => new TerminalCommand(inside(command), env, this.options.clock);
  }

  /** The same for what a container's program writes from then on. Throws StoreError NOT_FOUND. */
  attach({ namespace, pod, container }: PodTarget): () => ContainerCommand {
    const object = this.pods.objects.get(keyOf({ namespace, name: pod })) as Pod | undefined;
    const name = container || object?.spec.containers[0]?.name || '';
    this.checkContainer(namespace, pod, container);
    const file = this.containerLog(namespace, pod, name)?.file;
    if (file === undefined) throw new StoreError('NOT_FOUND', `container not found ("${name}")`);
    return () => new ContainerCommand(['tail', '--lines=0', '--follow=name', file], this.options.inherited);
  }

  /** Connects to ports of a pod, past its proxy. Throws StoreError NOT_FOUND. */
  forward({ namespace, pod }: PodTarget): (port: number) => Promise<Socket> {
    const worker = this.workerOf(namespace, pod);
    if (!worker) throw podMissing(pod);
    return (port) => worker.connect(port);
  }

  /** In Kubernetes' words. Throws StoreError NOT_FOUND or BAD_REQUEST. */
  private checkContainer(namespace: string, pod: string, container: string): void {
    const object = this.pods.objects.get(keyOf({ namespace, name: pod })) as Pod | undefined;
    if (!object) throw podMissing(pod);
    const known = [...object.spec.containers, ...(object.spec.initContainers ?? [])].some(({ name }) => name === container);
    if (!known && container !== '' && container !== proxyContainer)
      throw new StoreError('BAD_REQUEST', `container ${container} is not valid for pod ${pod}`);
  }

  private workerOf(namespace: string, pod: string): PodWorker | undefined {
    return this.workers.get(this.pods.objects.get(keyOf({ namespace, name: pod }))?.metadata.uid ?? '');
  }

  private seePod(pod: Pod): void {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
    if (deletionTimestamp === undefined) this.runPod(pod);
    else this.endPod(pod, deletionGracePeriodSeconds * 1000);
  }

  private runPod(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    if (this.workers.has(uid) || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
    const { networks, logger } = this.options;
    try {
      const settings = this.proxySettings(pod);
      const worker = new PodWorker(pod, networks.attach(pod, settings.metadata), {
        ...this.options,
        proxySettings: settings,
        logFile: (of, container) => this.logFile(of, container),
        publishedPorts: (of) => this.publishedPorts(of),
      });
      this.workers.set(uid, worker);
      worker.start();
    } catch (thrown) {
      logger.error({ pod: keyOf(pod.metadata), error: messageOf(thrown) }, 'pod cannot be run');
    }
  }

  /** Then the object goes as well, where it has waited for that. */
  private endPod(pod: Pod, withinMs: number): void {
    const uid = pod.metadata.uid ?? '';
    const ended = this.workers.get(uid)?.stop(withinMs) ?? Promise.resolve();
    if (this.farewells.has(uid)) return;
    const failed = (thrown: unknown) =>
      this.options.logger.warn({ pod: keyOf(pod.metadata), error: messageOf(thrown) }, 'a pod did not end well');
    const farewell = ended
      .catch(failed)
      .then(() => this.forget(pod))
      .catch(failed)
      .finally(() => this.farewells.delete(uid));
    this.farewells.set(uid, farewell);
  }

  private async forget({ metadata: { uid = '', namespace = '', name } }: Pod): Promise<void> {
    this.workers.delete(uid);
    this.forgetLogs(this.podLogs(namespace, name));
    const { store } = this.options;
    // Another one may have its name by now.
    const left = await store.get(podKind, namespace, name);
    if (left?.metadata.uid === uid && left.metadata.deletionTimestamp !== undefined)
      await store.delete(podKind, namespace, name, { gracePeriodSeconds: 0 });
  }

  private forgetLogs(below: string): void {
    for (const [file, times] of this.logTimes) {
      if (!file.startsWith(`${below}${path.sep}`)) continue;
      times.close();
      this.logTimes.delete(file);
    }
  }

  private proxySettings(pod: Pod): ProxySettings {
    const configMap = this.configMaps.objects.get(keyOf({ namespace: rootNamespace, name: 'istio' })) as ConfigMap | undefined;
    return proxySettings(pod, {
      meshConfigs: [this.options.installedMeshConfig(), configMap?.data?.['mesh'] ?? ''],
      proxyConfigs: this.proxyConfigs.objects.values() as Iterable<ProxyConfig>,
      rootNamespace,
      concurrency: this.options.concurrency,
      processors: this.options.machine.cpus,
    });
  }

  private logFile(pod: Pod, container: string): string {
    const directory = this.podLogs(pod.metadata.namespace ?? 'default', pod.metadata.name);
    mkdirSync(directory, { recursive: true });
    const file = path.join(directory, `${container}.log`);
    closeSync(openSync(file, 'a'));
    this.timesOf(file);
    return file;
  }

  /** Of the Services that select the pod, those ports that their annotation publishes, as the pod's own ports. */
  private publishedPorts(pod: Pod): PublishedPort[] {
    return ([...this.services.objects.values()] as Service[]).flatMap((service) => {
      const selector = service.spec?.selector ?? {};
      if (service.metadata.namespace !== pod.metadata.namespace || !selects(selector, pod)) return [];
      return publishedPorts(service).flatMap(({ port, at }) => {
        const servicePort = service.spec?.ports?.find((candidate) => candidate.port === port);
        return servicePort === undefined ? [] : [{ port: targetPortOf(servicePort, pod), at }];
      });
    });
  }
}
