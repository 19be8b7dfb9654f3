// A whole mesh for one test file: Bookinfo on ports of its own, in a folder of its own, gone at the end whatever happens.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { parse } from 'yaml';
import type { Kind } from '#api/kind';
import { type Pod, podKind } from '#api/kinds/pod';
import { createProgram } from '#cli/program';
import { systemClock } from '#foundation/clock';
import { createLogger } from '#foundation/logger';
import { resolvePaths } from '#host/container';
import type { ImageMapping } from '#host/image-map';
import { LocalMesh, type LocalMeshAddresses } from '#main/local-mesh';
import { type Answer, type Ask, request, SteadyTraffic, type TrafficReport } from './http-client.ts';
import { descendantsOf, type Incarnation, untilGone } from './process-tree.ts';
import { until } from './until.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const bookinfo = path.join(root, 'samples/bookinfo');
export const program = path.join(root, 'dist/main/lateen.js');

/** Undefined when there is something to test; else why not. */
export const whyNotBuilt = existsSync(program) ? undefined : 'dist/ is not built: run "npm run build" first';

/** What `lateen` inherits in tests. */
export const inherited: Readonly<Record<string, string>> = { PATH: process.env['PATH'] ?? '', HOME: os.tmpdir() };

export const anyPorts = { apiPort: 0, xdsPort: 0, debugPort: 0, gatewayHttpPort: 0, gatewayHttpsPort: 0 };

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A row of /debug/syncz. */
export interface SyncRow {
  proxy: string;
  cds: string;
  lds: string;
  eds: string;
  rds: string;
  errors?: Record<string, string>;
}

/** Makes the file's tests share one mesh, and skips them with a reason where nothing is built. */
export function useMesh(options: { concurrency?: number } = {}): MeshFixture {
  const mesh = new MeshFixture(options);
  beforeAll(() => (whyNotBuilt === undefined ? mesh.start() : undefined));
  beforeEach((context) => {
    if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
  });
  afterAll(() => mesh.stop());
  return mesh;
}

export class MeshFixture {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-mesh-'));
  private readonly mesh: LocalMesh;
  private readonly before: readonly Incarnation[] = descendantsOf(process.pid);
  private traffic: SteadyTraffic[] = [];
  private started: LocalMeshAddresses | undefined;

  constructor(options: { concurrency?: number } = {}) {
    this.mesh = new LocalMesh({
      ...anyPorts,
      ...options,
      runDirectory: this.directory,
      images: bookinfoImages(),
      inherited,
      logger: createLogger({ level: 'debug', file: path.join(this.directory, 'lateen.log') }),
    });
  }

  get addresses(): LocalMeshAddresses {
    if (this.started === undefined) throw new Error('the mesh has not been started');
    return this.started;
  }

  get processes(): ReturnType<LocalMesh['processes']> {
    return this.mesh.processes();
  }

  /** Another process takes the proxies over. */
  restartProxies(): Promise<void> {
    return this.mesh.restartProxies();
  }

  get gateway(): string {
    const { address, port } = this.addresses.gatewayHttp;
    return `http://${address}:${port}`;
  }

  /** Resolves when Bookinfo answers through the gateway and every pod is ready. */
  async start(): Promise<void> {
    this.started = await this.mesh.start();
    await this.apply(['bookinfo.yaml', 'gateway.yaml'].map((file) => readFileSync(path.join(bookinfo, file), 'utf8')).join('\n---\n'));
    const ready = async () => {
      const pods = await this.pods();
      return (pods.length === 7 && pods.every(isReady)) || pods.map(({ metadata, status }) => [metadata.name, status]);
    };
    await until('every pod is ready', ready, 30_000);
    await this.untilPage();
  }

  /** Resolves when the product page answers, with its details and reviews. */
  untilPage(): Promise<void> {
    return until('the product page is whole', async () => {
      const { status, body } = await this.get('/productpage');
      return (status === 200 && !body.includes('Error fetching')) || `${status} ${body.slice(0, 200)}`;
    });
  }

