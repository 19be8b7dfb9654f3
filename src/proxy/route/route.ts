// A route as the data plane runs it. Decoded by config/decode-route.ts; chosen by route-table.ts; pure.
import type { HashPolicy } from './hash-policy.ts';
import type { HeaderTest } from './header-test.ts';
import type { RateLimit } from './rate-limit.ts';
import type { RouteFilters } from './route-filter.ts';

/** What routing may look at; it never sees the protocol. Header names are lower case. */
export interface RoutedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** With the port, as sent. */
  readonly authority: string;
  readonly scheme: string;
  /** The value, joined with commas when it came more than once; undefined when absent. */
  header(name: string): string | undefined;
}

export interface Route {
  readonly name: string;
  readonly virtualHost: string;
  readonly action: RouteAction;
  readonly requestHeaders: HeaderMutations;
  readonly responseHeaders: HeaderMutations;
  /** What it says of HTTP filters, in place of their own configuration. */
  readonly filters: RouteFilters;
  /** Names of filters that are left out here; undefined: none, of this route or its clusters. */
  readonly disabledFilters: ReadonlySet<string> | undefined;
  /** Which resource it came from: `metadata.filter_metadata.istio.config`, with Lateen's file and line. */
  readonly origin: string | undefined;
  /** What its metadata say to filters, by their names; undefined: nothing. */
  readonly filterMetadata: Readonly<Record<string, unknown>> | undefined;
  /** What a span of it is called; empty: nothing in particular. */
  readonly operation: string;
  /** Under which its answers are counted by themselves; empty: they are not. */
  readonly statPrefix: string;
}

export interface HeaderMutations {
  readonly set: readonly HeaderPair[];
  readonly append: readonly HeaderPair[];
  readonly addIfAbsent: readonly HeaderPair[];
  readonly remove: readonly string[];
}

/** `name` in lower case. */
export interface HeaderPair {
  readonly name: string;
  readonly value: string;
}

export type RouteAction =
  | ForwardAction
  | { readonly kind: 'redirect'; readonly status: number; readonly location: (request: RoutedRequest) => string }
  | { readonly kind: 'direct'; readonly status: number; readonly body: string };

export interface ForwardAction {
  readonly kind: 'forward';
  /** At least one; weights add up to `weightTotal` > 0. */
  readonly clusters: readonly WeightedCluster[];
  readonly weightTotal: number;
  /** The upstream is told how many tries there were: `x-envoy-attempt-count`. */
  readonly countsAttempts: boolean;
  /** Some of `clusters` say something of filters: the choice is made before them. */
  readonly clusterFilters: boolean;
  /** For the whole response to have come, retries included; 0: none. */
  readonly timeoutMs: number;
  /** Of the exchange as a whole; undefined: without an end, whatever the client says. */
  readonly duration: StreamDuration | undefined;
  /** 0: the connection manager's. */
  readonly idleTimeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  /** Rewrites of the request as the upstream sees it. */
  readonly authority: string | undefined;
  readonly path: ((path: string) => string) | undefined;
  /** Upgrades allowed here beyond the connection manager's; lower case. `connect` ends a CONNECT here. */
  readonly upgradeTypes: ReadonlySet<string>;
  /** What the request is hashed by, for clusters that balance by a hash. */
  readonly hashPolicies: readonly HashPolicy[];
  /** The route's own, and its virtual host's. */
  readonly rateLimits: { readonly own: readonly RateLimit[]; readonly host: readonly RateLimit[] };
  /** Copies of the request go there too; their answers are not waited for. */
  readonly mirrors: readonly Mirror[];
}

export interface StreamDuration {
  /** 0: none. */
  readonly maxMs: number;
  /** Of what gRPC clients ask for by `grpc-timeout`; 0: as long as they ask; undefined: they are not asked. */
  readonly grpcTimeoutMaxMs: number | undefined;
  /** So much earlier than they ask for. */
  readonly grpcTimeoutOffsetMs: number;
}

export interface Mirror {
  readonly cluster: string;
  /** In [0, 1] of the requests. */
  readonly fraction: number;
  /** Whether the copy's host is followed by `-shadow`, as is Envoy's default. */
  readonly shadowHost: boolean;
}

export interface WeightedCluster {
  readonly name: string;
  readonly weight: number;
  readonly requestHeaders: HeaderMutations;
  readonly responseHeaders: HeaderMutations;
  /** Over those of the route. */
  readonly filters: RouteFilters;
}

export interface RetryPolicy {
  /** Beyond the first try. */
  readonly retriesMax: number;
  /** Envoy's `retry_on` words. */
  readonly on: ReadonlySet<string>;
  readonly statuses: ReadonlySet<number>;
  /** Of a response that `retriable-headers` retries: any. */
  readonly responseHeaders: readonly HeaderTest[];
  /** Only requests with any of these are retried at all; empty: every request. */
  readonly requestHeaders: readonly HeaderTest[];
  /** Of each try; 0: the route's timeout alone. */
  readonly perTryTimeoutMs: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** Tries at another endpoint than those tried before, at most so many picks. */
  readonly hostSelectionRetriesMax: number;
  readonly avoidPreviousHosts: boolean;
  /** After so many tries, their priorities are left out, until all have been; 0: never. */
  readonly triesPerPriority: number;
}

/** `draw` in [0, 1). */
export function chooseCluster({ clusters, weightTotal }: ForwardAction, draw: number): WeightedCluster {
  if (clusters.length > 1) {
    let left = draw * weightTotal;
    for (const cluster of clusters) if ((left -= cluster.weight) < 0) return cluster;
  }
  return clusters[0]!;
}
