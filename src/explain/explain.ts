// Why a call goes where it goes: the proxy's own routing code on the control plane's own output, each decision written down.
// It cannot drift from what happens, because it is what happens.
import type { Pod } from '#api/kinds/pod';
import type { MeshProxy } from '#control/view/proxy';
import { MeshError } from '#foundation/mesh-error';
import { formatAddress } from '#proxy/config/socket-address';
import { type NormalPath, normalizePath } from '#proxy/http/path-normalization';
import type { Route, RoutedRequest } from '#proxy/route/route';
import { findMismatch, pathnameOf } from '#proxy/route/route-match';
import type { RouteTable, VirtualHost } from '#proxy/route/route-table';
import { type ParsedCall, parseCall, proxyOfCall } from './call.ts';
import { addressOf, type Connection, gatewayConnection, outboundConnection } from './connection.ts';
import type { Call, Candidate, Explanation, Outcome } from './explanation.ts';
import { guardsOf } from './guards.ts';
import { nearestHosts, nearestMisses } from './nearest.ts';
import { describeOutcome } from './outcome.ts';
import { type ProxyTables, TableMaker } from './tables.ts';
import { workloadGuards } from './workload-guards.ts';
import type { World } from './world.ts';

/** Explains calls on what the control plane would give to each proxy. */
export class Explainer {
  private readonly maker: TableMaker;
  private readonly tables = new Map<string, ProxyTables>();
  /** By proxy, why EnvoyFilters could not be followed. */
  private readonly unpatched = new Map<string, string>();

  constructor(private readonly world: World) {
    this.maker = new TableMaker(world);
  }

  /** Throws MeshError where the call has no source or is no URL. */
  explain(call: Call): Explanation {
    const { proxy, pod } = proxyOfCall(call, this.world);
    const explanation = explainOn(this.tablesOf(proxy), call, proxy, this.world);
    const unpatched = this.unpatched.get(proxy.id);
    return { ...explanation, ...this.guards(call, explanation, pod), ...(unpatched !== undefined && { unpatched }) };
  }

  /** Those of `explanation`, and those before the workloads that it leads to. */
  guards(call: Call, explanation: Explanation, caller: Pod | undefined): Pick<Explanation, 'guards'> {
    const later = workloadGuards(call, explanation, this.world, call.from === undefined ? undefined : caller, (proxy) =>
      this.tablesOf(proxy),
    );
    return { guards: [...explanation.guards, ...later] };
  }

  /** What the control plane would give to a proxy, decoded. */
  tablesOf(proxy: MeshProxy): ProxyTables {
    let tables = this.tables.get(proxy.id);
    if (tables === undefined) this.tables.set(proxy.id, (tables = this.made(proxy)));
    return tables;
  }

  /** A proxy that refuses what EnvoyFilters make of a resource keeps what it had: nearest to that is what there is without them. */
  private made(proxy: MeshProxy): ProxyTables {
    try {
      return this.maker.tablesOf(proxy);
    } catch (thrown) {
      if (!(thrown instanceof MeshError) || !this.world.json) throw thrown;
      this.unpatched.set(proxy.id, thrown.message);
      return new TableMaker({ snapshot: this.world.snapshot }).tablesOf(proxy);
    }
  }
}

