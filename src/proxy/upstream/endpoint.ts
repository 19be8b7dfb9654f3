// One address of a cluster, with its connections and counters, which outlive the updates that leave the address in place.
import type { EndpointConfig } from '#proxy/config/cluster';
import { formatAddress, place, type SocketAddress } from '#proxy/config/socket-address';
import { EndpointStats } from './cluster-stats.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { UpstreamContext } from './upstream-context.ts';

export class Endpoint {
  readonly stats = new EndpointStats();
  readonly pool: ConnectionPool;
  /** As xDS names it. */
  readonly name: string;
  /** Where it is on this machine. */
  readonly target: SocketAddress;
  /** No longer in its cluster: its connections finish what they have, and end. */
  removed = false;
  /** For weighted round robin: what this one is owed. */
  currentWeight = 0;

  constructor(
    readonly context: UpstreamContext,
    public config: EndpointConfig,
  ) {
    this.name = formatAddress(config.address);
    this.target = { address: place(context.placement, config.address.address), port: config.address.port };
    this.pool = new ConnectionPool(this);
  }

  /** Takes no new requests; connections end as they fall idle. */
  drain(): void {
    this.removed = true;
    this.pool.drain();
  }
}
