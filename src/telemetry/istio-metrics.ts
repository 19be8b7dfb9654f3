// Istio's standard metrics: https://istio.io/latest/docs/reference/config/metrics/. One registry per proxy.
import { type Counter, envoyBuckets, type Family, type Histogram, type LabelChanges, type MetricsRegistry } from './metrics.ts';
import type { Workload } from './workload.ts';

export type Reporter = 'source' | 'destination';

/** The labels that all of a connection's or request's metrics share. */
export interface TrafficLabels {
  reporter: Reporter;
  source: Workload;
  destination: Workload;
  service: { host: string; name: string; namespace: string };
  /** SPIFFE ids, of mutual TLS; empty: unknown. */
  sourcePrincipal: string;
  destinationPrincipal: string;
  requestProtocol: string;
  responseFlags: string;
}

/** By the names that configurations have for them. */
export const requestMetrics = ['requests_total', 'request_duration_milliseconds', 'request_bytes', 'response_bytes'] as const;
export type RequestMetric = (typeof requestMetrics)[number];
export const connectionMetrics = [
  'tcp_connections_opened_total',
  'tcp_connections_closed_total',
  'tcp_sent_bytes_total',
  'tcp_received_bytes_total',
] as const;
export type ConnectionMetric = (typeof connectionMetrics)[number];

/** The series of one kind of request, looked up once and held. Undefined: it is not counted. */
export interface RequestSeries {
  requests: Counter | undefined;
  durationMs: Histogram | undefined;
  requestBytes: Histogram | undefined;
  responseBytes: Histogram | undefined;
}

/** Of one metric: undefined, it is not counted. */
export type MetricChanges = (metric: RequestMetric | ConnectionMetric) => LabelChanges | undefined;

const unchanged: LabelChanges = {};

/** The same of connections. */
export interface ConnectionSeries {
  opened: Counter | undefined;
  closed: Counter | undefined;
  sentBytes: Counter | undefined;
  receivedBytes: Counter | undefined;
}

const commonLabels = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
  'response_flags',
  'connection_security_policy',
] as const;

const requestLabels = [...commonLabels, 'response_code', 'grpc_response_status'] as const;

export class IstioMetrics {
  private readonly requests: Family<Counter>;
  private readonly durationMs: Family<Histogram>;
  private readonly requestBytes: Family<Histogram>;
  private readonly responseBytes: Family<Histogram>;
  private readonly opened: Family<Counter>;
  private readonly closed: Family<Counter>;
  private readonly sentBytes: Family<Counter>;
  private readonly receivedBytes: Family<Counter>;

  constructor(registry: MetricsRegistry) {
    this.requests = registry.counter('istio_requests_total', 'Requests handled.', requestLabels);
    this.durationMs = registry.histogram('istio_request_duration_milliseconds', 'Duration of requests.', envoyBuckets, requestLabels);
    this.requestBytes = registry.histogram('istio_request_bytes', 'Sizes of request bodies.', envoyBuckets, requestLabels);
    this.responseBytes = registry.histogram('istio_response_bytes', 'Sizes of response bodies.', envoyBuckets, requestLabels);
    this.opened = registry.counter('istio_tcp_connections_opened_total', 'TCP connections opened.', commonLabels);
    this.closed = registry.counter('istio_tcp_connections_closed_total', 'TCP connections closed.', commonLabels);
    this.sentBytes = registry.counter('istio_tcp_sent_bytes_total', 'Bytes sent in responses of TCP connections.', commonLabels);
    this.receivedBytes = registry.counter('istio_tcp_received_bytes_total', 'Bytes received in requests of TCP connections.', commonLabels);
  }

  requestSeries(labels: TrafficLabels, status: number, grpcStatus: string, changesOf: MetricChanges = () => unchanged): RequestSeries {
    const values = [...commonValues(labels), String(status), grpcStatus];
    const series = <T extends Counter | Histogram>(family: Family<T>, metric: RequestMetric): T | undefined => {
      const changes = changesOf(metric);
      return changes && family.changed(values, changes);
    };
    return {
      requests: series(this.requests, 'requests_total'),
      durationMs: series(this.durationMs, 'request_duration_milliseconds'),
      requestBytes: series(this.requestBytes, 'request_bytes'),
      responseBytes: series(this.responseBytes, 'response_bytes'),
    };
  }

  connectionSeries(labels: TrafficLabels, changesOf: MetricChanges = () => unchanged): ConnectionSeries {
    const values = commonValues(labels);
    const series = (family: Family<Counter>, metric: ConnectionMetric): Counter | undefined => {
      const changes = changesOf(metric);
      return changes && family.changed(values, changes);
    };
    return {
      opened: series(this.opened, 'tcp_connections_opened_total'),
      closed: series(this.closed, 'tcp_connections_closed_total'),
      sentBytes: series(this.sentBytes, 'tcp_sent_bytes_total'),
      receivedBytes: series(this.receivedBytes, 'tcp_received_bytes_total'),
    };
  }
}

function commonValues(labels: TrafficLabels): string[] {
  const { reporter, source, destination, service, sourcePrincipal, destinationPrincipal, requestProtocol, responseFlags } = labels;
  return [
    reporter,
    source.name,
    source.canonicalName,
    source.canonicalRevision,
    source.namespace,
    sourcePrincipal || 'unknown',
    source.app,
    source.version,
    source.cluster,
    destination.name,
    destination.namespace,
    destinationPrincipal || 'unknown',
    destination.app,
    destination.version,
    service.host,
    destination.canonicalName,
    destination.canonicalRevision,
    service.name,
    service.namespace,
    destination.cluster,
    requestProtocol,
    responseFlags,
    // Who sends does not judge how it was secured: Istio's rule.
    reporter === 'source' ? 'unknown' : sourcePrincipal === '' ? 'none' : 'mutual_tls',
  ];
}
