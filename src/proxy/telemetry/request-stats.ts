// Counts exchanges into Istio's standard metrics, connections while they stand: what the `istio.stats` filter stands for. One per filter chain.
// The series of a request is found by what can differ between two requests of one chain, then held.
import type { ExchangeListener, PeerMetadata, ProxiedExchange } from '#proxy/runtime';
import type { ConnectionSeries, IstioMetrics, Reporter, RequestSeries, TrafficLabels } from '#telemetry/istio-metrics';
import { formatResponseFlags } from '#telemetry/response-flags';
import { decodePeerMetadata, unknownWorkload, type Workload, workloadOfEndpoint } from '#telemetry/workload';
import type { MetricOverrides } from './metric-overrides.ts';

const seriesHeldMax = 10_000;
const peersHeldMax = 2_000;

interface LastRequest {
  readonly workload: string;
  readonly peerId: string;
  readonly principal: string;
  readonly status: number;
  readonly flags: number;
  readonly series: RequestSeries;
}

export class RequestStats implements ExchangeListener {
  private readonly requests = new Map<string, RequestSeries>();
  /** Of each upstream cluster's last request, and what it was like. */
  private readonly last = new Map<string, LastRequest>();
  private readonly connections = new Map<string, ConnectionSeries>();
  /** What was counted already of connections that stand. */
  private readonly standing = new WeakMap<ProxiedExchange, { readonly sent: number; readonly received: number }>();
  private readonly peers = new Map<string, Workload>();

  constructor(
    private readonly metrics: IstioMetrics,
    private readonly reporter: Reporter,
    private readonly self: Workload,
    /** The SPIFFE id of this proxy's workload. */
    private readonly identity: string,
    /** What the configuration changes of the metrics. */
    private readonly overrides?: MetricOverrides,
  ) {}

  onComplete(exchange: ProxiedExchange): void {
    if (exchange.requestProtocol === 'tcp') this.countConnection(exchange, true);
    else this.countRequest(exchange);
  }

  onProgress(exchange: ProxiedExchange): void {
    this.countConnection(exchange, false);
  }

  private countRequest(exchange: ProxiedExchange): void {
    const last = this.last.get(exchange.upstreamCluster);
    // Most requests to a cluster are like the one before: then no key has to be made.
    const alike =
      last !== undefined &&
      this.overrides === undefined &&
      last.workload === exchange.workload &&
      last.status === exchange.status &&
      last.flags === exchange.flags &&
      last.peerId === this.peerId(exchange) &&
      last.principal === this.principal(exchange) &&
      exchange.requestProtocol !== 'grpc';
    const series = alike ? last.series : this.seriesOf(exchange);
    if (series.requests !== undefined) series.requests.value++;
    series.durationMs?.record(exchange.durationMs);
    series.requestBytes?.record(exchange.bytesReceived);
    series.responseBytes?.record(exchange.bytesSent);
  }

  private seriesOf(exchange: ProxiedExchange): RequestSeries {
    const { upstreamCluster, workload, status, flags } = exchange;
    const peerId = this.peerId(exchange);
    const principal = this.principal(exchange);
    const grpcStatus = exchange.requestProtocol === 'grpc' ? (exchange.responseHeader('grpc-status') ?? '') : '';
    const { overrides } = this;
    const own = overrides === undefined ? '' : overrides.key(exchange);
    const key = `${upstreamCluster}|${workload}|${peerId}|${principal}|${status}|${flags}|${grpcStatus}|${own}`;
    let series = this.requests.get(key);
    if (series === undefined) {
      series = this.metrics.requestSeries(
        this.labels(exchange),
        status,
        grpcStatus,
        overrides && ((metric) => overrides.changes(metric, exchange)),
      );
      if (this.requests.size < seriesHeldMax) this.requests.set(key, series);
    }
    if (grpcStatus === '' && (this.last.size < seriesHeldMax || this.last.has(upstreamCluster))) {
      this.last.set(upstreamCluster, { workload, peerId, principal, status, flags, series });
    }
    return series;
  }

  private countConnection(exchange: ProxiedExchange, ended: boolean): void {
    const { overrides } = this;
    const own = overrides === undefined ? '' : overrides.key(exchange);
    const key = `${exchange.upstreamCluster}|${exchange.workload}|${this.principal(exchange)}|${exchange.flags}|${own}`;
    let series = this.connections.get(key);
    if (series === undefined) {
      series = this.metrics.connectionSeries(this.labels(exchange), overrides && ((metric) => overrides.changes(metric, exchange)));
      if (this.connections.size < seriesHeldMax) this.connections.set(key, series);
    }
    const { bytesSent: sent, bytesReceived: received } = exchange;
    const before = this.standing.get(exchange);
    if (before === undefined && series.opened !== undefined) series.opened.value++;
    if (ended && series.closed !== undefined) series.closed.value++;
    if (series.sentBytes !== undefined) series.sentBytes.value += sent - (before?.sent ?? 0);
    if (series.receivedBytes !== undefined) series.receivedBytes.value += received - (before?.received ?? 0);
    if (!ended) this.standing.set(exchange, { sent, received });
  }

  private labels(exchange: ProxiedExchange): TrafficLabels {
    const peer = this.peer(this.reporter === 'source' ? exchange.upstreamPeer : exchange.downstreamPeer);
    const told = peer ?? (this.reporter === 'source' && exchange.workload !== '' ? workloadOfEndpoint(exchange.workload) : unknownWorkload);
    return {
      reporter: this.reporter,
      source: this.reporter === 'source' ? this.self : told,
      destination: this.reporter === 'source' ? told : this.self,
      service: exchange.service ?? { host: hostOf(exchange.authority), name: hostOf(exchange.authority), namespace: 'unknown' },
      ...this.principals(exchange),
      requestProtocol: exchange.requestProtocol,
      responseFlags: formatResponseFlags(exchange.flags),
    };
  }

  private peerId(exchange: ProxiedExchange): string {
    return this.reporter === 'source' ? '' : (exchange.downstreamPeer?.id ?? '');
  }

  /** Who the client has shown that it is; empty: it has not. */
  private principal({ connection }: ProxiedExchange): string {
    return this.reporter === 'source' ? '' : (connection.tls?.peer?.uriNames[0] ?? '');
  }

  private principals(exchange: ProxiedExchange): { sourcePrincipal: string; destinationPrincipal: string } {
    const sourcePrincipal = this.principal(exchange);
    return { sourcePrincipal, destinationPrincipal: sourcePrincipal === '' ? '' : this.identity };
  }

  private peer(metadata: PeerMetadata | undefined): Workload | undefined {
    if (metadata === undefined) return undefined;
    let workload = this.peers.get(metadata.metadata);
    if (workload === undefined) {
      workload = decodePeerMetadata(metadata.metadata);
      if (this.peers.size < peersHeldMax) this.peers.set(metadata.metadata, workload);
    }
    return workload;
  }
}

/** Without a service of the mesh the host asked for is the name, bounded by the metric family's own limit. */
function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':');
  return (colon > authority.lastIndexOf(']') && colon > 0 ? authority.slice(0, colon) : authority) || 'unknown';
}
