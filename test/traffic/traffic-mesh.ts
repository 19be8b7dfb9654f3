// A mesh for tests of what resources do to traffic: the real control plane over real gRPC, real proxies over real sockets, in one process.
// Workloads are small servers that answer with what they were asked; each has an address of its own.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiObject } from '#api/kind';
import type { ConfigMap } from '#api/kinds/config-map';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import type { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { sharedCanonicalJson } from '#codec/protobuf/shared-canonical-json';
import { ControlPlane } from '#control/control-plane';
import { proxiesBehind } from '#control/discovery/distribution';
import type { ProxyConnection } from '#control/discovery/proxy-connection';
import { proxyStatuses } from '#control/discovery/proxy-status';
import { type Refusal, refusalsOf } from '#control/discovery/refusals';
import type { SourceHandlers } from '#control/sources/event';
import { meshKinds } from '#control/sources/mesh-kinds';
import { proxyOf } from '#control/view/proxy';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { httpProxyPort, LoopbackNetworks } from '#host/capture/loopback-networks';
import type { PodAddresses, PodNetwork } from '#host/capture/pod-network';
import { planEndpointSlice } from '#host/endpoint-plan';
import { proxyBootstrapOf } from '#host/proxy-bootstrap';
import { withSidecarLabels } from '#host/sidecar-injection';
import { MeshSigner } from '#identity/certificate-signer';
import { authorityAudience, TokenIssuer, TokenVerifier } from '#identity/service-account-token';
import { DecodeCache } from '#proxy/config/decode-cache';
import { ProxyInstance } from '#proxy/proxy-instance';
import { type Resolver, systemResolver } from '#proxy/upstream/dns-resolver';
import { MemoryStore } from '#store/memory-store';
import type { ResourceSet } from '#xds/resource';
import type { TypeUrl } from '#xds/resource-type';
import type { Interest } from '#xds/subscription';
import { objectsOf } from '../control/fixture.ts';
import { until } from '../integration/until.ts';
import { startHttpEcho } from './http-echo.ts';

const descriptors = new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url);

/** What the control plane keeps, once it has heard of it. */
const kept = new Set(meshKinds.map(({ kind }) => kind).filter((kind) => kind !== 'Namespace' && kind !== 'ConfigMap'));

/** A program of the mesh. */
export interface Workload {
  name: string;
  namespace?: string;
  labels: Record<string, string>;
  /** Where its server listens; none: a client alone. */
  port?: number;
  /** It listens at a Unix socket instead: the port is one of its Service alone. */
  unixSocket?: true;
  /** `client`: its calls go through a proxy. `server`: those that come do. `gateway`: it is a proxy and nothing else. */
  proxy?: 'client' | 'server' | 'gateway' | undefined;
  /** Instead of an echo. `failure`: what is said with the status, 503 when left out. */
  answer?: 'silence' | { failure: string; status?: number; headers?: Record<string, string> };
  /** HTTP/1 in the clear, or this; an object: HTTPS, with a certificate that is no secret. */
  speaks?: 'http' | 'http2' | 'proxy protocol' | { certificate: string; key: string; authority: string };
  /** Of an echo: what it says of its load with every answer (`endpoint-load-metrics`). */
  load?: string;
  /** What owns the pod; itself when left out. */
  deployment?: string;
  /** Of its proxy's node. */
  metadata?: Record<string, string>;
}

/** Of a workload's program. */
export interface Server {
  close(): Promise<void>;
}

/** Starts the program of a workload. Resolves when it listens. */
type Serve = (workload: Workload, at: net.ListenOptions, note: (seen: Seen) => void) => Promise<Server>;

export interface TownOptions {
  /** HTTP where nothing is said. */
  serve?: Serve;
  /** Nobody has a proxy: clients of the control plane come from elsewhere. */
  proxyless?: boolean;
  /** Something that stands between the proxies and the control plane, which listens there: resolves to where proxies are to go. */
  relay?: (controlPlane: { address: string; port: number }) => Promise<{ address: string; port: number }>;
}

