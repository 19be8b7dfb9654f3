// A proxy made by hand: runtime, one cluster or more, one listener on port 0, and small peers on raw sockets.
import { randomUUID } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { ownNetwork } from '#net/network';
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { http2Defaults } from '#proxy/config/http2-options';
import type { ListenerConfig, TcpProxyConfig } from '#proxy/config/listener';
import { priorityDefault, roundRobinDefault } from '#proxy/config/load-balancer';
import { identityPlacement, type SocketAddress } from '#proxy/config/socket-address';
import { faultType } from '#proxy/filters/http/fault';
import type { FaultConfig } from '#proxy/filters/http/fault-config';
import { peerMetadataType } from '#proxy/filters/http/peer-metadata';
import { routerType } from '#proxy/filters/http/router';
import { configured } from '#proxy/http/http-filter';
import { ListenerManager } from '#proxy/listen/listener-manager';
import type { ForwardAction, HeaderMutations, RetryPolicy, Route, RouteAction, RoutedRequest } from '#proxy/route/route';
import { noRouteFilters, type RouteFilters } from '#proxy/route/route-filter';
import type { RouteTable } from '#proxy/route/route-table';
import { closeRuntime, createRuntime, type ProxiedExchange, type ProxyRuntime, type RuntimeOptions } from '#proxy/runtime';
import { anyEndpoint, type PickContext } from '#proxy/upstream/balance/pick-context';
import { systemResolver } from '#proxy/upstream/dns-resolver';
import { formatResponseFlags } from '#telemetry/response-flags';

export const noMutations: HeaderMutations = { set: [], append: [], addIfAbsent: [], remove: [] };

export function cluster(name: string, ports: readonly number[], changes: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    name,
    discovery: { kind: 'static' },
    endpoints: ports.map((port) => endpoint(port)),
    loadBalancer: roundRobinDefault,
    priorities: priorityDefault,
    outlierDetection: undefined,
    failedAnswers: undefined,
    healthCheck: undefined,
    connectTimeoutMs: 2000,
    protocol: 'http1',
    http2: http2Defaults,
    keepsAlpn: false,
    autoSni: false,
    autoSanValidation: false,
    circuitBreaker: { connectionsMax: 1024, pendingRequestsMax: 1024, requestsMax: 1024, retriesMax: 3 },
    preconnectRatio: 1,
    idleTimeoutMs: 3_600_000,
    maxRequestsPerConnection: 0,
    connectionMsMax: 0,
    keepalive: undefined,
    bindAddress: undefined,
    bufferBytesMax: 1_048_576,
    tlsMatches: [],
    tls: undefined,
    proxyProtocol: undefined,
    service: undefined,
    metadataExchange: 'enabled',
    ...changes,
  };
}

export function endpoint(port: number, changes: Partial<EndpointConfig> = {}): EndpointConfig {
  return {
    address: { address: '127.0.0.1', port },
    weight: 1,
    priority: 0,
    health: 'healthy',
    locality: '',
    localityWeight: 0,
    workload: '',
    transportLabels: {},
    ...changes,
  };
}

/** Nobody who is sick serves. */
export const withoutPanic = { ...priorityDefault, panicThreshold: 0 };

/** A request that wants an endpoint, and asks for nothing particular. */
export function picking(changes: Partial<PickContext> = {}): PickContext {
  return { ...anyEndpoint, ...changes };
}

export function forward(clusters: Record<string, number> | string, changes: Partial<ForwardAction> = {}): ForwardAction {
  const weights = typeof clusters === 'string' ? { [clusters]: 1 } : clusters;
  return {
    kind: 'forward',
    countsAttempts: true,
    clusters: Object.entries(weights).map(([name, weight]) => ({
      name,
      weight,
      requestHeaders: noMutations,
      responseHeaders: noMutations,
      filters: noRouteFilters,
    })),
    clusterFilters: false,
    weightTotal: Object.values(weights).reduce((a, b) => a + b, 0),
    timeoutMs: 0,
    duration: undefined,
    idleTimeoutMs: 0,
    retry: undefined,
    authority: undefined,
    path: undefined,
    upgradeTypes: new Set(),
    hashPolicies: [],
    mirrors: [],
    rateLimits: { own: [], host: [] },
    ...changes,
  };
}

export function retryPolicy(changes: Partial<RetryPolicy> & { on: ReadonlySet<string> }): RetryPolicy {
  return {
    retriesMax: 2,
    statuses: new Set(),
    responseHeaders: [],
    requestHeaders: [],
    perTryTimeoutMs: 0,
    backoffMsMin: 1,
    backoffMsMax: 2,
    hostSelectionRetriesMax: 0,
    avoidPreviousHosts: false,
    triesPerPriority: 0,
    ...changes,
  };
}

export function route(action: RouteAction, changes: Partial<Route> = {}): Route {
  return {
    name: 'test',
    virtualHost: 'test',
    action,
    requestHeaders: noMutations,
    responseHeaders: noMutations,
    filters: noRouteFilters,
    disabledFilters: undefined,
    origin: undefined,
    filterMetadata: undefined,
    operation: '',
    statPrefix: '',
    ...changes,
  };
}

