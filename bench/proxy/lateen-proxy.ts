// Lateen's own data path with a configuration as a mesh has it: 50 hosts, 12 routes with a header match and weights of 90 and 10,
// Istio's metrics and request ids on. Only xDS is left out. `node lateen-proxy.js '{"port": 8080, "to": 9080}'`: see lateen-options.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '#foundation/clock';
import { createLogger } from '#foundation/logger';
import { systemRandom } from '#foundation/random';
import { createUuids } from '#foundation/uuid';
import { ownNetwork } from '#net/network';
import type { ClusterConfig } from '#proxy/config/cluster';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { http2Defaults } from '#proxy/config/http2-options';
import type { ListenerConfig } from '#proxy/config/listener';
import { priorityDefault } from '#proxy/config/load-balancer';
import { identityPlacement } from '#proxy/config/socket-address';
import type { DownstreamTlsConfig, UpstreamTlsConfig } from '#proxy/config/tls';
import { faultType } from '#proxy/filters/http/fault';
import { istioStatsType } from '#proxy/filters/http/istio-stats';
import { peerMetadataType } from '#proxy/filters/http/peer-metadata';
import { routerType } from '#proxy/filters/http/router';
import { configured } from '#proxy/http/http-filter';
import { ListenerManager } from '#proxy/listen/listener-manager';
import type { Route } from '#proxy/route/route';
import { noRouteFilters } from '#proxy/route/route-filter';
import type { RouteMatch } from '#proxy/route/route-match';
import { type MatchedRoute, RouteTable, type VirtualHost } from '#proxy/route/route-table';
import { exactly, startsWith } from '#proxy/route/string-matcher';
import { createRuntime } from '#proxy/runtime';
import { RequestStats } from '#proxy/telemetry/request-stats';
import { systemResolver } from '#proxy/upstream/dns-resolver';
import { IstioMetrics } from '#telemetry/istio-metrics';
import { MetricsRegistry } from '#telemetry/metrics';
import { workloadOfMetadata } from '#telemetry/workload';
import type { ProcessMemory } from './connections.ts';
import { filterOf } from './filter-costs.ts';
import type { ProxyOptions } from './lateen-options.ts';

const {
  port,
  to: backendPort,
  pem,
  in: entrance = 'plain',
  out = 'h1',
  hosts: hostCount = 50,
  filter,
}: ProxyOptions = JSON.parse(process.argv[2] ?? '{}');
const none = { set: [], append: [], addIfAbsent: [], remove: [] };

const metrics = new IstioMetrics(new MetricsRegistry());
const self = workloadOfMetadata({ WORKLOAD_NAME: 'bench', NAMESPACE: 'default' });
const runtime = createRuntime({
  clock: systemClock,
  random: systemRandom,
  logger: createLogger({ level: 'warn' }),
  placement: identityPlacement,
  network: ownNetwork,
  routeTables: new Map(),
  exchangeListeners: { http: () => [new RequestStats(metrics, 'source', self, '')], tcp: () => [] },
  peerMetadata: undefined,
  resolver: systemResolver,
  node: { id: 'bench', cluster: 'bench' },
  newRequestId: createUuids(systemRandom),
});

for (const subset of ['v1', 'v2']) runtime.clusters.set(cluster(subset));

const measured = filter === undefined ? [] : await filterOf(filter);
const listeners = new ListenerManager(runtime);
const problems = await listeners.apply([listener()]);
for (const { message } of problems) throw new Error(message);

function cluster(subset: string): ClusterConfig {
  return {
    name: clusterName(subset),
    discovery: { kind: 'static' },
    metadataExchange: 'enabled',
    autoSni: false,
    autoSanValidation: false,
    endpoints: [
      {
        address: { address: '127.0.0.1', port: backendPort },
        weight: 1,
        priority: 0,
        health: 'healthy',
        localityWeight: 1,
        locality: 'region/zone',
        transportLabels: {},
        workload: `svc-${subset};default;svc;${subset};Kubernetes`,
      },
    ],
    loadBalancer: { kind: 'least_request', choices: 2, bias: 1, slowStart: undefined },
    priorities: priorityDefault,
    outlierDetection: undefined,
    failedAnswers: undefined,
    healthCheck: undefined,
    connectTimeoutMs: 10_000,
    protocol: out.endsWith('h2') ? 'http2' : 'http1',
    http2: http2Defaults,
    keepsAlpn: false,
    circuitBreaker: { connectionsMax: 4096, pendingRequestsMax: 4096, requestsMax: 4096, retriesMax: 3 },
    preconnectRatio: 1,
    idleTimeoutMs: 3_600_000,
    maxRequestsPerConnection: 0,
    connectionMsMax: 0,
    keepalive: undefined,
    bindAddress: undefined,
    bufferBytesMax: 1_048_576,
    tlsMatches: [],
    tls: out.startsWith('mtls') ? clientTls() : undefined,
    proxyProtocol: undefined,
    service: { host: 'svc.default.svc.cluster.local', name: 'svc', namespace: 'default' },
  };
}

function clusterName(subset: string): string {
  return `outbound|80|${subset}|svc.default.svc.cluster.local`;
}

/** Ten prefixes that do not match, a canary by header that does not either, and the weighted rest. */
function virtualHost(name: string, port: number): VirtualHost {
  const prefixes = Array.from({ length: 10 }, (_, i) => matched(`/api${i}/`, [], { v1: 1 }));
  const canary = matched('/', [{ name: 'x-version', test: exactly('canary'), invert: false, missingAsEmpty: false }], { v2: 1 });
  return {
    name: `${name}:${port}`,
    domains: [name, `${name}:${port}`],
    routes: [...prefixes, canary, matched('/', [], { v1: 90, v2: 10 })],
  };
}