/** What an echo saw. */
export interface Seen {
  workload: string;
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
  /** Of the connection that it came by. */
  clientPort: number;
  httpVersion?: string;
  /** Whom the client called in TLS, and who it said it was. */
  serverName?: string;
  clientName?: string;
  /** Without ports; `binary` of version 2. */
  proxyHeader?: string;
}

export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
  /** Who answered, where it was an echo. */
  seen: Seen | undefined;
}

export interface Call {
  /** A workload with a client's proxy, by name. */
  from?: string;
  /** A workload that is a gateway: the URL's port is the gateway's own. */
  via?: string;
  /** Instead of a proxy: an address to connect to, or the path of a Unix socket. */
  at?: string;
  /** Of an `https` URL. */
  tls?: https.RequestOptions;
  /** In a tunnel that the proxy makes (CONNECT) to this host and port. */
  tunnel?: string;
  /** Keeps connections; without one, each call has its own. */
  agent?: http.Agent;
  url: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

interface Running {
  workload: Workload;
  network: PodNetwork;
  pod: Pod;
  server: Server | undefined;
  proxy: ProxyInstance | undefined;
}

export class TrafficMesh {
  /** What the echoes were asked, in order. */
  readonly seen: Seen[] = [];
  private readonly running = new Map<string, Running>();
  private readonly objects = new Map<string, ApiObject>();
  /** What `apply` has put something else in the place of; undefined: there was nothing. */
  private readonly replaced = new Map<string, ApiObject | undefined>();
  private handlers: SourceHandlers | undefined;

  private constructor(
    private readonly networks: LoopbackNetworks,
    private readonly controlPlane: ControlPlane,
    private readonly xds: { address: string; port: number },
    private readonly tokens: TokenIssuer,
    private readonly serve: Serve,
    /** Of Unix sockets. */
    private readonly directory: string,
    /** Where the mesh's certificate authority is kept. */
    readonly authority: MemoryStore,
  ) {}

  /** `yaml`: Services and whatever else is to be there from the beginning. */
  static async start(
    workloads: readonly Workload[],
    yaml: string,
    { serve = startHttpEcho, proxyless, relay = async (target) => target }: TownOptions = {},
  ): Promise<TrafficMesh> {
    const networks = await LoopbackNetworks.claim();
    const address = '127.0.0.1';
    const source = { handlers: undefined as SourceHandlers | undefined };
    const tokens = new TokenIssuer(systemClock);
    const authority = new MemoryStore({ clock: systemClock, random: new SeededRandom(1) });
    const controlPlane = new ControlPlane({
      source: { start: (handlers) => void (source.handlers = handlers), stop: () => {} },
      clock: systemClock,
      logger: silentLogger,
      xdsAddress: { host: address, port: 0 },
      debugAddress: { host: address, port: 0 },
      meshConfig: { accessLogFile: '' },
      canonicalJson: sharedCanonicalJson(() => readFile(descriptors)),
      signer: new MeshSigner({
        store: authority,
        namespace: 'istio-system',
        tokens: new TokenVerifier(tokens.publicKey, systemClock, authorityAudience),
        clock: systemClock,
      }),
    });
    const { xds } = await controlPlane.start();
    const directory = await mkdtemp(join(tmpdir(), 'lateen-traffic-'));
    const mesh = new TrafficMesh(networks, controlPlane, await relay({ address, port: xds.port }), tokens, serve, directory, authority);
    mesh.handlers = source.handlers;
    try {
      for (const workload of workloads) await mesh.addPod(proxyless ? { ...workload, proxy: undefined } : workload);
      mesh.put([...mesh.running.values()].map(({ pod }) => pod));
      mesh.put(objectsOf(yaml));
      source.handlers?.synced();
      await Promise.all([...mesh.running.values()].map((each) => mesh.startProxy(each)));
      await mesh.untilSynced();
      return mesh;
    } catch (thrown) {
      await mesh.close();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.running.values()].map(({ proxy }) => proxy?.close()));
    await Promise.all([...this.running.values()].map(({ server }) => server?.close()));
    await this.controlPlane.stop();
    await this.networks.close();
    await rm(this.directory, { recursive: true });
  }

