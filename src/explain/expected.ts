// What a route test may expect of a call: the type alone, which `lateen/test` gives to its users as well. `'none'` says that there
// must be nothing of the kind; what is left out is not looked at.

export interface Expected {
  /** Host, short or whole; or the name of a cluster, such as PassthroughCluster. */
  reaches?: string;
  /** All of the requests, at this subset. */
  subset?: string;
  port?: number;
  /** Percent by subset, or by host where there is none. What is not named gets nothing. */
  weights?: Readonly<Record<string, number>>;
  /** Those that endpoints are of, of all destinations together: `[reviews-v1, reviews-v2]`. */
  workloads?: readonly string[];
  /** What the client gets: of a redirect, a direct response, a fault of all requests, or 404 and 503. */
  status?: number;
  /** The whole location. */
  redirect?: string;
  /** Of a direct response. */
  body?: string;
  /** As the upstream sees them; those of the call where nothing is rewritten. */
  path?: string;
  authority?: string;
  /** Set, added, or (null) removed on the way, by name. */
  requestHeaders?: Readonly<Record<string, string | null>> | 'none';
  responseHeaders?: Readonly<Record<string, string | null>> | 'none';
  /** `2s` */
  timeout?: string;
  /** Attempts beyond the first; or more of the policy. */
  retries?: number | { attempts?: number; perTryTimeout?: string; on?: string };
  /** A bare delay or status is of all requests. */
  fault?: 'none' | { delay?: string | { after: string; percent: number }; abort?: number | { status: number; percent: number } };
  /** A host that gets copies of all requests; or percent by host. With a subset: `reviews/v2`. */
  mirror?: string | Readonly<Record<string, number>>;
}