/** What a route says of the fault filter. */
export function faultFilters(config: FaultConfig): RouteFilters {
  return new Map([['fault', { type: faultType, config, disabled: false }]]);
}

/** A route table that is a function: the path without its query is looked up, then `*`. */
export function routeTable(routes: Record<string, Route> | ((request: RoutedRequest) => Route | undefined)): RouteTable {
  const choose = typeof routes === 'function' ? routes : (request: RoutedRequest) => routes[request.path.split('?')[0]!] ?? routes['*'];
  return { route: choose } as unknown as RouteTable;
}

export const routerEntry = configured(routerType, 'router', { suppressEnvoyHeaders: false });

export function httpConfig(table: RouteTable, changes: Partial<HttpConnectionManagerConfig> = {}): HttpConnectionManagerConfig {
  return {
    statPrefix: 'test',
    codec: 'auto',
    http2: http2Defaults,
    routes: { kind: 'inline', table },
    httpFilters: [
      configured(peerMetadataType, 'peer', { discover: true, propagate: true, meshAlone: false }),
      configured(faultType, 'fault', undefined),
      routerEntry,
    ],
    accessLogs: [],
    tracing: undefined,
    idleTimeoutMs: 3_600_000,
    streamIdleTimeoutMs: 300_000,
    requestTimeoutMs: 0,
    requestHeadersTimeoutMs: 0,
    drainTimeoutMs: 5000,
    headBytesMax: 60 * 1024,
    headersMax: 100,
    maxRequestsPerConnection: 0,
    useRemoteAddress: false,
    skipXffAppend: false,
    trustedHops: 0,
    generateRequestId: true,
    preserveExternalRequestId: false,
    serverName: 'istio-envoy',
    serverHeader: 'overwrite',
    upgradeTypes: new Set(['websocket']),
    normalizePath: true,
    mergeSlashes: false,
    escapedSlashes: 'keep',
    stripMatchingHostPort: false,
    clientCertificate: { mode: 'sanitize', subject: false, uri: false, dns: false },
    acceptHttp10: false,
    ...changes,
  };
}

export function httpListener(http: HttpConnectionManagerConfig, changes: Partial<ListenerConfig> = {}): ListenerConfig {
  return listener([{ kind: 'http_connection_manager', http }], changes);
}

export function tcpListener(
  tcp: Partial<TcpProxyConfig> & Pick<TcpProxyConfig, 'clusters'>,
  changes: Partial<ListenerConfig> = {},
): ListenerConfig {
  return listener(
    [
      {
        kind: 'tcp_proxy',
        tcp: {
          statPrefix: 'tcp',
          idleTimeoutMs: 0,
          connectionMsMax: 0,
          tunnel: undefined,
          maxConnectAttempts: 1,
          namedHostPort: undefined,
          hashesSourceIp: false,
          accessLogs: [],
          metrics: undefined,
          reportingIntervalMs: 15_000,
          ...tcp,
        },
      },
    ],
    changes,
  );
}

export const matchAnything = {
  destinationPort: undefined,
  prefixRanges: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
  sourcePrefixRanges: [],
};

function listener(filters: ListenerConfig['filterChains'][number]['filters'], changes: Partial<ListenerConfig>): ListenerConfig {
  return {
    name: 'test',
    addresses: [{ address: '127.0.0.1', port: 0 }],
    bindToPort: true,
    restoresDestination: false,
    useOriginalDst: false,
    direction: 'outbound',
    filterChains: [
      { name: 'chain', origin: undefined, match: matchAnything, gates: [], filters, tls: undefined, transportSocketConnectTimeoutMs: 0 },
    ],
    defaultFilterChain: undefined,
    bufferBytesMax: 1_048_576,
    accessLogs: [],
    inspection: () => ({ tls: false, http: false }),
    proxyProtocol: undefined,
    inspectionTimeoutMs: 0,
    continueAfterInspectionTimeout: false,
    ...changes,
  };
}

/** One line an exchange: what access logs would say of it. */
export interface Logged {
  method: string;
  path: string;
  status: number;
  flags: string;
  details: string;
  attempts: number;
  upstreamHost: string;
  bytesReceived: number;
  bytesSent: number;
  termination: string;
}

export class TestProxy {
  readonly log: Logged[] = [];
  readonly runtime: ProxyRuntime;
  readonly listeners: ListenerManager;
  readonly random = new SeededRandom(42);
  private readonly watchers = new Set<() => void>();

  constructor(options: Partial<RuntimeOptions> & { clock?: Clock; connectionsMax?: number } = {}) {
    const heard = { onComplete: (exchange: ProxiedExchange) => this.hear(exchange) };
    const { connectionsMax, ...changes } = options;
    this.runtime = createRuntime({
      clock: systemClock,
      random: this.random,
      logger: silentLogger,
      placement: identityPlacement,
      network: ownNetwork,
      routeTables: new Map(),
      exchangeListeners: { http: () => [heard], tcp: () => [heard] },
      peerMetadata: undefined,
      resolver: systemResolver,
      node: { id: 'sidecar~127.0.0.1~test.default~default.svc.cluster.local', cluster: 'test.default' },
      newRequestId: randomUUID,
      ...changes,
    });
    this.listeners = new ListenerManager(this.runtime, connectionsMax);
  }

