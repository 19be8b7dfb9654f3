// How a cluster balances: a DestinationRule's `loadBalancer` as Envoy's policy and its configuration, with Istio's defaults.

import type { TrafficPolicy } from '#api/kinds/destination-rule';
import {
  type Cluster,
  type Cluster_CommonLbConfig,
  Cluster_LbPolicy as LbPolicy,
  type Cluster_SlowStartConfig as SlowStartConfig,
} from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { durationMs } from '#foundation/duration';
import { utilizationPolicy } from './backend-utilization.ts';
import type { LocalitySetting } from './locality-balance.ts';
import { durationOf } from './message.ts';
import type { PortPolicy } from './traffic-policy.ts';

type LoadBalancer = NonNullable<TrafficPolicy['loadBalancer']>;
type Balancing = Pick<Parameters<typeof Cluster.fromPartial>[0], 'lbPolicy' | 'lbConfig' | 'commonLbConfig' | 'loadBalancingPolicy'>;

export interface BalancingOptions {
  /** Knows round robin and rings alone. */
  grpcClient: boolean;
  localities: LocalitySetting;
}

export function balancing({ loadBalancer = {}, outlierDetection }: PortPolicy, options: BalancingOptions): Balancing {
  const { grpcClient, localities } = options;
  const { consistentHash, backendUtilization } = loadBalancer;
  const localityConfigSpecifier = localityConfig(localities, outlierDetection !== undefined, grpcClient);
  return {
    ...(consistentHash ? hashing(consistentHash, grpcClient) : simple(loadBalancer, grpcClient)),
    ...(backendUtilization && !grpcClient && { loadBalancingPolicy: utilizationPolicy(backendUtilization) }),
    commonLbConfig: {
      ...(localityConfigSpecifier && { localityConfigSpecifier }),
      // Ejected endpoints stay out, however many, until the rule says when to give up on that.
      ...(outlierDetection && { healthyPanicThreshold: { value: outlierDetection.minHealthPercent ?? 0 } }),
    },
  };
}

type LocalityConfig = NonNullable<Cluster_CommonLbConfig['localityConfigSpecifier']>;

/**
 * Weights of localities stand in the way of policies such as least request: they count where the setting is about them, as in Istio. gRPC
 * clients ask for them in any case.
 */
function localityConfig(localities: LocalitySetting, detectsOutliers: boolean, grpcClient: boolean): LocalityConfig | undefined {
  if (localities.kind === 'off') return undefined;
  if (localities.kind === 'by zone') {
    const { enabled = true, minClusterSize } = localities.setting;
    const value = { routingEnabled: enabled ? undefined : { value: 0 }, minClusterSize, failTrafficOnPanic: false };
    return { $case: 'zoneAwareLbConfig', value };
  }
  const { distribute = [], failover = [], failoverPriority = [] } = localities.setting;
  const weighted = distribute.length > 0 || (detectsOutliers && failover.length + failoverPriority.length > 0);
  return weighted || grpcClient ? { $case: 'localityWeightedLbConfig', value: {} } : undefined;
}

/** Istio's default is least request. */
function simple({ simple: name, warmup, warmupDurationSecs }: LoadBalancer, grpcClient: boolean): Balancing {
  if (grpcClient) return { lbPolicy: LbPolicy.ROUND_ROBIN };
  if (name === 'RANDOM') return { lbPolicy: LbPolicy.RANDOM };
  const slowStartConfig = slowStart(warmup ?? (warmupDurationSecs === undefined ? undefined : { duration: warmupDurationSecs }));
  if (name === 'ROUND_ROBIN') {
    return {
      lbPolicy: LbPolicy.ROUND_ROBIN,
      ...(slowStartConfig && { lbConfig: { $case: 'roundRobinLbConfig', value: { slowStartConfig } } }),
    };
  }
  return {
    lbPolicy: LbPolicy.LEAST_REQUEST,
    ...(slowStartConfig && { lbConfig: { $case: 'leastRequestLbConfig', value: { slowStartConfig } } }),
  };
}

function slowStart(warmup: LoadBalancer['warmup']): Partial<SlowStartConfig> | undefined {
  if (warmup === undefined) return undefined;
  return {
    slowStartWindow: durationOf(durationMs(warmup.duration) ?? 0),
    ...(warmup.aggression !== undefined && { aggression: { defaultValue: warmup.aggression, runtimeKey: '' } }),
    minWeightPercent: { value: warmup.minimumPercent ?? 10 },
  };
}

/** Of Istio's and of Envoy's rings. */
const ringSizeDefault = 1024;

function hashing({ maglev, ringHash, minimumRingSize }: NonNullable<LoadBalancer['consistentHash']>, grpcClient: boolean): Balancing {
  if (maglev && !grpcClient) {
    return {
      lbPolicy: LbPolicy.MAGLEV,
      ...(maglev.tableSize && { lbConfig: { $case: 'maglevLbConfig', value: { tableSize: maglev.tableSize } } }),
    };
  }
  const size = ringHash?.minimumRingSize || minimumRingSize || ringSizeDefault;
  return { lbPolicy: LbPolicy.RING_HASH, lbConfig: { $case: 'ringHashLbConfig', value: { minimumRingSize: size } } };
}
