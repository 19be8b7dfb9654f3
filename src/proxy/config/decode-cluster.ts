// Envoy's Cluster and ClusterLoadAssignment -> ClusterConfig and EndpointConfig.
import type { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Cluster_DiscoveryType as DiscoveryType } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import type { Locality } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { HealthStatus } from '#codec/protobuf/generated/envoy/config/core/v3/health_check';
import type { Http2ProtocolOptions } from '#codec/protobuf/generated/envoy/config/core/v3/protocol';
import type { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import type { LbEndpoint, LocalityLbEndpoints } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint_components';
import { HttpProtocolOptions } from '#codec/protobuf/generated/envoy/extensions/upstreams/http/v3/http_protocol_options';
import type { CircuitBreakerConfig, ClusterConfig, EndpointConfig, EndpointHealth, KeepaliveConfig } from './cluster.ts';
import { decodeAddress } from './decode-address.ts';
import { bufferBytesDefault } from './decode-listener.ts';
import { decodeLoadBalancer, decodePriorities } from './decode-load-balancer.ts';
import { decodeResponsePredicate } from './decode-match-predicate.ts';
import { unwrapProxyProtocol } from './decode-proxy-protocol.ts';
import { decodeUpstreamTls } from './decode-tls.ts';
import { type Findings, milliseconds } from './findings.ts';
import { decodeHealthCheck } from './health-check.ts';
import { decodeHttp2Options } from './http2-options.ts';
import { decodeOutlierDetection } from './outlier-detection.ts';

/** Of an endpoint's priority: Envoy's bound. */
const priorityMax = 128;

/** Linux' default. */
const keepaliveSecondsDefault = 7200;

/** Envoy's default of every circuit breaker but the one of retries. */
const thresholdDefault = 1024;

export function decodeCluster(cluster: Cluster, findings: Findings): ClusterConfig {
  if (cluster.name === '') findings.report('name', 'is empty');
  const protocol = decodeProtocolOptions(cluster, findings);
  const { proxyProtocol, inner } = unwrapProxyProtocol(cluster.transportSocket, 'transport_socket', findings);
  return {
    name: cluster.name,
    discovery: decodeDiscovery(cluster, findings),
    endpoints: cluster.loadAssignment === undefined ? [] : decodeEndpoints(cluster.loadAssignment, findings),
    loadBalancer: decodeLoadBalancer(cluster, findings),
    priorities: decodePriorities(cluster, findings),
    outlierDetection: decodeOutlierDetection(cluster.outlierDetection, findings),
    connectTimeoutMs: milliseconds(cluster.connectTimeout, 5_000),
    circuitBreaker: decodeCircuitBreaker(cluster),
    healthCheck: decodeHealthCheck(cluster.healthChecks, findings),
    preconnectRatio: decodePreconnect(cluster, findings),
    ...protocol,
    keepsAlpn: String(cluster.metadata?.filterMetadata['istio']?.['alpn_override']) === 'false',
    maxRequestsPerConnection: cluster.maxRequestsPerConnection ?? protocol.maxRequestsPerConnection,
    keepalive: decodeKeepalive(cluster),
    bindAddress: cluster.upstreamBindConfig?.sourceAddress?.address,
    bufferBytesMax: cluster.perConnectionBufferLimitBytes ?? bufferBytesDefault,
    tlsMatches: cluster.transportSocketMatches.map(({ match, transportSocket }, i) => ({
      labels: labelsOf(match),
      tls: decodeUpstreamTls(transportSocket, `transport_socket_matches[${i}]`, findings),
    })),
    tls: decodeUpstreamTls(inner, 'transport_socket', findings),
    proxyProtocol,
    service: decodeService(cluster),
    metadataExchange: decodeMetadataExchange(cluster),
  };
}

function decodeCircuitBreaker({ circuitBreakers }: Cluster): CircuitBreakerConfig {
  const threshold = circuitBreakers?.thresholds.find(({ priority }) => priority === 0);
  const budget = threshold?.retryBudget;
  return {
    connectionsMax: threshold?.maxConnections ?? thresholdDefault,
    pendingRequestsMax: threshold?.maxPendingRequests ?? thresholdDefault,
    requestsMax: threshold?.maxRequests ?? thresholdDefault,
    retriesMax: threshold?.maxRetries ?? 3,
    ...(budget && {
      retryBudget: {
        percent: budget.budgetPercent?.value ?? 20,
        retriesMin: budget.minRetryConcurrency ?? 3,
        intervalMs: milliseconds(budget.budgetInterval, 0),
      },
    }),
  };
}

function decodeKeepalive({ upstreamConnectionOptions }: Cluster): KeepaliveConfig | undefined {
  const { tcpKeepalive } = upstreamConnectionOptions ?? {};
  if (tcpKeepalive === undefined) return undefined;
  const { keepaliveTime = keepaliveSecondsDefault, keepaliveProbes: probes, keepaliveInterval } = tcpKeepalive;
  // 0 is the system's own, as in Envoy.
  return { timeMs: keepaliveTime * 1000, probes: probes || undefined, intervalSeconds: keepaliveInterval || undefined };
}

function decodePreconnect({ preconnectPolicy }: Cluster, findings: Findings): number {
  const ratio = preconnectPolicy?.perUpstreamPreconnectRatio ?? 1;
  if (preconnectPolicy?.predictivePreconnectRatio !== undefined) {
    findings.report('preconnect_policy.predictive_preconnect_ratio', 'is not supported');
  }
  if (ratio < 1 || ratio > 3) findings.report('preconnect_policy.per_upstream_preconnect_ratio', `${ratio} is not between 1 and 3`);
  return ratio;
}

/** Its DNS cache is the system's: nothing of its configuration has a meaning here. */
const dynamicForwardProxyType = 'type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig';

function decodeDiscovery(cluster: Cluster, findings: Findings): ClusterConfig['discovery'] {
  const type = cluster.clusterDiscoveryType;
  if (type?.$case === 'clusterType') {
    if (type.value.typedConfig?.typeUrl === dynamicForwardProxyType) return { kind: 'dynamic_forward_proxy' };
    findings.report('cluster_type', `${type.value.name} is not supported`);
    return { kind: 'static' };
  }
  const refreshMs = milliseconds(cluster.dnsRefreshRate, 5_000);
  switch (type?.value ?? DiscoveryType.STATIC) {
    case DiscoveryType.STATIC:
      return { kind: 'static' };
    case DiscoveryType.STRICT_DNS:
      return { kind: 'dns', logical: false, refreshMs };
    case DiscoveryType.LOGICAL_DNS:
      return { kind: 'dns', logical: true, refreshMs };
    case DiscoveryType.EDS:
      return { kind: 'eds', serviceName: cluster.edsClusterConfig?.serviceName || cluster.name };
    case DiscoveryType.ORIGINAL_DST:
      return { kind: 'original_dst' };
    default:
      findings.report('type', `${type?.value} is not known`);
      return { kind: 'static' };
  }
}

const protocolOptionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

type ProtocolConfig = Pick<
  ClusterConfig,
  | 'protocol'
  | 'http2'
  | 'idleTimeoutMs'
  | 'maxRequestsPerConnection'
  | 'connectionMsMax'
  | 'failedAnswers'
  | 'autoSni'
  | 'autoSanValidation'
>;

function decodeProtocolOptions(cluster: Cluster, findings: Findings): ProtocolConfig {
  const any = cluster.typedExtensionProtocolOptions[protocolOptionsKey];
  const field = `typed_extension_protocol_options[${protocolOptionsKey}]`;
  const options = any === undefined ? undefined : findings.attempt(field, () => HttpProtocolOptions.decode(any.value));
  const { protocol, http2 } =
    options === undefined
      ? ({ protocol: cluster.http2ProtocolOptions === undefined ? 'http1' : 'http2', http2: cluster.http2ProtocolOptions } as const)
      : decodeUpstreamProtocol(
          options,
          cluster.transportSocket !== undefined || cluster.transportSocketMatches.length > 0,
          field,
          findings,
        );
  const common = options?.commonHttpProtocolOptions ?? cluster.commonHttpProtocolOptions;
  const errors = options?.outlierDetection?.errorMatcher;
  const names = options?.upstreamHttpProtocolOptions;
  if (names?.overrideAutoSniHeader) findings.report(`${field}.upstream_http_protocol_options.override_auto_sni_header`, 'is not supported');
  return {
    protocol,
    autoSni: names?.autoSni ?? false,
    autoSanValidation: names?.autoSanValidation ?? false,
    failedAnswers: errors && decodeResponsePredicate(errors, `${field}.outlier_detection.error_matcher`, findings),
    http2: decodeHttp2Options(http2, `${field}.http2_protocol_options`, findings),
    idleTimeoutMs: milliseconds(common?.idleTimeout, 3_600_000),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    connectionMsMax: milliseconds(common?.maxConnectionDuration, 0),
  };
}

type UpstreamProtocol = { protocol: ClusterConfig['protocol']; http2: Http2ProtocolOptions | undefined };

function decodeUpstreamProtocol(options: HttpProtocolOptions, hasTls: boolean, field: string, findings: Findings): UpstreamProtocol {
  const choice = options.upstreamProtocolOptions;
  switch (choice?.$case) {
    case 'useDownstreamProtocolConfig':
      return { protocol: 'downstream', http2: choice.value.http2ProtocolOptions };
    case 'autoConfig':
      if (!hasTls) findings.report(`${field}.auto_config`, 'needs TLS: its ALPN tells the protocol');
      return { protocol: 'auto', http2: choice.value.http2ProtocolOptions };
    default: {
      const explicit = choice?.value.protocolConfig;
      if (explicit?.$case === 'http2ProtocolOptions') return { protocol: 'http2', http2: explicit.value };
      if (explicit?.$case === 'http3ProtocolOptions') findings.report(field, 'HTTP/3 is not supported');
      return { protocol: 'http1', http2: undefined };
    }
  }
}

/** Istio names the services that a cluster stands for in its metadata. */
function decodeService(cluster: Cluster): ClusterConfig['service'] {
  const istio = cluster.metadata?.filterMetadata['istio'] as
    | { services?: { host?: string; name?: string; namespace?: string }[] }
    | undefined;
  const service = istio?.services?.[0];
  return service?.host === undefined ? undefined : { host: service.host, name: service.name ?? '', namespace: service.namespace ?? '' };
}

/** Where connections go on to where they were going. */
const passthroughCluster = 'PassthroughCluster';

/** As Istio's filter has it. */
function decodeMetadataExchange({ name, metadata }: Cluster): ClusterConfig['metadataExchange'] {
  const { external, disable_mx } = (metadata?.filterMetadata['istio'] ?? {}) as { external?: unknown; disable_mx?: unknown };
  if (disable_mx === true) return 'disabled';
  return external === true || name === passthroughCluster ? 'external' : 'enabled';
}

/** Envoy's default, in percent: see upstream/balance/priority-load.ts. */
const overprovisioning = 140;

export function decodeEndpoints(assignment: ClusterLoadAssignment, findings: Findings): EndpointConfig[] {
  const { overprovisioningFactor = overprovisioning, dropOverloads = [] } = assignment.policy ?? {};
  if (overprovisioningFactor !== overprovisioning)
    findings.report('policy.overprovisioning_factor', `other than ${overprovisioning} is not supported`);
  if (dropOverloads.length > 0) findings.report('policy.drop_overloads', 'is not supported');
  return assignment.endpoints.flatMap((group, i) =>
    group.lbEndpoints.flatMap((endpoint, j) => {
      const decoded = decodeEndpoint(endpoint, group, `endpoints[${i}].lb_endpoints[${j}]`, findings);
      return decoded === undefined ? [] : [decoded];
    }),
  );
}

const healths: Readonly<Partial<Record<HealthStatus, EndpointHealth>>> = {
  [HealthStatus.UNHEALTHY]: 'unhealthy',
  [HealthStatus.DRAINING]: 'unhealthy',
  [HealthStatus.TIMEOUT]: 'unhealthy',
  [HealthStatus.DEGRADED]: 'degraded',
};

function decodeEndpoint(
  endpoint: LbEndpoint,
  { priority, locality, loadBalancingWeight }: LocalityLbEndpoints,
  field: string,
  findings: Findings,
): EndpointConfig | undefined {
  if (endpoint.hostIdentifier?.$case !== 'endpoint') {
    findings.report(field, 'only endpoints with an address are supported');
    return undefined;
  }
  const address = decodeAddress(endpoint.hostIdentifier.value.address, `${field}.endpoint.address`, findings);
  if (address === undefined) return undefined;
  if (priority > priorityMax) findings.report(field, `priority ${priority} is above ${priorityMax}`);
  const check = endpoint.hostIdentifier.value.healthCheckConfig;
  if (check?.portValue || check?.disableActiveHealthCheck) findings.report(`${field}.endpoint.health_check_config`, 'is not supported');
  const istio = endpoint.metadata?.filterMetadata['istio'] as { workload?: string } | undefined;
  return {
    address,
    weight: endpoint.loadBalancingWeight ?? 1,
    priority,
    health: healths[endpoint.healthStatus] ?? 'healthy',
    locality: formatLocality(locality),
    localityWeight: loadBalancingWeight ?? 0,
    workload: istio?.workload ?? '',
    transportLabels: labelsOf(endpoint.metadata?.filterMetadata['envoy.transport_socket_match']),
  };
}

function labelsOf(fields: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(fields ?? {}).map(([name, value]) => [name, String(value)]));
}

/** `region/zone/subzone` */
export function formatLocality(locality: Locality | undefined): string {
  if (locality === undefined) return '';
  return [locality.region, locality.zone, locality.subZone].filter((part) => part !== '').join('/');
}
