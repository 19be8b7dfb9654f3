// What a cluster may ask of balancing and of its endpoints, and what is refused by name.
import { expect, test } from 'vitest';
import {
  Cluster,
  Cluster_RingHashLbConfig_HashFunction as HashFunction,
  Cluster_LbPolicy as LbPolicy,
} from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { HealthStatus } from '#codec/protobuf/generated/envoy/config/core/v3/health_check';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { decodeCluster, decodeEndpoints } from '#proxy/config/decode-cluster';
import { decoding } from '#proxy/config/findings';

type ClusterPartial = Parameters<typeof Cluster.fromPartial>[0];
type AssignmentPartial = Parameters<typeof ClusterLoadAssignment.fromPartial>[0];

const ringOf = (value: object): ClusterPartial => ({ lbPolicy: LbPolicy.RING_HASH, lbConfig: { $case: 'ringHashLbConfig', value } });

test.each<[finding: string, cluster: ClusterPartial]>([
  ['ring_hash_lb_config.hash_function: MURMUR_HASH_2 is not supported', ringOf({ hashFunction: HashFunction.MURMUR_HASH_2 })],
  ['ring_hash_lb_config.minimum_ring_size: 9 is above the maximum of 8', ringOf({ minimumRingSize: 9, maximumRingSize: 8 })],
  ['ring_hash_lb_config.maximum_ring_size: 9000000 is above 8388608', ringOf({ maximumRingSize: 9_000_000 })],
  [
    'maglev_lb_config.table_size: 1000 is not a prime number up to 5000011',
    { lbPolicy: LbPolicy.MAGLEV, lbConfig: { $case: 'maglevLbConfig', value: { tableSize: 1000 } } },
  ],
  [
    'least_request_lb_config.choice_count: 1 is below 2',
    { lbPolicy: LbPolicy.LEAST_REQUEST, lbConfig: { $case: 'leastRequestLbConfig', value: { choiceCount: 1 } } },
  ],
  [
    'load_balancing_policy: of its policies client_side_weighted_round_robin alone is supported: use lb_policy for others',
    { loadBalancingPolicy: { policies: [] } },
  ],
  [
    'common_lb_config.consistent_hashing_lb_config.hash_balance_factor: is not supported',
    { commonLbConfig: { consistentHashingLbConfig: { hashBalanceFactor: 120 } } },
  ],
  ['preconnect_policy.per_upstream_preconnect_ratio: 4 is not between 1 and 3', { preconnectPolicy: { perUpstreamPreconnectRatio: 4 } }],
])('%s', (finding, cluster) => {
  const message = Cluster.fromPartial({ name: 'a', ...cluster });
  expect(decoding((findings) => decodeCluster(message, findings))).toEqual({ ok: false, findings: [finding] });
});

test.each([true, false])('whether traffic fails in panic: %s', (failTrafficOnPanic) => {
  const commonLbConfig = { localityConfigSpecifier: { $case: 'zoneAwareLbConfig' as const, value: { failTrafficOnPanic } } };
  const decoded = decoding((findings) => decodeCluster(Cluster.fromPartial({ name: 'a', commonLbConfig }), findings));
  expect(decoded).toMatchObject({ ok: true, value: { priorities: { zoneAware: { failsInPanic: failTrafficOnPanic } } } });
});

const address = {
  address: { $case: 'socketAddress', value: { address: '10.0.0.1', portSpecifier: { $case: 'portValue', value: 80 } } },
} as const;
const assignmentOf = (more: AssignmentPartial): ClusterLoadAssignment => ClusterLoadAssignment.fromPartial({ clusterName: 'a', ...more });

test.each<[finding: string, assignment: AssignmentPartial]>([
  ['policy.overprovisioning_factor: other than 140 is not supported', { policy: { overprovisioningFactor: 150 } }],
  [
    'endpoints[0].lb_endpoints[0].endpoint.health_check_config: is not supported',
    { endpoints: [{ lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address, healthCheckConfig: { portValue: 1 } } } }] }] },
  ],
  [
    'endpoints[0].lb_endpoints[0]: priority 200 is above 128',
    { endpoints: [{ priority: 200, lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address } } }] }] },
  ],
])('%s', (finding, assignment) => {
  expect(decoding((findings) => decodeEndpoints(assignmentOf(assignment), findings))).toEqual({ ok: false, findings: [finding] });
});

test('endpoints with their priority, locality, weights and health', () => {
  const endpoint = (healthStatus: HealthStatus) => ({ hostIdentifier: { $case: 'endpoint', value: { address } } as const, healthStatus });
  const statuses = [HealthStatus.UNKNOWN, HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.DRAINING, HealthStatus.TIMEOUT];
  const group = {
    locality: { region: 'eu', zone: 'a', subZone: '' },
    priority: 2,
    loadBalancingWeight: 7,
    lbEndpoints: statuses.map(endpoint),
  };
  const decoded = decoding((findings) => decodeEndpoints(assignmentOf({ endpoints: [group] }), findings));
  expect(decoded).toMatchObject({
    ok: true,
    value: ['healthy', 'healthy', 'degraded', 'unhealthy', 'unhealthy'].map((health) => ({
      health,
      priority: 2,
      locality: 'eu/a',
      localityWeight: 7,
      weight: 1,
    })),
  });
});