/** Explains a call on the tables of one proxy, wherever they are from. Throws MeshError where the call is no URL. */
export function explainOn(tables: ProxyTables, call: Call, proxy: MeshProxy, world: World): Explanation {
  const parsed = parseCall(call);
  const { listeners } = tables;
  const connection =
    proxy.type === 'router'
      ? gatewayConnection(listeners, parsed, gatewayPorts(parsed.port, world))
      : outboundConnection(listeners, parsed, addressOf(parsed.host, proxy.namespace, world.snapshot));
  const base = {
    call: { from: call.from ?? 'outside', method: call.method, url: call.url },
    proxy: `${proxy.type} ${proxy.name}`,
    listener: connection?.listener.name,
    routeTable: undefined,
    virtualHost: undefined,
    candidates: connection?.candidates ?? [],
    guards: [],
    nearest: [],
    nearestHosts: [],
  };
  const filter = connection?.chain?.filters.at(-1);
  if (connection === undefined || filter === undefined) return { ...base, outcome: unheard(connection, proxy, parsed) };
  const visitor = { address: undefined, destination: { address: parsed.host, port: parsed.port } };
  const guardsFor = (request: RoutedRequest | undefined) =>
    connection.chain ? guardsOf(base.proxy, connection.chain, { ...visitor, request }) : [];
  if (filter.kind === 'tcp_proxy') return { ...base, guards: guardsFor(undefined), outcome: describeOutcome.tcp(filter.tcp, tables) };
  // Programs that know their proxy ask it for a tunnel to whatever is not HTTP.
  const tunnelled = parsed.protocol !== 'http' && proxy.type === 'sidecar';
  if (tunnelled && !filter.http.upgradeTypes.has('connect')) return { ...base, outcome: notHttp(connection, parsed) };
  const request = tunnelled
    ? { ...parsed.request, method: 'CONNECT', path: '', authority: formatAddress({ address: parsed.host, port: parsed.port }) }
    : parsed.request;
  const { routes } = filter.http;
  const table = routes.kind === 'inline' ? routes.table : tables.routeTable(routes.name);
  const normal = normalizePath(request.path, filter.http);
  if (normal.kind !== 'path') return { ...base, routeTable: table?.name, outcome: abnormal(normal) };
  return { ...base, guards: guardsFor(request), ...routed(table, { ...request, path: normal.path }, base.candidates, tables) };
}

type Routed = Pick<Explanation, 'routeTable' | 'virtualHost' | 'candidates' | 'outcome' | 'nearest' | 'nearestHosts'>;

function routed(table: RouteTable | undefined, request: RoutedRequest, before: readonly Candidate[], tables: ProxyTables): Routed {
  const host = table?.virtualHost(request.authority);
  const { candidates, route } = host === undefined ? { candidates: [], route: undefined } : tryRoutes(host, request);
  const stranger = host === undefined || host.domains.includes('*');
  return {
    routeTable: table?.name,
    virtualHost: host && { name: host.name, domains: host.domains },
    candidates: [...before, ...candidates],
    outcome: route === undefined ? missed(host, request.authority) : describeOutcome.http(route, request, tables),
    nearest: host === undefined || route !== undefined ? [] : nearestMisses(host, request),
    nearestHosts: stranger ? nearestHosts(table, request.authority) : [],
  };
}

function tryRoutes(host: VirtualHost, request: RoutedRequest): { candidates: Candidate[]; route: Route | undefined } {
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

/** The Service's port is what a client knows; the listener is on the pod's. */
function gatewayPorts(port: number, { services }: World): (number | string | undefined)[] {
  const service = services.find(({ metadata }) => metadata.name === 'istio-ingressgateway');
  return [service?.spec?.ports?.find((candidate) => candidate.port === port)?.targetPort, port];
}

/** What the connection manager answers before a route is looked for. */
function abnormal(normal: Exclude<NormalPath, { kind: 'path' }>): Outcome {
  if (normal.kind === 'reject') return { kind: 'direct', status: 400, body: '' };
  return { kind: 'redirect', status: 307, location: normal.path };
}

function unheard(connection: Connection | undefined, { type }: MeshProxy, { port, host }: ParsedCall): Outcome {
  const none = (message: string): Outcome => ({ kind: 'none', status: undefined, message });
  if (connection !== undefined) return none(`no filter chain of ${connection.listener.name} takes a connection for ${host}`);
  return none(type === 'router' ? `no Gateway server listens on port ${port} of the ingress gateway` : `nothing listens on port ${port}`);
}

/** The connection manager answers 400 to bytes that are no HTTP request. */
function notHttp({ listener }: Connection, { protocol, port }: ParsedCall): Outcome {
  const spoken = protocol === 'tls' ? 'TLS' : 'what is not HTTP';
  return { kind: 'none', status: 400, message: `${listener.name} speaks plain HTTP: ${spoken} is refused; is port ${port} the right one?` };
}

/** Envoy answers 404 where no virtual host or no route takes a request. */
function missed(host: VirtualHost | undefined, authority: string): Outcome {
  const message =
    host === undefined
      ? `no virtual host has the domain ${authority}`
      : `none of the ${host.routes.length} routes of ${host.name} takes it`;
  return { kind: 'none', status: 404, message };
}