  /** Resolves when every proxy has it. `restore` takes it away. */
  async apply(yaml: string): Promise<void> {
    this.change(yaml);
    await this.untilSynced();
  }

  /** Of what some proxy refuses: resolves to its reason. */
  async applyRefused(yaml: string): Promise<string> {
    this.change(yaml);
    let reason = '';
    await until('some proxy refuses it', () => {
      reason = proxyStatuses(this.controlPlane.discovery.connections).flatMap(({ errors }) => Object.values(errors ?? {}))[0] ?? '';
      return reason !== '';
    });
    return reason;
  }

  /** As it was before what was applied since the last time. */
  async restore(): Promise<void> {
    if (this.replaced.size === 0) return;
    const added = [...this.replaced].flatMap(([key, before]) => (before === undefined ? (this.objects.get(key) ?? []) : []));
    for (const object of added) this.objects.delete(keyOf(object));
    this.handlers?.events(added.map(({ kind, metadata: { namespace = '', name } }) => ({ type: 'delete', kind, namespace, name })));
    this.put([...this.replaced.values()].filter((object) => object !== undefined));
    this.replaced.clear();
    await this.untilSynced();
  }

  /** `POD(name)` and `LOOPBACK(name)` stand for the addresses of that workload, `SOCKET(name)` for the path of its Unix socket. */
  private change(yaml: string): void {
    const objects = objectsOf(this.placed(yaml));
    for (const object of objects) {
      const key = keyOf(object);
      if (!this.replaced.has(key)) this.replaced.set(key, this.objects.get(key));
    }
    this.put(objects);
  }

  /** Applies without waiting for anything. */
  offer(yaml: string): void {
    this.put(objectsOf(yaml));
  }

  /** Takes objects of `default` away, at once and together, without waiting for anything. */
  withdraw(objects: readonly { kind: string; name: string }[]): void {
    const namespace = 'default';
    for (const { kind, name } of objects) this.objects.delete(`${kind} ${namespace}/${name}`);
    this.handlers?.events(objects.map(({ kind, name }) => ({ type: 'delete', kind, namespace, name })));
  }

  /** Every proxy has acknowledged all there is. */
  async untilSynced(): Promise<void> {
    await until('every proxy has everything', () => {
      const waiting = [...this.objects.values()].filter((object) => {
        const table = this.controlPlane.discovery.snapshot.objects.get(object.kind);
        return (
          (table !== undefined || kept.has(object.kind)) && table?.get(`${object.metadata.namespace}/${object.metadata.name}`) !== object
        );
      });
      if (waiting.length > 0) return `not sent: ${waiting.map(keyOf).join(', ')}`;
      const config = this.objects.get('ConfigMap istio-system/istio') as ConfigMap | undefined;
      if (this.controlPlane.discovery.snapshot.configText !== (config?.data?.['mesh'] ?? '')) return 'not sent: the mesh’s configuration';
      const gone = [...this.controlPlane.discovery.snapshot.objects].flatMap(([kind, table]) =>
        [...table.keys()].filter((key) => !this.objects.has(`${kind} ${key}`)).map((key) => `${kind} ${key}`),
      );
      if (gone.length > 0) return `not taken away: ${gone.join(', ')}`;
      const behind = proxiesBehind(proxyStatuses(this.controlPlane.discovery.connections));
      return behind.length === 0 || behind;
    });
  }

  /** Where the control plane serves xDS. */
  get xdsTarget(): string {
    return `${this.xds.address}:${this.xds.port}`;
  }

  /** What a client of the control plane would be sent. */
  resources(node: Node, type: TypeUrl, interest: Interest): ResourceSet {
    const proxy = proxyOf(node);
    if (!proxy) throw new Error(`${node.id} is no client`);
    return this.controlPlane.discovery.resources(proxy, type, interest);
  }

