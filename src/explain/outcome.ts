// What becomes of a call once a route has taken it: destinations with their shares and endpoints, and what the route adds.
// Pure.

import { parseOutboundClusterName } from '#control/translate/cluster-name';
import type { TcpProxyConfig } from '#proxy/config/listener';
import { formatAddress } from '#proxy/config/socket-address';
import { faultOf } from '#proxy/filters/http/fault';
import type { ForwardAction, HeaderMutations, Route, RoutedRequest } from '#proxy/route/route';
import type { Destination, Headers, Outcome, Policies } from './explanation.ts';
import type { ProxyTables } from './tables.ts';

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
        .map(({ name, weight, requestHeaders, responseHeaders }) => ({
          ...destination(name, weight / action.weightTotal, tables),
          ...headersOf(requestHeaders, responseHeaders),
        })),
      policies: policiesOf(route, action, request, tables),
    };
  },

  tcp({ clusters }: TcpProxyConfig, tables: ProxyTables): Outcome {
    const total = clusters.reduce((sum, { weight }) => sum + weight, 0);
    const destinations = clusters.map(({ name, weight }) => destination(name, weight / total, tables));
    return { kind: 'forward', protocol: 'tcp', destinations, policies: {} };
  },
};

/** What Istio's name of a cluster says. */
export function describeCluster(name: string): Pick<Destination, 'cluster' | 'host' | 'subset' | 'port'> {
  const parsed = parseOutboundClusterName(name);
  return { cluster: name, host: parsed?.host, subset: parsed?.subset || undefined, port: parsed?.port };
}

function destination(name: string, share: number, tables: ProxyTables): Destination {
  const cluster = tables.cluster(name);
  return {
    ...describeCluster(name),
    share,
    known: cluster !== undefined,
    endpoints: (cluster === undefined ? [] : tables.endpoints(cluster)).map(({ address, workload, health }) => ({
      address: formatAddress(address),
      workload: workload.split(';')[0] ?? '',
      healthy: health !== 'unhealthy',
    })),
  };
}

function policiesOf(route: Route, action: ForwardAction, request: RoutedRequest, tables: ProxyTables): Policies {
  const { retry, timeoutMs, mirrors } = action;
  const path = action.path?.(request.path);
  const fault = faultOf(route.filters, request);
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
    ...(fault === undefined ? {} : { fault }),
    ...(path === undefined || path === request.path ? {} : { path }),
    ...(action.authority === undefined ? {} : { authority: action.authority }),
    ...(mirrors.length === 0 ? {} : { mirrors: mirrors.map(({ cluster, fraction }) => destination(cluster, fraction, tables)) }),
    ...headersOf(route.requestHeaders, route.responseHeaders),
  };
}

function headersOf(request: HeaderMutations, response: HeaderMutations): { headers?: Headers } {
  const headers = { ...operations('request', request), ...operations('response', response) };
  return Object.keys(headers).length === 0 ? {} : { headers };
}

function operations(name: keyof Headers, { remove, addIfAbsent, append, set }: HeaderMutations): Headers {
  const added = [...addIfAbsent, ...append, ...set].map((pair) => [pair.name, pair.value] as const);
  const entries = [...remove.map((removed) => [removed, null] as const), ...added];
  return entries.length === 0 ? {} : { [name]: Object.fromEntries(entries) };
}
