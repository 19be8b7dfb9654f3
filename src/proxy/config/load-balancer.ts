// How a cluster chooses among its endpoints: decoded from Envoy's `lb_policy`, its configuration and `common_lb_config`.

export type LoadBalancerConfig =
  | { kind: 'round_robin'; slowStart: SlowStartConfig | undefined }
  /** The least busy of `choices` drawn; with unequal weights, `bias` says how much active requests count. */
  | { kind: 'least_request'; choices: number; bias: number; slowStart: SlowStartConfig | undefined }
  | { kind: 'random' }
  | { kind: 'ring_hash'; ringSizeMin: number; ringSizeMax: number }
  /** A prime. */
  | { kind: 'maglev'; tableSize: number }
  | ({ kind: 'utilization' } & UtilizationConfig)
  /** The cluster itself knows where to go. */
  | { kind: 'cluster_provided' };

/** Turns by what endpoints report of themselves (ORCA). Envoy's client-side weighted round robin. */
export interface UtilizationConfig {
  /** Counted from its first report: until then an endpoint is not judged by them. */
  blackoutMs: number;
  /** A report older than this says nothing any more. */
  expirationMs: number;
  /** How often turns are dealt anew. */
  updateMs: number;
  /** How much an error in every request adds to the utilization. */
  errorPenalty: number;
  /** Where applications do not say their utilization: the highest of these is it, such as `named_metrics.queue`; else that of the CPU. */
  metricNames: readonly string[];
}

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
  /** Else, where the proxy knows its own cluster: the own zone first. */
  zoneAware: ZoneAwareConfig;
}

export interface ZoneAwareConfig {
  /** Of the traffic. */
  routedPercent: number;
  /** With fewer healthy endpoints, zones do not count. */
  endpointsMin: number;
  /** In panic nobody is called, in place of everybody. */
  failsInPanic: boolean;
}

export const priorityDefault: PriorityConfig = {
  panicThreshold: 50,
  localityWeighted: false,
  zoneAware: { routedPercent: 100, endpointsMin: 6, failsInPanic: false },
};