  /** What proxies refuse, and of which objects it is. */
  get refusals(): Refusal[] {
    return refusalsOf(this.controlPlane.discovery);
  }

  get connections(): Iterable<ProxyConnection> {
    return this.controlPlane.discovery.connections;
  }

  get problems(): string[] {
    return [...this.controlPlane.discovery.snapshot.problems.values()].flat().map(({ code, message }) => `${code} ${message}`);
  }

  addressOf(name: string): PodAddresses {
    return this.find(name).network.addresses;
  }

  private placed(text: string): string {
    return text
      .replace(/POD\(([\w-]+)\)/g, (_, name: string) => this.addressOf(name).pod)
      .replace(/LOOPBACK\(([\w-]+)\)/g, (_, name: string) => this.addressOf(name).loopback)
      .replace(/SOCKET\(([\w-]+)\)/g, (_, name: string) => this.socketOf(name));
  }

  private socketOf(name: string): string {
    return join(this.directory, `${name}.sock`);
  }

  proxyOf(name: string): ProxyInstance {
    const { proxy } = this.find(name);
    if (!proxy) throw new Error(`${name} has no proxy`);
    return proxy;
  }

  /** Rejects where no whole answer comes. */
  async call({ from = 'client', via, at, tls, tunnel, agent, url, method = 'GET', headers = {}, body }: Call): Promise<Reply> {
    if (tunnel !== undefined) return this.callInTunnel(tunnel, { from, url, method, headers });
    const target = new URL(url);
    const { addresses } = this.find(via ?? from).network;
    const path = target.pathname + target.search;
    const [host = '', port] = at === undefined ? [] : this.placed(at).split(':');
    const options =
      at !== undefined
        ? { ...(/^[/@]/.test(host) ? { socketPath: host.replace(/^@/, '\0') } : { host, port }), path }
        : via === undefined
          ? { host: addresses.loopback, port: httpProxyPort, path: url }
          : { host: addresses.pod, port: target.port || 80, path };
    const all = { ...options, method, headers: { host: target.host, ...headers }, agent: agent ?? false, timeout: 10_000 } as const;
    const request = target.protocol === 'https:' ? https.request({ ...all, ...tls }) : http.request(all);
    request.once('timeout', () => request.destroy(new Error('no answer in 10 s')));
    request.end(body);
    return replyOf(request);
  }

  /** Whoever refuses the tunnel has answered. */
  private async callInTunnel(tunnel: string, { from = 'client', url, method, headers }: Call): Promise<Reply> {
    const proxy = { host: this.find(from).network.addresses.loopback, port: httpProxyPort, agent: false, timeout: 10_000 } as const;
    const connect = http.request({ ...proxy, method: 'CONNECT', path: tunnel });
    connect.end();
    const [response, socket] = (await once(connect, 'connect')) as [http.IncomingMessage, net.Socket];
    try {
      if (response.statusCode !== 200) return { status: response.statusCode ?? 0, headers: response.headers, body: '', seen: undefined };
      const request = http.request(url, { method, headers, createConnection: () => socket });
      request.end();
      return await replyOf(request);
    } finally {
      socket.destroy();
    }
  }

  /** A bare connection to a port that a client's proxy, or a gateway, listens at. */
  async connect(name: string, port: number): Promise<net.Socket> {
    const socket = net.connect({ host: this.find(name).network.addresses.pod, port });
    await once(socket, 'connect');
    return socket;
  }

  private find(name: string): Running {
    const found = this.running.get(name);
    if (!found) throw new Error(`no workload ${name}`);
    return found;
  }

  private async addPod(workload: Workload): Promise<void> {
    const { name, port, proxy } = workload;
    const unplaced = podOf(workload);
    const network = this.networks.attach(unplaced);
    const running: Running = { workload, network, server: undefined, proxy: undefined, pod: serving(unplaced, network) };
    this.running.set(name, running);
    if (port === undefined) return;
    const { loopback, pod } = network.addresses;
    const at = workload.unixSocket ? { path: this.socketOf(name) } : { host: proxy === 'server' ? loopback : pod, port };
    running.server = await this.serve(workload, at, (seen) => this.seen.push(seen));
  }

