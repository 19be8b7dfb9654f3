// A mesh in which traffic is captured, for one test file: programs that know nothing of it, in network namespaces. Skips where there can
// be none.
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ApiObject } from '#api/kind';
import { KindCatalog } from '#api/kind-catalog';
import { type Event, eventKind } from '#api/kinds/event';
import { type Pod, podKind } from '#api/kinds/pod';
import { type Service, serviceKind } from '#api/kinds/service';
import { kindOf } from '#api/registry';
import { createLogger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import { ConnectionRelay } from '#host/capture/connection-relay';
import { NamespaceNetworks } from '#host/capture/namespace-networks';
import { SystemTools } from '#host/capture/system-tools';
import { LocalMesh, type LocalMeshAddresses } from '#main/local-mesh';
import { applyObject } from '#store/apply';
import { anyPorts, inherited, isReady, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

/** Undefined where pods can have network namespaces; else why not. */
export async function whyNoNamespaces(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root may make network namespaces';
  try {
    await (await claimNetworks(os.tmpdir())).close();
    return undefined;
  } catch (thrown) {
    return `there can be no network namespaces here: ${messageOf(thrown)}`;
  }
}

const claimNetworks = (directory: string) =>
  NamespaceNetworks.claim({ mode: 'netns', tools: SystemTools.find(process.env['PATH'] ?? ''), directory, way: new ConnectionRelay() });

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Makes the file's tests share one mesh with these objects. */
export function useCaptureMesh(yaml: string): CaptureMesh {
  const mesh = new CaptureMesh();
  let why: string | undefined;
  beforeAll(async () => {
    why = whyNotBuilt ?? (await whyNoNamespaces());
    if (why === undefined) await mesh.start(yaml);
  }, 60_000);
  beforeEach((context) => {
    if (why !== undefined) context.skip(why);
  });
  afterAll(() => mesh.stop());
  return mesh;
}

export class CaptureMesh {
  private readonly directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-capture-'));
  private started: { mesh: LocalMesh; addresses: LocalMeshAddresses } | undefined;

  async start(yaml: string): Promise<void> {
    const mesh = new LocalMesh({
      ...anyPorts,
      runDirectory: this.directory,
      images: [],
      inherited,
      networks: await claimNetworks(path.join(this.directory, 'netns')),
      logger: createLogger({ level: 'debug', file: path.join(this.directory, 'lateen.log') }),
    });
    this.started = { mesh, addresses: await mesh.start() };
    await this.apply(yaml);
    await until('every pod is ready', async () => {
      const pods = await this.podList();
      return (pods.length > 1 && pods.every(isReady)) || pods.map(({ metadata, status }) => [metadata.name, status?.conditions]);
    });
  }

  async stop(): Promise<void> {
    await this.started?.mesh.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  get addresses(): LocalMeshAddresses {
    return this.running.addresses;
  }

  private get mesh(): LocalMesh {
    return this.running.mesh;
  }

  private get running() {
    if (this.started === undefined) throw new Error('the mesh has not been started');
    return this.started;
  }

  async apply(yaml: string): Promise<void> {
    for (const document of parseAllDocuments(yaml)) {
      const object = document.toJS() as ApiObject | null;
      const kind = object && new KindCatalog().kindOf(object.apiVersion, object.kind);
      if (!object || !kind) throw new Error(`no kind: ${String(document)}`);
      const { namespace = 'default' } = object.metadata;
      await applyObject(this.mesh.store, kind, kind.namespaced ? { ...object, metadata: { ...object.metadata, namespace } } : object);
    }
  }

  async podList(): Promise<Pod[]> {
    return (await this.mesh.store.list(podKind)).items as Pod[];
  }

  async pod(app: string): Promise<Pod> {
    const found = (await this.podList()).find(
      ({ metadata }) => metadata.labels?.['app'] === app && metadata.deletionTimestamp === undefined,
    );
    if (!found) throw new Error(`no pod of ${app}`);
    return found;
  }

  async deletePod(name: string): Promise<void> {
    await this.mesh.store.delete(podKind, 'default', name);
  }

  /** Resolves when a Deployment's pod is gone, and what it was on. */
  async remove(name: string): Promise<void> {
    const { metadata } = await this.pod(name);
    await this.mesh.store.delete(kindOf('apps/v1', 'Deployment')!, 'default', name);
    await until(`pod ${metadata.name} is gone`, async () => !(await runHere('ip', 'netns', 'list')).includes(metadata.name));
  }

  async clusterIp(service: string): Promise<string> {
    return (await this.service(service)).spec.clusterIP ?? '';
  }

  async service(name: string): Promise<Service> {
    return (await this.mesh.store.get(serviceKind, 'default', name)) as Service;
  }

  /** Reason and message of each that is about the object. */
  async eventsOf(name: string): Promise<string[]> {
    const events = (await this.mesh.store.list(eventKind)).items as Event[];
    return events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** Runs a command in the pod of an app, as its programs run. */
  async run(app: string, command: readonly string[], timeoutMs = 10_000): Promise<Ran> {
    const { metadata } = await this.pod(app);
    const child = this.mesh.pods.exec({ namespace: metadata.namespace ?? '', pod: metadata.name, container: '' }, command, false)();
    return new Promise((resolve) => {
      let [stdout, stderr] = ['', ''];
      const timer = setTimeout(() => child.kill(), timeoutMs);
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
      child.stdin.end();
      child.onExit((code) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** The access log of an app's proxy, once a line meets the pattern. */
  async untilLogged(app: string, pattern: RegExp): Promise<string> {
    const { metadata } = await this.pod(app);
    const file = path.join(this.addresses.logs, `${metadata.namespace}_${metadata.name}`, 'istio-proxy.log');
    let line: string | undefined;
    await until(`the proxy of ${app} has logged ${pattern}`, () => {
      const text = readFileSync(file, 'utf8');
      line = text.split('\n').find((each) => pattern.test(each));
      return line !== undefined || text.slice(-2_000);
    });
    return line!;
  }
}

/** Node ports are the machine's: meshes of other processes would be given the same for a Service of the same name. */
const ownNodePort = 30_000 + (process.pid % 2_768);

/** The ports of a Service of type NodePort, for HTTP and for datagrams, in YAML. */
export const ownNodePorts = `[{name: http, port: 80, targetPort: 8080, nodePort: ${ownNodePort}}, {name: udp, port: 9001, protocol: UDP, nodePort: ${ownNodePort}}]`;

/** What is answered to a datagram at a port of this machine. */
export async function datagramAnswer(port: number, text: string): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  try {
    let heard: string | undefined;
    socket.on('message', (bytes) => {
      heard = String(bytes);
    });
    await until('a datagram is answered', () => {
      socket.send(text, port, '127.0.0.1');
      return heard !== undefined;
    });
    return heard!;
  } finally {
    socket.close();
  }
}

/** An address of this machine that is not its own loopback: for pods, one of the world. */
export const machineAddress = (): string | undefined =>
  Object.values(os.networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('10.24'))?.address;

/** On the machine itself; resolves to what it printed. */
export function runHere(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env: inherited }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
}
