// A DestinationRule's `backendUtilization`: endpoints get turns by how busy they say they are, in ORCA's load reports. Envoy's
// client-side weighted round robin. https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin.proto
import type { TrafficPolicy } from '#api/kinds/destination-rule';
import type { LoadBalancingPolicy } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClientSideWeightedRoundRobin } from '#codec/protobuf/generated/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin';
import { durationMs } from '#foundation/duration';
import { durationOf, pack } from './message.ts';

type BackendUtilization = NonNullable<NonNullable<TrafficPolicy['loadBalancer']>['backendUtilization']>;

const type = 'envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin';

/** What is not said is Envoy's default. */
export function utilizationPolicy(rule: BackendUtilization): LoadBalancingPolicy {
  const duration = (text: string | undefined) => (text === undefined ? undefined : durationOf(durationMs(text) ?? 0));
  const { errorUtilizationPenaltyPercent: penalty } = rule;
  const config = {
    blackoutPeriod: duration(rule.weightStabilizationPeriod),
    weightExpirationPeriod: duration(rule.weightExpirationPeriod),
    weightUpdatePeriod: duration(rule.weightUpdatePeriod),
    ...(penalty !== undefined && { errorUtilizationPenalty: penalty / 100 }),
    metricNamesForComputingUtilization: rule.metricNamesForComputingUtilization ?? [],
  };
  const typedExtensionConfig = {
    name: 'envoy.load_balancing_policies.client_side_weighted_round_robin',
    typedConfig: pack(type, ClientSideWeightedRoundRobin, config),
  };
  return { policies: [{ typedExtensionConfig }] };
}