  private async startProxy(running: Running): Promise<void> {
    const { workload, network, pod } = running;
    if (workload.proxy === undefined) return;
    const settings = { metadata: workload.metadata ?? {}, drainMs: undefined, concurrency: 1 };
    const bootstrap = proxyBootstrapOf(pod, network, { xds: this.xds, published: [], standardOutput: '/dev/null', settings });
    running.proxy = new ProxyInstance(
      { ...bootstrap, admin: { address: network.addresses.pod, port: 0 } },
      {
        clock: systemClock,
        random: new SeededRandom(20_261_121),
        logger: silentLogger,
        version: 'test',
        decodings: new DecodeCache(),
        identityToken: async () =>
          this.tokens.issue({ namespace: pod.metadata.namespace ?? 'default', serviceAccount: serviceAccountOf(pod) }, authorityAudience),
        resolver: this.resolver(),
        canonicalJson: () => Promise.reject(new Error('no dumps in this test')),
      },
    );
    await running.proxy.start();
  }

  /** `NAME.dynamic.example` is the workload of that name, and so is whatever stands before it. */
  private resolver(): Resolver {
    const domain = '.dynamic.example';
    const addressOf = (host: string) => this.running.get(host.slice(0, -domain.length).split('.').at(-1) ?? '')?.network.addresses.pod;
    return {
      resolve: async (host) => {
        if (!host.endsWith(domain)) return systemResolver.resolve(host);
        const address = addressOf(host);
        if (address === undefined) throw new Error('no such name');
        return [address];
      },
      lookup: (host, options, callback) => {
        if (!host.endsWith(domain)) return systemResolver.lookup(host, options, callback);
        const address = addressOf(host);
        if (address === undefined) callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '');
        else if (options.all) callback(null, [{ address, family: 4 }]);
        else callback(null, address, 4);
      },
    };
  }

  /** Slices follow Services, and pods. */
  private put(objects: readonly ApiObject[]): void {
    for (const object of objects) this.objects.set(keyOf(object), object);
    const pods = [...this.running.values()].map(({ pod }) => pod);
    const slices = objects
      .filter(({ kind }) => kind === 'Service')
      .flatMap((service) => (planEndpointSlice(service as Service, pods) ?? []) as ApiObject);
    for (const slice of slices) this.objects.set(keyOf(slice), slice);
    this.handlers?.events([...objects, ...slices].map((object) => ({ type: 'set', object })));
  }
}

const keyOf = ({ kind, metadata }: ApiObject) => `${kind} ${metadata.namespace}/${metadata.name}`;

function podOf({ name, namespace = 'default', labels, port, proxy, deployment }: Workload): Pod {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels,
      ...(proxy === 'gateway' && { annotations: { 'inject.istio.io/templates': 'gateway' } }),
      ...(deployment !== undefined && { ownerReferences: [{ kind: 'Deployment', name: deployment, controller: true }] }),
    },
    spec: { serviceAccountName: name, containers: [{ name: 'app', ...(port !== undefined && { ports: [{ containerPort: port }] }) }] },
  } as unknown as Pod;
  return proxy === undefined ? pod : (withSidecarLabels(pod) as Pod);
}

const serviceAccountOf = ({ spec }: Pod): string => spec.serviceAccountName ?? 'default';

function serving(pod: Pod, { addresses }: PodNetwork): Pod {
  return { ...pod, status: { podIP: addresses.pod, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
}

async function replyOf(request: http.ClientRequest): Promise<Reply> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const seen = response.headers['x-echo'] === '1' ? (JSON.parse(text) as Seen) : undefined;
  return { status: response.statusCode ?? 0, headers: response.headers, body: text, seen };
}
