// ClusterLoadAssignments: the endpoints of one port of one service, or of a subset of it, by locality.
import type { Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { HealthStatus } from '#codec/protobuf/generated/envoy/config/core/v3/health_check';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import type { LocalityLbEndpoints } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint_components';
import type { MeshEndpoint, MeshEndpoints } from '#control/mesh/endpoint';
import { type MeshPort, selects } from '#control/mesh/service';
import type { PlainWorkloads } from '#control/view/mtls-mode';
import { typeUrl } from '#xds/resource-type';
import { type LocalityBalance, type LocalityGroup, localityGroups } from './locality-balance.ts';
import { bytesOf, servingAddress } from './message.ts';
import type { Recipe } from './resource-cache.ts';

export interface EndpointInput {
  clusterName: string;
  port: MeshPort;
  /** Labels of the subset; undefined for the whole service. */
  labels: Readonly<Record<string, string>> | undefined;
  /** Undefined: the service has none yet. */
  endpoints: MeshEndpoints | undefined;
  /** Undefined: wherever the client is, all endpoints are alike to it. */
  balance: LocalityBalance | undefined;
  /** Those that take no mutual TLS. */
  plain: PlainWorkloads;
  /** Endpoints of this cluster alone; undefined: of all. */
  cluster: string | undefined;
}

/** Istio's label of workloads that can speak mutual TLS, and the mark that endpoints bear for it. */
const mutualTlsLabel = 'security.istio.io/tlsMode';
export const mutualTlsLabels = { tlsMode: 'istio' };

export const endpointRecipe: Recipe<EndpointInput> = {
  type: typeUrl.endpoint,
  name: ({ clusterName }) => clusterName,
  key: ({ clusterName, port, labels, endpoints, balance, plain, cluster }) =>
    JSON.stringify([clusterName, port, labels ?? null, endpoints?.stamp ?? 0, balance, plain.key, cluster]),
  build: (input) => bytesOf(ClusterLoadAssignment, loadAssignment(input)),
};

export function loadAssignment({ clusterName, port, labels, endpoints, balance, plain, cluster }: EndpointInput): ClusterLoadAssignment {
  const serving: ServingEndpoint[] = [];
  for (const endpoint of endpoints?.items ?? []) {
    if (cluster !== undefined && endpoint.cluster !== cluster) continue;
    if (labels && !selects(labels, endpoint.labels)) continue;
    const number = endpoint.ports[port.name] ?? (endpoint.otherPorts ? Number(port.targetPort) : Number.NaN);
    if (!Number.isInteger(number) || number <= 0) continue;
    serving.push({ endpoint, number, mutualTls: takesMutualTls(endpoint, number, plain) });
  }
  return ClusterLoadAssignment.fromPartial({
    clusterName,
    endpoints: localityGroups(serving, balance).map(localityEndpoints),
  });
}

interface ServingEndpoint {
  endpoint: MeshEndpoint;
  /** Of its port. */
  number: number;
  mutualTls: boolean;
}

function takesMutualTls({ labels, workload }: MeshEndpoint, port: number, plain: PlainWorkloads): boolean {
  if (labels[mutualTlsLabel] !== mutualTlsLabels.tlsMode) return false;
  return plain.key === '' || !plain.has(workload.split(';', 2)[1] ?? '', labels, port);
}

function localityEndpoints({ locality, priority, weight, members }: LocalityGroup<ServingEndpoint>): Partial<LocalityLbEndpoints> {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return {
    locality: { region, zone, subZone },
    priority,
    loadBalancingWeight: weight,
    lbEndpoints: members.map(({ endpoint, number, mutualTls }) => ({
      hostIdentifier: {
        $case: 'endpoint',
        value: { address: servingAddress(endpoint.address, number), healthCheckConfig: undefined, hostname: '', additionalAddresses: [] },
      },
      healthStatus: HealthStatus.HEALTHY,
      metadata: endpointMetadata(endpoint.workload, mutualTls),
      loadBalancingWeight: endpoint.weight,
    })),
  };
}

function endpointMetadata(workload: string, mutualTls: boolean): Metadata | undefined {
  if (workload === '' && !mutualTls) return undefined;
  return {
    filterMetadata: { ...(workload && { istio: { workload } }), ...(mutualTls && { 'envoy.transport_socket_match': mutualTlsLabels }) },
    typedFilterMetadata: {},
  };
}
