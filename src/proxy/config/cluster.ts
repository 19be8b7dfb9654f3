// Clusters and endpoints as the data plane runs them: decoded from Envoy's Cluster and ClusterLoadAssignment.
import type { ProxyProtocolVersion } from '#codec/proxy-protocol/header';
import type { ProbeSettings } from '#net/keepalive-probes';
import type { ResponseTest } from '#proxy/config/decode-match-predicate';
import type { HealthCheckConfig } from '#proxy/config/health-check';
import type { Http2Options } from '#proxy/config/http2-options';
import type { LoadBalancerConfig, PriorityConfig } from '#proxy/config/load-balancer';
import type { OutlierDetectionConfig } from '#proxy/config/outlier-detection';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { UpstreamTlsConfig } from '#proxy/config/tls';

export interface ClusterConfig {
  name: string;
  discovery:
    | { kind: 'static' }
    | { kind: 'eds'; serviceName: string }
    /** Resolved every `refreshMs`; `logical` keeps the first address only. */
    | { kind: 'dns'; logical: boolean; refreshMs: number }
    | { kind: 'original_dst' }
    /** To the host that a request names. */
    | { kind: 'dynamic_forward_proxy' };
  /** For `static` and `dns`. */
  endpoints: readonly EndpointConfig[];
  loadBalancer: LoadBalancerConfig;
  priorities: PriorityConfig;
  /** Undefined: nobody is taken out for failing. */
  outlierDetection: OutlierDetectionConfig | undefined;
  /** Which answers outlier detection takes for failures, and no others; undefined: those of 500 and above. */
  failedAnswers: ResponseTest | undefined;
  connectTimeoutMs: number;
  /** Undefined: nobody is asked. */
  healthCheck: HealthCheckConfig | undefined;
  /** What is spoken to the endpoints; `downstream`: what the request came by; `auto`: what TLS agrees on, HTTP/1 without it. */
  protocol: 'http1' | 'http2' | 'downstream' | 'auto';
  http2: Http2Options;
  /** Filters do not say what is offered by ALPN. */
  keepsAlpn: boolean;
  circuitBreaker: CircuitBreakerConfig;
  /** HTTP/1 connections to an endpoint for each request that is on one, from 1 to 3: more than one, and the next finds one made. */
  preconnectRatio: number;
  /** Of a pooled connection without a request; 0: none. Envoy's default is an hour. */
  idleTimeoutMs: number;
  /** 0: without limit. */
  maxRequestsPerConnection: number;
  /** Of a connection, whatever is on it; 0: without limit. */
  connectionMsMax: number;
  /** How the system finds out that an idle connection is not there any more; undefined: it does not ask. */
  keepalive: KeepaliveConfig | undefined;
  /** Source address of upstream connections, as xDS says it (not yet placed). */
  bindAddress: string | undefined;
  bufferBytesMax: number;
  /** The first whose labels the endpoint has says how connections to it are secured; without one, `tls` does. */
  tlsMatches: readonly { labels: Readonly<Record<string, string>>; tls: UpstreamTlsConfig | undefined }[];
  /** Undefined: plain. */
  tls: UpstreamTlsConfig | undefined;
  /** Requests say whom TLS calls, by their authority. */
  autoSni: boolean;
  /** And that is who has to answer. */
  autoSanValidation: boolean;
  /** Every connection begins with who is behind it, in this version of the PROXY protocol; undefined: it does not. */
  proxyProtocol: ProxyProtocolVersion | undefined;
  /** Of `metadata.filter_metadata`, for telemetry: Istio's `istio.services[0]`. */
  service: { host: string; name: string; namespace: string } | undefined;
  /** Whom its endpoints are told to be called by: `external`: nobody, where that is for the mesh alone; `disabled`: nobody. */
  metadataExchange: 'enabled' | 'external' | 'disabled';
}

export interface KeepaliveConfig extends ProbeSettings {
  /** Of silence, until it asks. */
  timeMs: number;
}

/** Of the default priority. */
export interface CircuitBreakerConfig {
  connectionsMax: number;
  pendingRequestsMax: number;
  requestsMax: number;
  retriesMax: number;
  /**
   * In place of `retriesMax`: so many percent of the requests under way may be retries, and `retriesMin` in any case. With an interval, of
   * the requests that there were within it; 0: none.
   */
  retryBudget?: { percent: number; retriesMin: number; intervalMs: number };
}

/** Degraded ones serve when the healthy ones cannot. */
export type EndpointHealth = 'healthy' | 'degraded' | 'unhealthy';

export interface EndpointConfig {
  address: SocketAddress;
  weight: number;
  priority: number;
  /** As the control plane sees it. */
  health: EndpointHealth;
  /** `region/zone/subzone` */
  locality: string;
  /** Of the locality, among those of its priority; 0: none is said. */
  localityWeight: number;
  /** Istio's `workload` metadata: `name;namespace;canonical name;canonical revision;cluster`. */
  workload: string;
  /** Envoy's `envoy.transport_socket_match` metadata: what `tlsMatches` look at. */
  transportLabels: Readonly<Record<string, string>>;
}