  /** Opens the listener; returns its port. */
  async listen(config: ListenerConfig): Promise<number> {
    const problems = await this.listeners.apply([config]);
    if (problems.length > 0) throw new Error(problems[0]!.message);
    return this.port();
  }

  port(): number {
    return this.listeners.boundAddresses()[0]!.port;
  }

  /** Resolves when so many exchanges have finished. */
  async logged(count: number): Promise<Logged[]> {
    while (this.log.length < count) await new Promise<void>((resolve) => this.watchers.add(resolve));
    return this.log;
  }

  async close(): Promise<void> {
    await this.listeners.close();
    closeRuntime(this.runtime);
  }

  private hear(exchange: ProxiedExchange): void {
    const { method, path, status, details, attempts, upstreamHost, bytesReceived, bytesSent } = exchange;
    const flags = formatResponseFlags(exchange.flags);
    const termination = exchange.connectionTerminationDetails;
    this.log.push({ method, path, status, flags, details, attempts, upstreamHost, bytesReceived, bytesSent, termination });
    for (const resolve of this.watchers) resolve();
    this.watchers.clear();
  }
}

/** A raw TCP server whose connections end with it. */
export class Peer {
  readonly sockets = new Set<Socket>();
  private constructor(private readonly server: Server) {}

  static async listen(serve: (socket: Socket) => void, port = 0): Promise<Peer> {
    const peer: Peer = new Peer(
      createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        peer.sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => peer.sockets.delete(socket));
        serve(socket);
      }),
    );
    await new Promise<void>((resolve) => peer.server.listen(port, '127.0.0.1', resolve));
    return peer;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Where nobody listens. */
export async function deadPort(): Promise<number> {
  const peer = await Peer.listen(() => {});
  const { port } = peer;
  await peer.close();
  return port;
}

/** An upstream that collects the heads (and small bodies) it gets, one text a request, and answers each with `answer`. */
export async function httpPeer(
  answer: string | ((request: string, socket: Socket, index: number) => string | undefined),
): Promise<Peer & { requests: string[] }> {
  const requests: string[] = [];
  const peer = await Peer.listen((socket) => {
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      for (let end = requestEnd(text); end > 0; end = requestEnd(text)) {
        const request = text.slice(0, end);
        text = text.slice(end);
        requests.push(request);
        const response = typeof answer === 'string' ? answer : answer(request, socket, requests.length - 1);
        if (response !== undefined) socket.write(response, 'latin1');
      }
    });
    socket.on('end', () => socket.end());
  });
  return Object.assign(peer, { requests });
}

/** Where the first request of a text ends, body included; 0: not there yet. */
function requestEnd(text: string): number {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return 0;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head + 2));
  if (length) return text.length >= head + 4 + Number(length[1]) ? head + 4 + Number(length[1]) : 0;
  if (!/\r\ntransfer-encoding:/i.test(text.slice(0, head + 2))) return head + 4;
  const end = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(head + 4));
  return end ? head + 4 + end.index + end[0].length : 0;
}

export function ok(body = 'ok', headers = ''): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`;
}

/** A raw client: writes text, waits for what it wants to see. */
export class Client {
  text = '';
  ended = false;
  private readonly waiting = new Set<() => void>();

  private constructor(readonly socket: Socket) {
    socket.on('data', (data) => {
      this.text += data.toString('latin1');
      this.wake();
    });
    socket.on('error', () => {});
    socket.on('end', () => this.end());
    socket.on('close', () => this.end());
  }

  static connect(port: number, from: Partial<SocketAddress> = {}): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        allowHalfOpen: true,
        ...(from.address ? { localAddress: from.address } : {}),
      });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Client(socket));
      });
    });
  }

  write(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Resolves with all text so far when `pattern` is in it; fails when the connection ends before. */
  async until(pattern: RegExp | string): Promise<string> {
    for (;;) {
      if (typeof pattern === 'string' ? this.text.includes(pattern) : pattern.test(this.text)) return this.text;
      if (this.ended) throw new Error(`ended without ${pattern}: ${JSON.stringify(this.text.slice(0, 500))}`);
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** Resolves with everything when the proxy has ended the connection. */
  async closed(): Promise<string> {
    while (!this.ended) await new Promise<void>((resolve) => this.waiting.add(resolve));
    return this.text;
  }

  close(): void {
    this.socket.destroy();
  }

  private end(): void {
    this.ended = true;
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

/** Closes what a test opened, whatever became of the test: `const open = closer()`, `afterEach(open.closeAll)`. */
export function closer() {
  const opened: { close(): void | Promise<void> }[] = [];
  return {
    add<T extends { close(): void | Promise<void> }>(thing: T): T {
      opened.push(thing);
      return thing;
    },
    async closeAll() {
      for (const thing of opened.splice(0).reverse()) await thing.close();
    },
  };
}
