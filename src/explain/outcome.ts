// What becomes of a call once a route has taken it: destinations with their shares and endpoints, and what the route adds.
// Pure.

import { parseOutboundClusterName } from '#control/translate/cluster-name';
import type { TcpProxyConfig } from '#proxy/config/listener';
import { formatAddress } from '#proxy/config/socket-address';
import type { FaultConfig } from '#proxy/route/fault';
import type { ForwardAction, Route, RoutedRequest } from '#proxy/route/route';
import type { ProxyTables } from './tables.ts';

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
}

export interface Policies {
  timeoutMs?: number;
  retries?: { attempts: number; on: string; perTryTimeoutMs?: number };
  fault?: FaultConfig;
  /** As the upstream sees them, where they differ. */
  path?: string;
  authority?: string;
}

export const describeOutcome = {
  http(route: Route, request: RoutedRequest, tables: ProxyTables): Outcome {
    const { action } = route;
    if (action.kind === 'redirect') return { kind: 'redirect', status: action.status, location: action.location(request) };
    if (action.kind === 'direct') return { kind: 'direct', status: action.status, body: action.body };
    return {
      kind: 'forward',
      protocol: 'http',
      destinations: action.clusters
        .filter(({ weight }) => weight > 0)
        .map(({ name, weight }) => destination(name, weight / action.weightTotal, tables)),
      policies: policiesOf(route, action, request),
    };
  },

  tcp({ clusters }: TcpProxyConfig, tables: ProxyTables): Outcome {
    const total = clusters.reduce((sum, { weight }) => sum + weight, 0);
    const destinations = clusters.map(({ name, weight }) => destination(name, weight / total, tables));
    return { kind: 'forward', protocol: 'tcp', destinations, policies: {} };
  },
};

function destination(name: string, share: number, tables: ProxyTables): Destination {
  const cluster = tables.cluster(name);
  const parsed = parseOutboundClusterName(name);
  return {
    cluster: name,
    host: parsed?.host,
    subset: parsed?.subset || undefined,
    port: parsed?.port,
    share,
    known: cluster !== undefined,
    endpoints: (cluster === undefined ? [] : tables.endpoints(cluster)).map(({ address, workload, healthy }) => ({
      address: formatAddress(address),
      workload: workload.split(';')[0] ?? '',
      healthy,
    })),
  };
}

function policiesOf(route: Route, action: ForwardAction, request: RoutedRequest): Policies {
  const { retry, timeoutMs } = action;
  const path = action.path?.(request.path);
  return {
    ...(timeoutMs > 0 ? { timeoutMs } : {}),
    ...(retry === undefined
      ? {}
      : {
          retries: {
            attempts: retry.retriesMax,
            on: [...retry.on].join(','),
            ...(retry.perTryTimeoutMs > 0 ? { perTryTimeoutMs: retry.perTryTimeoutMs } : {}),
          },
        }),
    ...(route.fault === undefined ? {} : { fault: route.fault }),
    ...(path === undefined || path === request.path ? {} : { path }),
    ...(action.authority === undefined ? {} : { authority: action.authority }),
  };
}
