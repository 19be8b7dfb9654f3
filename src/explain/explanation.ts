// What `explain` says of a call: the types alone, which `lateen/test` gives to its users as well.
import type { FaultConfig } from '#proxy/filters/http/fault-config';

export interface Call {
  /** The workload that calls: an `app` label, a Deployment, or a Pod, with `.namespace` where it is not the default one. Undefined: the ingress gateway. */
  from: string | undefined;
  /** `http://…`; `tls://host:443` and `https://…` for TLS that the caller speaks itself; `tcp://…`. */
  url: string;
  method: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
}

export interface Explanation {
  call: { from: string; method: string; url: string };
  /** `sidecar productpage-v1-….default`. */
  proxy: string;
  listener: string | undefined;
  routeTable: string | undefined;
  virtualHost: { name: string; domains: readonly string[] } | undefined;
  /** Filter chains or routes, in order, up to the one that takes the call. */
  candidates: readonly Candidate[];
  outcome: Outcome;
  /** What else the call meets on its way, in order. */
  guards: readonly Guard[];
  /** Where no route takes the call: those that miss it by the least. */
  nearest: readonly NearestMiss[];
  /** Where nobody of that name is known: hosts that are called nearly so. */
  nearestHosts: readonly string[];
  /** Where a running proxy was asked: what it holds otherwise than the control plane would give it, such as `RDS http_proxy`. */
  differences?: readonly string[];
  /** Why EnvoyFilters are left out: the proxy would refuse what they make of its configuration. */
  unpatched?: string;
}

/** A filter that may refuse a call, or that an EnvoyFilter has put in. */
export interface Guard {
  /** `sidecar reviews-v1-….default`: the caller's proxy, or that of the workload. */
  proxy: string;
  /** Its name in the listener: `envoy.filters.http.rbac`. */
  filter: string;
  /** `depends`: on what the call alone does not tell. */
  verdict: 'passes' | 'refuses' | 'depends';
  reason: string;
  /** That it answers where it refuses; without one the connection is closed. */
  status?: number;
}

export interface Candidate {
  /** Resource, rule, file and line; or that it is a service's own route. */
  origin: string;
  name: string;
  matched: boolean;
  /** Why not. */
  mismatch: Mismatch | undefined;
}

export interface Mismatch {
  /** `path`, `header end-user`, `server name`, … */
  condition: string;
  /** What is asked for. */
  expects: string;
  /** What the call has; undefined: nothing. */
  found: string | undefined;
}

export interface NearestMiss {
  origin: string;
  name: string;
  /** Every condition that does not hold. */
  mismatches: readonly Mismatch[];
  /** What would make them hold, one each: `add -H 'end-user: jason'`. */
  remedies: readonly string[];
}

export type Outcome =
  | { kind: 'forward'; protocol: 'http' | 'tcp'; destinations: readonly Destination[]; policies: Policies }
  | { kind: 'redirect'; status: number; location: string }
  | { kind: 'direct'; status: number; body: string }
  /** `status`: what the client gets; undefined: no connection. */
  | { kind: 'none'; status: number | undefined; message: string };

export interface Destination {
  cluster: string;
  /** Undefined for clusters that are no service's. */
  host: string | undefined;
  subset: string | undefined;
  port: number | undefined;
  /** In [0, 1]. */
  share: number;
  /** The cluster is there, and what its endpoints are. */
  known: boolean;
  endpoints: readonly { address: string; workload: string; healthy: boolean }[];
  /** What this destination alone does to headers, in addition to the route's. */
  headers?: Headers;
}

export interface Policies {
  timeoutMs?: number;
  retries?: { attempts: number; on: string; perTryTimeoutMs?: number };
  fault?: FaultConfig;
  /** As the upstream sees them, where they differ. */
  path?: string;
  authority?: string;
  /** Copies of the request; their answers do not count. */
  mirrors?: readonly Destination[];
  headers?: Headers;
}

/** Operations on headers, by name in lower case: the value that is set or added, or null where it is removed. */
export interface Headers {
  request?: Readonly<Record<string, string | null>>;
  response?: Readonly<Record<string, string | null>>;
}
