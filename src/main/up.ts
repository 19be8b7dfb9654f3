// `lateen up`: starts the mesh of this machine, shows it, and ends it on Ctrl-C. Loaded only when asked for.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { keyOf } from '#api/kind';
import { type Deployment, deploymentKind } from '#api/kinds/deployment';
import { type Pod, podKind } from '#api/kinds/pod';
import { adminOf } from '#cli/pod-argument';
import { type Screen, UpScreen } from '#cli/up-screen';
import { DirectorySource } from '#control/sources/directory-source';
import type { Forwarder } from '#dns/forwarder';
import { systemClock } from '#foundation/clock';
import { endInOrder } from '#foundation/ending';
import { createLogger, type LogLevel } from '#foundation/logger';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { formatProblem, type Problem } from '#foundation/problem';
import type { CaptureMode, RefusedMode } from '#host/capture/capture-mode';
import type { PodNetworks } from '#host/capture/pod-network';
import { isGateway, isInjected } from '#host/injection';
import { parseMachinePort } from '#host/machine-service';
import { proxyAdminPort } from '#host/proxy-bootstrap';
import { readImageMap } from './image-map-file.ts';
import { LocalMesh, type LocalMeshAddresses, volumeDirectoryOf } from './local-mesh.ts';
import { readMeshConfigFile } from './mesh-config-file.ts';
import { findSample, sampleImageMaps } from './samples.ts';
import { recordCapture } from './shell-command.ts';

export interface UpOptions {
  /** A folder of samples/: its YAML and its image map. */
  sample?: string;
  /** Files and folders of YAML, watched. */
  filename: string[];
  imageMap: string[];
  meshConfigFile?: string;
  /** `NAME=PORT`: ports of this machine, into the mesh. */
  publish: string[];
  apiPort: number;
  xdsPort: number;
  debugPort: number;
  gatewayHttpPort: number;
  gatewayHttpsPort: number;
  insecureApi?: boolean;
  proxyPerPod?: boolean;
  concurrency?: number;
  stateDirectory: string;
  /** Of the durable store; a folder below `dataDirectory` when left out. */
  data?: string;
  dataDirectory: string;
  /** Keeps nothing. */
  ephemeral?: boolean;
  logLevel: LogLevel;
}

export interface UpSurroundings {
  screen: Screen;
  errors: Screen;
  inherited: Readonly<Record<string, string>>;
  networks: PodNetworks;
  /** Of names that are not of the mesh. */
  forwarder: Pick<Forwarder, 'ask'>;
  /** Better ways for pods to be on the network, and why they are not in force. */
  refused: readonly RefusedMode[];
  /** Resolves when the user wants it to end. */
  ended: Promise<void>;
  /** Calls `act` when the user wants another process to take the proxies over. */
  onRestartAsked(act: () => void): void;
}

/** Of a run directory's name. */
const anyPort = 'any-';
const podsReadyMsMax = 60_000;
const pollMs = 20;
const firstAnswerMsMax = 10_000;

/** Resolves when everything has ended; throws MeshError where it cannot start. */
export async function up(
  options: UpOptions,
  { screen, errors, inherited, networks, forwarder, refused, ...asked }: UpSurroundings,
): Promise<void> {
  const { ended } = asked;
  const show = new UpScreen(screen);
  const started = systemClock.now();
  const sample = options.sample === undefined ? undefined : findSample(options.sample);
  const runDirectory = runDirectoryOf(options);
  sweepVolumes(options.stateDirectory);
  const meshConfigFile = options.meshConfigFile === undefined ? undefined : path.resolve(options.meshConfigFile);
  if (meshConfigFile !== undefined) readMeshConfigFile(meshConfigFile); // what is wrong with it is said before anything starts
  const mesh = new LocalMesh({
    ...options,
    meshConfigFile,
    runDirectory,
    dataDirectory: dataOf(options),
    images: [...options.imageMap, ...sampleImageMaps()].flatMap(readImageMap),
    inherited,
    networks,
    forwarder,
    machinePorts: options.publish.map(parseMachinePort),
    logger: createLogger({ level: options.logLevel, file: path.join(runDirectory, 'lateen.log') }),
  });
  const sources: DirectorySource[] = [];
  try {
    const step = show.step('control plane and API server');
    const addresses = await mesh.start();
    recordCapture(runDirectory, networks.mode);
    step.done(`${addresses.apiUrl}, xDS on ${addresses.xds.address}:${addresses.xds.port}`);
    const report = (problems: readonly Problem[]) => {
      for (const problem of problems) errors.write(`${formatProblem(problem)}\n`);
    };
    for (const where of [...(sample?.manifests ?? []), ...options.filename]) {
      const source = new DirectorySource({ path: where, store: mesh.store, examine: mesh.examine, clock: systemClock, report });
      sources.push(source);
      await source.start();
    }
    asked.onRestartAsked(() => void restartProxies(mesh, show, errors));
    const serving = await awaitPods(mesh, show, ended);
    if (serving) await showMesh(show, mesh, addresses, { page: sample?.page, started, mode: networks.mode, refused });
    await ended;
    show.note('\nending …');
  } finally {
    await endInOrder({ 'files that are watched': () => Promise.all(sources.map((source) => source.stop())), mesh: () => mesh.stop() });
  }
  show.note('ended: nothing is left running');
}

