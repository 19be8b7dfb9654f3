// Why a call goes where it goes: the proxy's own routing code on the control plane's own output, each decision written down.
// It cannot drift from what happens, because it is what happens.
import type { ListenerConfig } from '#proxy/config/listener';
import { type NormalPath, normalizePath } from '#proxy/http/path-normalization';
import type { Route } from '#proxy/route/route';
import { findMismatch, type Mismatch, pathnameOf } from '#proxy/route/route-match';
import type { RouteTable, VirtualHost } from '#proxy/route/route-table';
import { type Call, parseCall, proxyOfCall } from './call.ts';
import { describeOutcome, type Outcome } from './outcome.ts';
import { type ProxyTables, TableMaker } from './tables.ts';
import type { World } from './world.ts';

export interface Explanation {
  call: { from: string; method: string; url: string };
  /** `sidecar productpage-v1-….default`. */
  proxy: string;
  listener: string | undefined;
  routeTable: string | undefined;
  virtualHost: { name: string; domains: readonly string[] } | undefined;
  /** In order, up to the one that takes the call. */
  candidates: readonly Candidate[];
  outcome: Outcome;
}

export interface Candidate {
  /** Resource, rule, file and line; or that it is a service's own route. */
  origin: string;
  name: string;
  matched: boolean;
  /** Why not. */
  mismatch: Mismatch | undefined;
}

export class Explainer {
  private readonly maker: TableMaker;
  private readonly tables = new Map<string, ProxyTables>();

  constructor(private readonly world: World) {
    this.maker = new TableMaker(world.snapshot);
  }

  /** Throws MeshError where the call has no source or is no URL. */
  explain(call: Call): Explanation {
    const { request: sent, port } = parseCall(call);
    const { proxy } = proxyOfCall(call, this.world);
    const tables = this.tablesOf(proxy.id, () => this.maker.tablesOf(proxy));
    const base = {
      call: { from: call.from ?? 'outside', method: call.method, url: call.url },
      proxy: `${proxy.type} ${proxy.name}`,
      candidates: [] as Candidate[],
      virtualHost: undefined,
    };
    const listener = call.from === undefined ? this.gatewayListener(tables, port) : outboundListener(tables, port);
    const filter = listener === undefined ? undefined : terminalFilter(listener);
    if (filter === undefined) return { ...base, listener: undefined, routeTable: undefined, outcome: unheard(call, port) };
    if (filter.kind === 'tcp_proxy') {
      const outcome = describeOutcome.tcp(filter.tcp, tables);
      return { ...base, listener: listener?.name, routeTable: undefined, outcome };
    }
    const { routes } = filter.http;
    const table = routes.kind === 'inline' ? routes.table : tables.routeTable(routes.name);
    const normal = normalizePath(sent.path, filter.http);
    if (normal.kind !== 'path') return { ...base, listener: listener?.name, routeTable: table?.name, outcome: abnormal(normal) };
    const request = { ...sent, path: normal.path };
    const host = table?.virtualHost(request.authority);
    const { candidates, route } = host === undefined ? { candidates: [], route: undefined } : tryRoutes(host, request);
    return {
      ...base,
      listener: listener?.name,
      routeTable: table?.name,
      virtualHost: host && { name: host.name, domains: host.domains },
      candidates,
      outcome: route === undefined ? missed(table, host, request.authority) : describeOutcome.http(route, request, tables),
    };
  }

  private tablesOf(id: string, make: () => ProxyTables): ProxyTables {
    let tables = this.tables.get(id);
    if (tables === undefined) this.tables.set(id, (tables = make()));
    return tables;
  }

  /** The Service's port is what a client knows; the listener is on the pod's. */
  private gatewayListener({ listeners }: ProxyTables, port: number): ListenerConfig | undefined {
    const service = this.world.services.find(({ metadata }) => metadata.name === 'istio-ingressgateway');
    const target = service?.spec?.ports?.find((candidate) => candidate.port === port)?.targetPort;
    return [target, port].map((number) => listeners.find(({ addresses }) => addresses[0]?.port === number)).find(Boolean);
  }
}

/** What the connection manager answers before a route is looked for. */
function abnormal(normal: NormalPath): Outcome {
  if (normal.kind === 'reject') return { kind: 'direct', status: 400, body: '' };
  return { kind: 'redirect', status: 307, location: normal.path };
}

type Request = Parameters<typeof findMismatch>[1];

function tryRoutes(host: VirtualHost, request: Request): { candidates: Candidate[]; route: Route | undefined } {
  const candidates: Candidate[] = [];
  const pathname = pathnameOf(request.path);
  for (const { match, route } of host.routes) {
    const mismatch = findMismatch(match, request, pathname);
    candidates.push({
      origin: route.origin ?? `${host.name} (no rule of a VirtualService)`,
      name: route.name,
      matched: mismatch === undefined,
      mismatch,
    });
    if (mismatch === undefined) return { candidates, route };
  }
  return { candidates, route: undefined };
}

/** For redirected traffic: the listener of the port, whatever address it is on. */
function outboundListener({ listeners }: ProxyTables, port: number): ListenerConfig | undefined {
  const outbound = listeners.filter(({ direction, useOriginalDst }) => direction === 'outbound' && !useOriginalDst);
  return outbound.find(({ addresses }) => addresses[0]?.port === port) ?? listeners.find(({ name }) => name === 'virtualOutbound');
}

function terminalFilter({ filterChains, defaultFilterChain }: ListenerConfig) {
  return (filterChains.at(-1) ?? defaultFilterChain)?.filters.at(-1);
}

function unheard({ from }: Call, port: number): Outcome {
  const message =
    from === undefined ? `no Gateway server listens on port ${port} of the ingress gateway` : `nothing listens on port ${port}`;
  return { kind: 'none', status: undefined, message };
}

/** Envoy answers 404 where no virtual host or no route takes a request. */
function missed(table: RouteTable | undefined, host: VirtualHost | undefined, authority: string): Outcome {
  if (host !== undefined)
    return { kind: 'none', status: 404, message: `none of the ${host.routes.length} routes of ${host.name} takes it` };
  const nearest = (table?.virtualHosts ?? []).flatMap(({ domains }) => domains.slice(0, 1)).slice(0, 5);
  return {
    kind: 'none',
    status: 404,
    message: `no virtual host has the domain ${authority}${nearest.length > 0 ? `; there are ${nearest.join(', ')}` : ''}`,
  };
}