  /** Ends everything; rejects when a process is left. */
  async stop(): Promise<void> {
    const known = new Set(this.before.map(({ pid }) => pid));
    const ours = descendantsOf(process.pid).filter(({ pid }) => !known.has(pid));
    try {
      await Promise.all(this.traffic.map((traffic) => traffic.stop()));
      await this.mesh.stop();
      await untilGone(ours);
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  /** `lateen ARGS…` in this process, against this mesh. */
  async lateen(args: readonly string[], stdin = ''): Promise<CommandResult> {
    const { kubeconfig, debug } = this.addresses;
    let stdout = '';
    let stderr = '';
    const { run } = createProgram({
      version: '0.0.0',
      clock: systemClock,
      stdout: (text) => (stdout += text),
      stderr: (text) => (stderr += text),
      readStdin: async () => stdin,
      color: false,
      apiUrl: '',
      kubeconfig,
      debugUrl: `http://${debug.address}:${debug.port}`,
    });
    const code = await run(args);
    return { code, stdout, stderr };
  }

  /** `lateen apply -f -`; throws where it fails. */
  async apply(yaml: string): Promise<CommandResult> {
    const result = await this.tryApply(yaml);
    if (result.code !== 0) throw new Error(`apply ended with ${result.code}: ${result.stderr}`);
    return result;
  }

  tryApply(yaml: string): Promise<CommandResult> {
    return this.lateen(['apply', '-f', '-'], yaml);
  }

  /** `lateen delete KIND NAME…`, after a test that leaves rules behind; what is not there is no failure. */
  async delete(kind: Kind, ...names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (await this.mesh.store.get(kind, 'default', name)) await this.mesh.store.delete(kind, 'default', name);
    }
  }

  /** Through the ingress gateway. */
  get(where: string, headers: Record<string, string> = {}): Promise<Answer> {
    return request(this.gateway + where, { headers });
  }

  ask(where: string, options: Ask): Promise<Answer> {
    return request(this.gateway + where, options);
  }

  async pods(): Promise<Pod[]> {
    return (await this.mesh.store.list(podKind)).items as Pod[];
  }

  /** Of one workload: `reviews-v2`. Rejects unless there is exactly one. */
  async pod(workload: string): Promise<Pod> {
    const all = (await this.pods()).filter(({ metadata }) => metadata.name.startsWith(`${workload}-`));
    if (all.length !== 1) throw new Error(`${all.length} pods of ${workload}`);
    return all[0]!;
  }

  get store(): LocalMesh['store'] {
    return this.mesh.store;
  }

  /** The admin interface of a workload's proxy. */
  async admin(workload: string, where: string, method = 'GET'): Promise<Answer> {
    return request(`http://${(await this.pod(workload)).status?.podIP}:15000${where}`, { method });
  }

  async syncz(): Promise<SyncRow[]> {
    const { debug } = this.addresses;
    return JSON.parse((await request(`http://${debug.address}:${debug.port}/debug/syncz`)).body) as SyncRow[];
  }

  /** The control plane's own problems, by `/debug/problems`. */
  async problems(): Promise<{ code: string; object?: string; message: string; field?: string; hint?: string }[]> {
    const { debug } = this.addresses;
    return JSON.parse((await request(`http://${debug.address}:${debug.port}/debug/problems`)).body);
  }

  /** Resolves when `count` proxies have taken everything that they were sent. */
  untilSynced(count = 7): Promise<void> {
    return until('all proxies are synced', async () => {
      const rows = await this.syncz();
      const sound = ({ cds, lds, eds, rds, errors }: SyncRow) =>
        [cds, lds, eds, rds].every((status) => status === 'SYNCED' || status === 'NOT SENT') && cds === 'SYNCED' && errors === undefined;
      return (rows.length === count && rows.every(sound)) || rows;
    });
  }

  /** The program of a workload's only pod: its process on this machine. */
  async programOf(workload: string): Promise<number> {
    const address = (await this.pod(workload)).status?.podIP?.replace(/^127\.(\d+)/, (_, octet) => `127.${Number(octet) + 1}`);
    const found = descendantsOf(process.pid).filter(({ command }) => command.includes(`--host ${address} `));
    if (found.length !== 1) throw new Error(`${found.length} processes listen for ${workload} at ${address}`);
    return found[0]!.pid;
  }

  /** Requests through the gateway while `act` goes on, with enough of them before and after. */
  async during(where: string, act: () => Promise<void>, connections = 4): Promise<TrafficReport> {
    const traffic = new SteadyTraffic(this.gateway + where, connections);
    this.traffic.push(traffic);
    const some = async () => {
      const from = traffic.requests;
      await until('there is traffic', () => traffic.requests >= from + 50 || traffic.requests - from);
    };
    try {
      await some();
      await act();
      await some();
    } finally {
      await traffic.stop();
      this.traffic = this.traffic.filter((each) => each !== traffic);
    }
    return traffic.stop();
  }
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

/** The sample's own image map. */
export function bookinfoImages(): ImageMapping[] {
  const { images } = parse(readFileSync(path.join(bookinfo, 'image-map.yaml'), 'utf8')) as { images: ImageMapping[] };
  return images.map((mapping) => ({ ...mapping, command: resolvePaths(mapping.command, bookinfo) }));
}