async function restartProxies(mesh: LocalMesh, show: UpScreen, errors: Screen): Promise<void> {
  try {
    await mesh.restartProxies();
    show.note('the proxies run in another process now');
  } catch (thrown) {
    errors.write(`error: ${messageOf(thrown)}\n`);
  }
}

/** Of the mesh that has this API port. */
export function runDirectoryOf({ stateDirectory, apiPort }: Pick<UpOptions, 'stateDirectory' | 'apiPort'>): string {
  return path.join(stateDirectory, `run-${apiPort || `${anyPort}${process.pid}`}`);
}

/** Volumes of meshes on any port that were killed: nobody finds their folders again, and there are secrets in them. Logs stay. */
function sweepVolumes(stateDirectory: string): void {
  const runs = existsSync(stateDirectory) ? readdirSync(stateDirectory) : [];
  for (const run of runs) {
    const pid = run.startsWith(`run-${anyPort}`) ? run.slice(`run-${anyPort}`.length) : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(volumeDirectoryOf(path.join(stateDirectory, run)), { recursive: true, force: true });
  }
}

/** Undefined: nothing is kept. A sample begins anew each time, and a mesh on any free port could not be found again. */
function dataOf({ data, dataDirectory, ephemeral, sample, apiPort }: UpOptions): string | undefined {
  if (data !== undefined && ephemeral) throw new MeshError('USAGE', '--data and --ephemeral exclude each other');
  if (data !== undefined) return path.resolve(data);
  return ephemeral || sample !== undefined || apiPort === 0 ? undefined : path.join(dataDirectory, `mesh-${apiPort}`);
}

/** True when every Deployment has its pods; after a minute it goes on without, saying which are missing and why. */
async function awaitPods(mesh: LocalMesh, show: UpScreen, ended: Promise<void>): Promise<boolean> {
  const step = show.step('pods');
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const until = systemClock.now() + podsReadyMsMax;
  for (;;) {
    const deployments = (await mesh.store.list(deploymentKind)).items as Deployment[];
    const ready = deployments.reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
    const wanted = deployments.reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0);
    step.progress(`${ready} of ${wanted}`);
    const missing = deployments.filter(({ status, spec, metadata }) => {
      return status?.observedGeneration !== metadata.generation || (status?.readyReplicas ?? 0) < (spec.replicas ?? 1);
    });
    const waiting = missing.length === 0 ? [] : await unready(mesh);
    const hopeless = missing.length > 0 && waiting.length >= wanted - ready && waiting.every(({ final }) => final);
    if (missing.length === 0 || hopeless || over || systemClock.now() > until) {
      step.done(`${ready} of ${wanted} ready`);
      for (const { name, why } of waiting) show.note(`  ${name} is not ready: ${why}`);
      return !over;
    }
    await new Promise<void>((resolve) => systemClock.after(pollMs, resolve));
  }
}

/** `final`: waiting does not help. */
async function unready(mesh: LocalMesh): Promise<{ name: string; why: string; final: boolean }[]> {
  const pods = (await mesh.store.list(podKind)).items as Pod[];
  return pods.flatMap(({ metadata, status }) => {
    const condition = status?.conditions?.find(({ type }) => type === 'Ready');
    if (condition?.status === 'True') return [];
    const why = condition?.message ?? condition?.reason ?? 'it has not been started';
    return [{ name: `pod ${keyOf(metadata)}`, why, final: condition?.reason === 'ImageNotMapped' }];
  });
}

