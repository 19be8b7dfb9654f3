// How a cluster chooses among its endpoints: decoded from Envoy's `lb_policy`, its configuration and `common_lb_config`.

export type LoadBalancerConfig =
  | { kind: 'round_robin'; slowStart: SlowStartConfig | undefined }
  /** The least busy of `choices` drawn; with unequal weights, `bias` says how much active requests count. */
  | { kind: 'least_request'; choices: number; bias: number; slowStart: SlowStartConfig | undefined }
  | { kind: 'random' }
  | { kind: 'ring_hash'; ringSizeMin: number; ringSizeMax: number }
  /** A prime. */
  | { kind: 'maglev'; tableSize: number }
  /** The cluster itself knows where to go. */
  | { kind: 'cluster_provided' };

/** An endpoint that has become available gets a growing share of its weight. */
export interface SlowStartConfig {
  windowMs: number;
  /** 1: the share grows in proportion to time; greater: faster at first. */
  aggression: number;
  /** Of the weight, in [0, 1]. */
  weightMin: number;
}

export const roundRobinDefault: LoadBalancerConfig = { kind: 'round_robin', slowStart: undefined };

/** How traffic spreads over priorities and localities. */
export interface PriorityConfig {
  /** Percent of a priority's endpoints that must be fit, or all of them are used; 0: never. */
  panicThreshold: number;
  /** Localities get traffic by their weights and how many of their endpoints are fit. */
  localityWeighted: boolean;
}

export const priorityDefault: PriorityConfig = { panicThreshold: 50, localityWeighted: false };