function matched(prefix: string, headers: RouteMatch['headers'], weights: Record<string, number>): MatchedRoute {
  const match = { path: startsWith(prefix), connect: false, headers, query: [], fraction: 1 };
  return { match, route: route(prefix, weights) };
}

function route(name: string, weights: Record<string, number>): Route {
  const clusters = Object.entries(weights).map(([subset, weight]) => ({
    name: clusterName(subset),
    weight,
    requestHeaders: none,
    responseHeaders: none,
    filters: noRouteFilters,
  }));
  const weightTotal = clusters.reduce((total, { weight }) => total + weight, 0);
  return {
    name,
    virtualHost: 'svc',
    requestHeaders: none,
    responseHeaders: none,
    filters: noRouteFilters,
    disabledFilters: undefined,
    origin: undefined,
    filterMetadata: undefined,
    operation: '',
    statPrefix: '',
    action: {
      kind: 'forward',
      countsAttempts: true,
      clusters,
      weightTotal,
      clusterFilters: false,
      timeoutMs: 0,
      duration: undefined,
      idleTimeoutMs: 0,
      authority: undefined,
      path: undefined,
      upgradeTypes: new Set(),
      hashPolicies: [],
      mirrors: [],
      rateLimits: { own: [], host: [] },
      // Istio's default policy.
      retry: {
        retriesMax: 2,
        on: new Set(['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes']),
        statuses: new Set([503]),
        responseHeaders: [],
        requestHeaders: [],
        perTryTimeoutMs: 0,
        backoffMsMin: 25,
        backoffMsMax: 250,
        hostSelectionRetriesMax: 5,
        avoidPreviousHosts: true,
        triesPerPriority: 0,
      },
    },
  };
}

function connectionManager(): HttpConnectionManagerConfig {
  const hosts = Array.from({ length: hostCount - 1 }, (_, i) => virtualHost(`svc${i}.default.svc.cluster.local`, 80));
  const table = new RouteTable('80', '1', [
    ...hosts,
    { ...virtualHost('127.0.0.1', port), domains: ['127.0.0.1', `127.0.0.1:${port}`, '*'] },
  ]);
  return {
    statPrefix: 'outbound_0.0.0.0_80',
    codec: 'auto',
    http2: http2Defaults,
    routes: { kind: 'inline', table },
    httpFilters: [
      configured(peerMetadataType, 'peer_metadata', { discover: true, propagate: true, meshAlone: false }),
      configured(faultType, 'fault', undefined),
      ...measured,
      configured(istioStatsType, 'istio_stats', {}),
      configured(routerType, 'router', { suppressEnvoyHeaders: false }),
    ],
    accessLogs: [],
    tracing: undefined,
    idleTimeoutMs: 3_600_000,
    streamIdleTimeoutMs: 300_000,
    requestTimeoutMs: 0,
    requestHeadersTimeoutMs: 10_000,
    drainTimeoutMs: 5000,
    headBytesMax: 61_440,
    headersMax: 100,
    maxRequestsPerConnection: 0,
    useRemoteAddress: true,
    trustedHops: 0,
    skipXffAppend: false,
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
  };
}

function listener(): ListenerConfig {
  const match = { destinationPort: undefined, prefixRanges: [], serverNames: [], transportProtocol: '', applicationProtocols: [] };
  return {
    name: '0.0.0.0_80',
    addresses: [{ address: '127.0.0.1', port }],
    bindToPort: true,
    restoresDestination: false,
    useOriginalDst: false,
    direction: 'outbound',
    filterChains: [
      {
        name: 'default',
        origin: undefined,
        match: { ...match, sourcePrefixRanges: [] },
        gates: [],
        filters: [{ kind: 'http_connection_manager', http: connectionManager() }],
        tls: entrance === 'plain' ? undefined : serverTls(),
        transportSocketConnectTimeoutMs: 0,
      },
    ],
    defaultFilterChain: undefined,
    bufferBytesMax: 1_048_576,
    accessLogs: [],
    inspection: () => ({ tls: false, http: false }),
    proxyProtocol: undefined,
    inspectionTimeoutMs: 0,
    continueAfterInspectionTimeout: false,
  };
}

function tlsSettings() {
  const file = { kind: 'file', path: pem ?? '' } as const;
  return {
    certificates: [{ chain: file, key: file, password: undefined, ocspStaple: undefined }],
    certificateSecrets: [],
    validationSecret: undefined,
    applicationProtocols: ['h2', 'http/1.1'],
    versionMin: 'TLSv1.2',
    versionMax: 'TLSv1.3',
    ciphers: '',
    curves: '',
    validation: {
      trustedCa: file,
      crl: undefined,
      subjectAltNames: [],
      certificateHashes: [],
      publicKeyHashes: [],
      allowExpired: false,
      acceptUntrusted: false,
    },
  } as const;
}

function serverTls(): DownstreamTlsConfig {
  const mutual = entrance === 'mtls';
  const settings = tlsSettings();
  return {
    ...settings,
    validation: mutual ? settings.validation : undefined,
    requireClientCertificate: mutual,
    requireServerName: false,
    sessionTickets: true,
    sessionTimeoutSeconds: 0,
  };
}

function clientTls(): UpstreamTlsConfig {
  return { ...tlsSettings(), applicationProtocols: [out === 'mtls-h2' ? 'h2' : 'http/1.1'], serverName: 'bench.test' };
}

/** Twice: what finalizers let go of is free only then. */
async function collected(): Promise<ProcessMemory> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 2; i++) {
    collect();
    await sleep(100);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { resident: rss, held: heapUsed + external };
}

process.on('message', async () => process.send?.(await collected()));
process.once('disconnect', () => process.exit(0));
