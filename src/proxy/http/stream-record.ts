// What is known of one exchange over HTTP: the two heads, the route that was chosen, what came of it and when. Routing, filters, access logs,
// metrics and traces read it; stream.ts, which moves the messages, writes it.
import { chooseCluster, type Route, type WeightedCluster } from '#proxy/route/route';
import type { RouteFilter } from '#proxy/route/route-filter';
import type { RouteTable } from '#proxy/route/route-table';
import type { PeerMetadata, ProxiedExchange } from '#proxy/runtime';
import type { AlpnOffers } from '#proxy/upstream/tls-offer';
import type { ExchangeTrace } from '#telemetry/exchange';
import { type ResponseFlag, responseFlag } from '#telemetry/response-flags';
import type { ConnectionManager, DownstreamConnection } from './connection-manager.ts';
import { forwardedAddress } from './edge-headers.ts';
import { type FieldList, fieldOf, type RequestHead, type ResponseHead } from './head.ts';

/** An endpoint in the place of the one that balancing would choose. */
export interface HostOverride {
  /** `ip:port` */
  readonly address: string;
  /** Where it cannot serve, none does. */
  readonly strict: boolean;
}

export abstract class StreamRecord implements ProxiedExchange {
  requestProtocol: 'http' | 'grpc' = 'http';
  request!: RequestHead;
  response: ResponseHead | undefined;
  protected responseTrailers: FieldList = [];
  originalPath = '';
  route: Route | undefined;
  /** The version of the routes that this stream began with; it keeps it to its end. */
  routes: RouteTable | undefined;
  status = 0;
  flags: ResponseFlag = responseFlag.none;
  details = '';
  readonly startMs: number;
  readonly startWallMs: number;
  durationMs = 0;
  requestMs = -1;
  responseFirstByteMs = -1;
  upstreamServiceMs = -1;
  bytesReceived = 0;
  bytesSent = 0;
  upstreamHost = '';
  upstreamLocal = '';
  upstreamCluster = '';
  upstreamFailure = '';
  upstreamProtocol = '';
  localReplyBody = '';
  trace: ExchangeTrace | undefined;
  attempts = 0;
  /** A filter's word on what TLS to the upstream offers. */
  alpnOffers: AlpnOffers | undefined;
  /** A filter's word on where the first try goes. */
  hostOverride: HostOverride | undefined;
  /** The choice among the route's clusters. */
  weightedCluster: WeightedCluster | undefined;
  service: ProxiedExchange['service'];
  workload = '';
  downstreamPeer: PeerMetadata | undefined;
  upstreamPeer: PeerMetadata | undefined;
  connectionTerminationDetails = '';
  private metadata: Map<string, Readonly<Record<string, unknown>>> | undefined;

  constructor(
    readonly manager: ConnectionManager,
    readonly connection: DownstreamConnection,
    /** `HTTP/1.1` */
    readonly protocol: string,
    /** The client takes us for its proxy: the target named where to go. */
    readonly explicitProxy: boolean,
  ) {
    const { clock } = manager.runtime;
    this.startMs = clock.now();
    this.startWallMs = clock.wallMs();
  }

  elapsed(): number {
    return this.manager.runtime.clock.now() - this.startMs;
  }

  /** What the route says of the filter of that name: the weighted cluster first. */
  routeFilter(name: string): RouteFilter | undefined {
    const { route } = this;
    if (route === undefined) return undefined;
    const { action } = route;
    if (action.kind === 'forward' && action.clusterFilters) {
      this.weightedCluster ??= chooseCluster(action, this.manager.runtime.random.next());
      const found = this.weightedCluster.filters.get(name);
      if (found !== undefined) return found;
    }
    return route.filters.get(name);
  }

  /** After a change of what routes look at. */
  chooseRouteAgain(): void {
    this.weightedCluster = undefined;
    this.route = this.routes?.route(this, this.manager.runtime.random);
  }

  /** Envoy's dynamic metadata: what a filter has found out, for those behind it and for access logs. */
  setMetadata(namespace: string, values: Readonly<Record<string, unknown>>): void {
    const metadata = (this.metadata ??= new Map());
    metadata.set(namespace, { ...metadata.get(namespace), ...values });
  }

  allMetadata(): Iterable<readonly [namespace: string, values: Readonly<Record<string, unknown>>]> {
    return this.metadata ?? [];
  }

  metadataOf(namespace: string): Readonly<Record<string, unknown>> | undefined {
    return this.metadata?.get(namespace);
  }

  get method(): string {
    return this.request.method;
  }

  get path(): string {
    return this.request.path;
  }

  get authority(): string {
    return this.request.authority;
  }

  get scheme(): string {
    return this.request.scheme;
  }

  header(name: string): string | undefined {
    return this.request.header(name);
  }

  /** The choice is made now if it was not before. */
  get destinationCluster(): string {
    const action = this.route?.action;
    if (action?.kind !== 'forward') return '';
    this.weightedCluster ??= chooseCluster(action, this.manager.runtime.random.next());
    return this.weightedCluster.name;
  }

  get routeName(): string {
    return this.route?.name ?? '';
  }

  get operation(): string {
    return this.route?.operation ?? '';
  }

  get virtualHost(): string {
    return this.route?.virtualHost ?? '';
  }

  /** At an edge, and where nobody says otherwise, the connection's own; else who the last proxy says it was. */
  get clientAddress(): string {
    const { connection, manager } = this;
    const { useRemoteAddress, skipXffAppend, trustedHops } = manager.config;
    if (useRemoteAddress && trustedHops === 0) return connection.remoteAddress;
    // At an edge the connection's own address has been appended.
    const fromEnd = useRemoteAddress && skipXffAppend ? trustedHops - 1 : trustedHops;
    return forwardedAddress(this.request.header('x-forwarded-for'), fromEnd) ?? connection.remoteAddress;
  }

  get downstreamRemote(): string {
    return `${this.connection.remoteAddress}:${this.connection.remotePort}`;
  }

  get downstreamLocal(): string {
    return `${this.connection.localAddress}:${this.connection.localPort}`;
  }

  get requestedServerName(): string {
    return this.connection.serverName;
  }

  requestHeader(name: string): string | undefined {
    return fieldOf(this.request, name);
  }

  responseHeader(name: string): string | undefined {
    if (name === ':status') return String(this.status);
    return this.response?.header(name) ?? this.responseTrailer(name);
  }

  responseTrailer(name: string): string | undefined {
    return this.responseTrailers.find((trailer) => trailer[0] === name)?.[1];
  }
}
