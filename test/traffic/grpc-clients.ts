// Clients that take their routes from the control plane's xDS themselves, without a proxy: programs with a gRPC library each, one for every
// workload that calls. They stand in for the mesh of the traffic tables.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { formatNodeId } from '#xds/node-id';
import type { CallingMesh, Case, Expectation } from './case.ts';
import { workloads } from './town.ts';
import type { Call, Reply, Seen, TrafficMesh } from './traffic-mesh.ts';

/** A program that speaks the lines of grpc-client.mjs. */
export interface Program {
  command: string;
  args: readonly string[];
  /** What of the tables this very library does not do as gRPC says, and why. */
  lacks?: (each: Case, call: Expectation) => string | undefined;
}

interface Answer {
  id: number;
  code: number;
  details: string;
  message: string;
}

export class GrpcClients implements CallingMesh {
  private readonly running = new Map<string, ClientProcess>();

  constructor(
    private readonly mesh: TrafficMesh,
    private readonly program: Program,
  ) {}

  get seen(): Seen[] {
    return this.mesh.seen;
  }

  /** `status` of the reply is gRPC's. */
  async call({ from = 'client', url, headers = {} }: Call): Promise<Reply> {
    const { code, details, message } = await this.process(from).ask({
      target: `xds:///${targetOf(from, url)}`,
      path: new URL(url).pathname,
      metadata: headers,
    });
    return { status: code, headers: {}, body: details, seen: message === '' ? undefined : (JSON.parse(message) as Seen) };
  }

  /** Whoever calls next begins with what the control plane says then. */
  async forget(): Promise<void> {
    await Promise.all([...this.running.values()].map((process) => process.ask({ close: true }).catch(() => this.running.clear())));
  }

  async close(): Promise<void> {
    await Promise.all([...this.running.values()].map((process) => process.stop()));
  }

  private process(from: string): ClientProcess {
    let process = this.running.get(from);
    if (!process) this.running.set(from, (process = new ClientProcess(this.program, bootstrapOf(from, this.mesh.xdsTarget))));
    return process;
  }
}

/** The node that a workload's gRPC library introduces itself as. */
export function nodeOf(from: string): Node {
  const workload = workloads.find(({ name }) => name === from);
  const { namespace = 'default', labels = {} } = workload ?? {};
  const part = (name: string) => labels[`topology.kubernetes.io/${name}`] ?? '';
  return Node.fromPartial({
    id: formatNodeId({ type: 'sidecar', ip: '127.0.0.1', id: `${from}.${namespace}`, dnsDomain: `${namespace}.svc.cluster.local` }),
    locality: { region: part('region'), zone: part('zone') },
    metadata: { GENERATOR: 'grpc', LABELS: labels },
  });
}

/** gRPC clients dial whole names: there is no search list. */
export function targetOf(from: string, url: string): string {
  const { hostname, port } = new URL(url);
  const [name = '', namespace = workloads.find((workload) => workload.name === from)?.namespace ?? 'default', ...more] =
    hostname.split('.');
  const short = more.length === 0 || hostname.endsWith('.svc');
  return `${short ? `${name}.${namespace}.svc.cluster.local` : hostname}:${port || 80}`;
}

function bootstrapOf(from: string, target: string): string {
  const { id, locality, metadata } = nodeOf(from);
  return JSON.stringify({
    xds_servers: [{ server_uri: target, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
    node: { id, locality, metadata },
  });
}

class ClientProcess {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (reason: Error) => void }>();
  private errors = '';
  private ended: string | undefined;
  private serial = 0;

  constructor({ command, args }: Program, bootstrap: string) {
    this.child = spawn(command, args, { env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: bootstrap, GRPC_VERBOSITY: 'ERROR' } });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      this.waiting.get(answer.id)?.resolve(answer);
      this.waiting.delete(answer.id);
    });
    this.child.stderr!.on('data', (data: Buffer) => void (this.errors = (this.errors + data.toString()).slice(-2000)));
    this.child.stdin!.on('error', () => {}); // 'exit' says why
    this.child.once('exit', (code, signal) => {
      this.ended = `the client has ended (${signal ?? code}): ${this.errors}`;
      for (const { reject } of this.waiting.values()) reject(new Error(this.ended));
      this.waiting.clear();
    });
  }

  ask(question: object): Promise<Answer> {
    if (this.ended !== undefined) return Promise.reject(new Error(this.ended));
    const id = ++this.serial;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.stdin!.write(`${JSON.stringify({ id, ...question })}\n`);
    });
  }

  async stop(): Promise<void> {
    if (this.ended !== undefined) return;
    const gone = once(this.child, 'exit');
    this.child.kill();
    await gone;
  }
}
