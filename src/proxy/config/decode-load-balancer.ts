// How a cluster balances -> LoadBalancerConfig and PriorityConfig. Envoy's defaults and bounds.
import type {
  Cluster,
  Cluster_MaglevLbConfig,
  Cluster_RingHashLbConfig,
  Cluster_SlowStartConfig,
  LoadBalancingPolicy,
} from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import {
  Cluster_RingHashLbConfig_HashFunction as HashFunction,
  Cluster_LbPolicy as LbPolicy,
} from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClientSideWeightedRoundRobin } from '#codec/protobuf/generated/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin';
import { type Findings, milliseconds } from './findings.ts';
import { type LoadBalancerConfig, type PriorityConfig, priorityDefault, roundRobinDefault, type SlowStartConfig } from './load-balancer.ts';

export function decodeLoadBalancer(cluster: Cluster, findings: Findings): LoadBalancerConfig {
  const { lbConfig } = cluster;
  if (cluster.loadBalancingPolicy !== undefined) return decodePolicy(cluster.loadBalancingPolicy, findings);
  switch (cluster.lbPolicy) {
    case LbPolicy.ROUND_ROBIN: {
      const slowStart = lbConfig?.$case === 'roundRobinLbConfig' ? lbConfig.value.slowStartConfig : undefined;
      return { kind: 'round_robin', slowStart: decodeSlowStart(slowStart) };
    }
    case LbPolicy.LEAST_REQUEST: {
      const config = lbConfig?.$case === 'leastRequestLbConfig' ? lbConfig.value : undefined;
      const choices = config?.choiceCount ?? 2;
      if (choices < 2) findings.report('least_request_lb_config.choice_count', `${choices} is below 2`);
      const bias = config?.activeRequestBias?.defaultValue ?? 1;
      return { kind: 'least_request', choices, bias, slowStart: decodeSlowStart(config?.slowStartConfig) };
    }
    case LbPolicy.RANDOM:
      return { kind: 'random' };
    case LbPolicy.RING_HASH:
      return decodeRingHash(lbConfig?.$case === 'ringHashLbConfig' ? lbConfig.value : undefined, findings);
    case LbPolicy.MAGLEV:
      return decodeMaglev(lbConfig?.$case === 'maglevLbConfig' ? lbConfig.value : undefined, findings);
    case LbPolicy.CLUSTER_PROVIDED:
      return { kind: 'cluster_provided' };
    default:
      findings.report('lb_policy', `${LbPolicy[cluster.lbPolicy] ?? cluster.lbPolicy} is not supported`);
      return roundRobinDefault;
  }
}

const utilizationType =
  'type.googleapis.com/envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin';

/** The first one that is known counts: Envoy's rule. */
function decodePolicy({ policies }: LoadBalancingPolicy, findings: Findings): LoadBalancerConfig {
  const field = 'load_balancing_policy';
  const configs = policies.map(({ typedExtensionConfig }) => typedExtensionConfig?.typedConfig);
  const any = configs.find((config) => config?.typeUrl === utilizationType);
  if (any === undefined) {
    findings.report(field, 'of its policies client_side_weighted_round_robin alone is supported: use lb_policy for others');
    return roundRobinDefault;
  }
  const config = findings.attempt(field, () => ClientSideWeightedRoundRobin.decode(any.value));
  if (config?.enableOobLoadReport) findings.report(`${field}.enable_oob_load_report`, 'is not supported: reports come with responses');
  return {
    kind: 'utilization',
    blackoutMs: milliseconds(config?.blackoutPeriod, 10_000),
    expirationMs: milliseconds(config?.weightExpirationPeriod, 180_000),
    // Envoy's own least.
    updateMs: Math.max(100, milliseconds(config?.weightUpdatePeriod, 1000)),
    errorPenalty: config?.errorUtilizationPenalty ?? 1,
    metricNames: config?.metricNamesForComputingUtilization ?? [],
  };
}

function decodeSlowStart(config: Cluster_SlowStartConfig | undefined): SlowStartConfig | undefined {
  const windowMs = milliseconds(config?.slowStartWindow, 0);
  if (config === undefined || windowMs === 0) return undefined;
  const weightMin = (config.minWeightPercent?.value ?? 10) / 100;
  return { windowMs, aggression: config.aggression?.defaultValue || 1, weightMin };
}

const ringSizeBound = 8_388_608;

function decodeRingHash(config: Cluster_RingHashLbConfig | undefined, findings: Findings): LoadBalancerConfig {
  const field = 'ring_hash_lb_config';
  const ringSizeMin = config?.minimumRingSize ?? 1024;
  const ringSizeMax = config?.maximumRingSize ?? ringSizeBound;
  if (config?.hashFunction === HashFunction.MURMUR_HASH_2) findings.report(`${field}.hash_function`, 'MURMUR_HASH_2 is not supported');
  if (ringSizeMax > ringSizeBound) findings.report(`${field}.maximum_ring_size`, `${ringSizeMax} is above ${ringSizeBound}`);
  if (ringSizeMin > ringSizeMax) findings.report(`${field}.minimum_ring_size`, `${ringSizeMin} is above the maximum of ${ringSizeMax}`);
  return { kind: 'ring_hash', ringSizeMin, ringSizeMax };
}

const tableSizeBound = 5_000_011;

function decodeMaglev(config: Cluster_MaglevLbConfig | undefined, findings: Findings): LoadBalancerConfig {
  const tableSize = config?.tableSize ?? 65_537;
  if (tableSize > tableSizeBound || !isPrime(tableSize)) {
    findings.report('maglev_lb_config.table_size', `${tableSize} is not a prime number up to ${tableSizeBound}`);
  }
  return { kind: 'maglev', tableSize };
}

function isPrime(n: number): boolean {
  if (n < 2) return false;
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return false;
  return true;
}

export function decodePriorities({ commonLbConfig }: Cluster, findings: Findings): PriorityConfig {
  if (commonLbConfig?.consistentHashingLbConfig?.hashBalanceFactor !== undefined) {
    findings.report('common_lb_config.consistent_hashing_lb_config.hash_balance_factor', 'is not supported');
  }
  const localities = commonLbConfig?.localityConfigSpecifier;
  const zones = localities?.$case === 'zoneAwareLbConfig' ? localities.value : undefined;
  const { zoneAware } = priorityDefault;
  return {
    panicThreshold: commonLbConfig?.healthyPanicThreshold?.value ?? priorityDefault.panicThreshold,
    localityWeighted: localities?.$case === 'localityWeightedLbConfig',
    zoneAware: {
      routedPercent: zones?.routingEnabled?.value ?? zoneAware.routedPercent,
      endpointsMin: zones?.minClusterSize ?? zoneAware.endpointsMin,
      failsInPanic: zones?.failTrafficOnPanic ?? zoneAware.failsInPanic,
    },
  };
}