async function showMesh(
  show: UpScreen,
  mesh: LocalMesh,
  addresses: LocalMeshAddresses,
  { page, started, mode, refused }: { page: string | undefined; started: number; mode: CaptureMode; refused: readonly RefusedMode[] },
): Promise<void> {
  const gateway = `http://${addresses.gatewayHttp.address}:${addresses.gatewayHttp.port}`;
  if (page !== undefined) {
    const step = show.step('first request through the gateway');
    const { status, ms } = await firstAnswer(gateway + page);
    step.done(`${status} in ${ms.toFixed(0)} ms, ${((systemClock.now() - started) / 1000).toFixed(1)} s after the start`);
  }
  const pods = (await mesh.store.list(podKind)).items as Pod[];
  // From outside of a user namespace pods are reached by the API server alone.
  const proxied = pods.filter((pod) => pod.status?.podIP !== undefined && (isGateway(pod) || isInjected(pod)));
  const admin = proxied.map((pod) => {
    const url = mode === 'user' ? `${adminOf(pod, { url: addresses.apiUrl }).url}/` : `http://${pod.status?.podIP}:${proxyAdminPort}`;
    return `${url}  ${pod.metadata.name}`;
  });
  const workloads = pods.filter(({ metadata }) => metadata.namespace !== 'istio-system');
  show.table([
    ...(page === undefined ? [] : ([['product page', `${gateway}${page}`]] as const)),
    ['ingress gateway', `${gateway}, https on ${addresses.gatewayHttps.port}`],
    ['API', addresses.apiUrl === addresses.api.url ? addresses.apiUrl : `${addresses.apiUrl}, open to anybody on this machine`],
    ['kubectl', `export KUBECONFIG=${addresses.kubeconfig}`],
    ...(mesh.dataDirectory === undefined ? [] : ([['data', mesh.dataDirectory]] as const)),
    ['xDS, debug', `${addresses.xds.address}:${addresses.xds.port}, http://${addresses.debug.address}:${addresses.debug.port}/debug/syncz`],
    ['running', `${workloads.length} pods, ${proxied.length} proxies, control plane`],
    ['proxies’ admin', admin.join('\n')],
    ['capture', describeCapture(mode, refused)],
    ['limits', mesh.limits],
    ['logs', addresses.logs],
  ]);
  show.note('Change it from another terminal:  npx lateen apply -f FILE     npx lateen get virtualservices     Ctrl-C ends everything.');
}

const captureWords: Readonly<Record<CaptureMode, string>> = {
  netns: 'netns (each pod has a network namespace; what its programs send and are sent goes through its proxy)',
  user: 'user (each pod has a network namespace inside of a user namespace; traffic goes through its proxy)',
  loopback: 'loopback (each pod has its own 127.x.y.z; programs go out by HTTP_PROXY)',
};

function describeCapture(mode: CaptureMode, refused: readonly RefusedMode[]): string {
  return [captureWords[mode], ...refused.map(({ mode: better, why, hint }) => `not ${better}: ${why}${hint ? ` (${hint})` : ''}`)].join(
    '\n',
  );
}

/** Pods that are ready have still to be told to the gateway: it answers 503 for some milliseconds. */
async function firstAnswer(url: string): Promise<{ status: number; ms: number }> {
  const until = systemClock.now() + firstAnswerMsMax;
  for (;;) {
    const answer = await request(url);
    if ((answer.status > 0 && answer.status < 500) || systemClock.now() > until) return answer;
    await new Promise<void>((resolve) => systemClock.after(pollMs, resolve));
  }
}

function request(url: string): Promise<{ status: number; ms: number }> {
  const started = systemClock.now();
  return new Promise((resolve) => {
    const finish = (status: number) => resolve({ status, ms: systemClock.now() - started });
    const call = http.get(url, { agent: false, timeout: 5_000 }, (response) => {
      response.resume();
      response.once('end', () => finish(response.statusCode ?? 0));
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => finish(0));
  });
}
