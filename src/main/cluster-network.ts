// What pods without a proxy, and the machine itself, need to reach Services: cluster IPs that lead somewhere, and a server of names on the
// machine's side of the pods' network.
import { DnsServer } from '#dns/dns-server';
import type { Forwarder } from '#dns/forwarder';
import { ReplyCache } from '#dns/reply-cache';
import { Resolver } from '#dns/resolver';
import { systemForwarder } from '#dns/system-forwarder';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import type { PodNetworks } from '#host/capture/pod-network';
import { ClusterServices } from '#host/cluster-services';
import { ownNetwork } from '#net/network';
import type { Store } from '#store/store';

const dnsPort = 53;

export interface ClusterNetworkOptions {
  store: Store;
  networks: PodNetworks;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** By this machine's resolvers when left out. */
  forwarder: Pick<Forwarder, 'ask'> | undefined;
}

export class ClusterNetwork {
  private readonly services: ClusterServices;
  private names: DnsServer | undefined;

  constructor(private readonly options: ClusterNetworkOptions) {
    const { networks, logger } = options;
    const failed = (thrown: unknown) => logger.warn({ error: messageOf(thrown) }, 'cluster IPs do not lead where they should');
    this.services = new ClusterServices({ ...options, changed: (routes) => void networks.setServices(routes).catch(failed) });
  }

  /** Where port 53 is taken pods without a proxy know no names; the rest works. */
  async start(): Promise<void> {
    const { clock, random, networks, logger, forwarder = systemForwarder({ clock, random }) } = this.options;
    this.services.start();
    const resolver = new Resolver({ clock, random, forwarder, cache: new ReplyCache(clock) });
    resolver.setNames(this.services);
    const names = new DnsServer({ resolver, network: ownNetwork });
    try {
      await names.listen({ address: networks.machineAddress, port: dnsPort });
      this.names = names;
    } catch (thrown) {
      logger.warn({ error: messageOf(thrown) }, 'pods without a proxy know no names: port 53 of the bridge cannot be had');
    }
  }

  close(): void {
    this.services.stop();
    this.names?.close();
  }
}
