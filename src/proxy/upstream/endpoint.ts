// One address of a cluster, with its connections and counters, which outlive the updates that leave the address in place.
import type { EndpointConfig, EndpointHealth } from '#proxy/config/cluster';
import { formatAddress, place, type SocketAddress, splitAuthority } from '#proxy/config/socket-address';
import { AlpnPool } from './alpn-pool.ts';
import type { ReportedLoad } from './balance/reported-load.ts';
import { EndpointStats } from './cluster-stats.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { HttpPool } from './http-pool.ts';
import { Http2Pool } from './http2-pool.ts';
import type { Verdict } from './judging.ts';
import type { EndpointMonitor } from './outlier/host-monitor.ts';
import { type AlpnOffers, offerTo, type TlsOffer } from './tls-offer.ts';
import type { UpstreamContext } from './upstream-context.ts';

/** Of one endpoint: listeners ask for few, and who calls it by names of requests knows it by few. */
const offersMax = 64;

export class Endpoint {
  readonly stats = new EndpointStats();
  private http1: ConnectionPool | undefined;
  private http2: Http2Pool | undefined;
  /** Where TLS says which of the two. */
  private auto: AlpnPool | undefined;
  /** Connections that say something else in TLS than the cluster does, by what. */
  private readonly offering = new Map<string, HttpPool>();
  /** As xDS names it. */
  readonly name: string;
  /** Where it is on this machine. */
  readonly target: SocketAddress;
  /** No longer in its cluster: its connections finish what they have, and end. */
  removed = false;
  /** There when the cluster detects outliers: is told how every try went. */
  monitor: EndpointMonitor | undefined;
  /** There when what it reports of itself counts. */
  load: ReportedLoad | undefined;
  /** There when endpoints are asked how they are. */
  checked: Verdict['checked'];
  /** When it last became available: slow start counts from there. */
  availableSinceMs: number;
  private wasSick = false;

  constructor(
    readonly context: UpstreamContext,
    public config: EndpointConfig,
  ) {
    this.name = formatAddress(config.address);
    this.availableSinceMs = context.clock.now();
    this.target = { address: place(context.placement, config.address.address), port: config.address.port };
  }

  /** What balancing goes by: the worst that anybody says of it. */
  get health(): EndpointHealth {
    const { config, checked } = this;
    if (this.monitor?.ejected || checked?.health === 'unhealthy' || config.health === 'unhealthy') return 'unhealthy';
    return checked?.health === 'degraded' ? 'degraded' : config.health;
  }

  /** To be called when its health may have changed: who was sick starts slowly again. */
  noteHealth(): void {
    const sick = this.health === 'unhealthy';
    if (this.wasSick && !sick) this.availableSinceMs = this.context.clock.now();
    this.wasSick = sick;
  }

  /**
   * The connections that speak what the cluster wants, or what the request itself came by. In TLS, `offers` is what they are to offer, and
   * `authority` of the request, whom they call, where the cluster leaves it to them.
   */
  pool(downstreamHttp2: boolean, offers?: AlpnOffers, authority?: string): HttpPool {
    const { protocol, keepsAlpn, autoSni } = this.context.config;
    const server =
      autoSni && authority !== undefined && this.context.tlsFor(this.config) ? splitAuthority(authority, 0).address : undefined;
    if (protocol === 'auto' && this.context.tlsFor(this.config) !== undefined) return this.agreeingPool(server);
    const isHttp2 = protocol === 'http2' || (protocol === 'downstream' && downstreamHttp2);
    const said = keepsAlpn ? undefined : isHttp2 ? offers?.http2 : offers?.http1;
    const offer = server === undefined ? said : offerTo(server.toLowerCase(), said, isHttp2 ? 'http2' : 'http1');
    if (offer !== undefined)
      return this.offeringPool(offer, () => (isHttp2 ? new Http2Pool(this, offer) : new ConnectionPool(this, offer)));
    if (isHttp2) return (this.http2 ??= new Http2Pool(this));
    return (this.http1 ??= new ConnectionPool(this));
  }

  private agreeingPool(server: string | undefined): HttpPool {
    if (server === undefined) return (this.auto ??= new AlpnPool(this));
    return this.offeringPool(offerTo(server.toLowerCase(), undefined, 'auto'), () => new AlpnPool(this, server.toLowerCase()));
  }

  private offeringPool({ key }: TlsOffer, make: () => HttpPool): HttpPool {
    let pool = this.offering.get(key);
    if (pool === undefined) {
      pool = make();
      if (this.offering.size >= offersMax) this.dropOffering();
      this.offering.set(key, pool);
    }
    return pool;
  }

  private *pools(): Iterable<HttpPool> {
    for (const pool of [this.http1, this.http2, this.auto]) if (pool !== undefined) yield pool;
    yield* this.offering.values();
  }

  /** Those that wait in one that is drained are served there still. */
  private dropOffering(): void {
    for (const pool of this.offering.values()) pool.drain();
    this.offering.clear();
  }

  /** Connections made from now on are as the cluster says now; those that there are finish what they have. */
  renew(): void {
    for (const pool of this.pools()) pool.drain();
  }

  /** Takes no new requests; connections end as they fall idle. */
  drain(): void {
    this.removed = true;
    this.renew();
  }

  /** Ends every connection, at once. */
  close(): void {
    for (const pool of this.pools()) pool.close();
  }
}
