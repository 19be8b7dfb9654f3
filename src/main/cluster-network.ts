// The machine's side of the pods' network: what of the machine is a Service of the cluster, its API among it; and what pods without a proxy
// need to reach Services, cluster IPs that lead somewhere and a server of names.
import type { Server } from 'node:net';
import { endpointSliceKind } from '#api/kinds/endpoint-slice';
import { serviceKind } from '#api/kinds/service';
import { kindOf } from '#api/registry';
import { DnsServer } from '#dns/dns-server';
import type { Forwarder } from '#dns/forwarder';
import { ReplyCache } from '#dns/reply-cache';
import { Resolver } from '#dns/resolver';
import { systemForwarder } from '#dns/system-forwarder';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import { apiService, apiServicePort } from '#host/api-access';
import { relayMachinePort } from '#host/capture/machine-relay';
import type { PodNetworks } from '#host/capture/pod-network';
import type { ServiceRoutes } from '#host/capture/service-table';
import { ClusterServices } from '#host/cluster-services';
import { EventRecorder } from '#host/event-recorder';
import { type MachinePort, machinePortLabel, machineService } from '#host/machine-service';
import { NodePorts } from '#host/node-ports';
import { type NetworkAddress, ownNetwork } from '#net/network';
import { applyObject } from '#store/apply';
import type { Store } from '#store/store';

const dnsPort = 53;
const loopback = '127.0.0.1';

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
  private readonly nodePorts: NodePorts;
  private names: DnsServer | undefined;
  private readonly relays: Server[] = [];

  constructor(private readonly options: ClusterNetworkOptions) {
    const { networks, logger } = options;
    const events = new EventRecorder(options);
    this.nodePorts = new NodePorts({
      ...options,
      way: networks.way,
      failed: (key, message) => {
        const service = this.services.service(key);
        if (service) events.record(service, 'Warning', 'NodePortNotOpen', message);
      },
    });
    const failed = (thrown: unknown) => logger.warn({ error: messageOf(thrown) }, 'cluster IPs do not lead where they should');
    const changed = (routes: ServiceRoutes) => {
      this.nodePorts.set(routes);
      networks.setServices(routes).catch(failed);
    };
    this.services = new ClusterServices({ ...options, changed });
  }

  /** Resolves to where programs in pods find the API. Throws MeshError `MACHINE_PORT`. */
  async start({ apiPort, machinePorts }: { apiPort: number; machinePorts: readonly MachinePort[] }): Promise<NetworkAddress> {
    const { mode } = this.options.networks;
    await this.publishMachinePorts(machinePorts);
    const api = await this.publishApi(apiPort);
    this.services.start();
    // In loopback mode nobody has a network that it could be on without being in the mesh.
    if (mode !== 'loopback') await this.answerNames();
    return api;
  }

  close(): void {
    this.services.stop();
    this.nodePorts.close();
    this.names?.close();
    for (const relay of this.relays) relay.close();
  }

  /** Those of a former run go, where they are not asked for again. */
  private async publishMachinePorts(machinePorts: readonly MachinePort[]): Promise<void> {
    const { store, networks } = this.options;
    for (const kind of [serviceKind, endpointSliceKind]) {
      for (const { metadata } of (await store.list(kind, { labelSelector: machinePortLabel })).items) {
        await store.delete(kind, metadata.namespace ?? '', metadata.name);
      }
    }
    for (const machinePort of machinePorts) {
      const relay = await relayMachinePort(networks.machineAddress, machinePort.port, networks.way);
      if (relay) this.relays.push(relay);
      for (const object of machineService(machinePort, networks.machineAddress)) {
        await applyObject(store, kindOf(object.apiVersion, object.kind)!, object);
      }
    }
  }

  private async publishApi(port: number): Promise<NetworkAddress> {
    const { store, networks } = this.options;
    const { mode, machineAddress, serviceNetwork } = networks;
    const isHere = mode === 'loopback';
    const relay = isHere ? undefined : await relayMachinePort(machineAddress, port);
    if (relay) this.relays.push(relay);
    const at = { address: isHere ? loopback : machineAddress, port };
    const clusterIP = `${serviceNetwork}.0.1`;
    for (const object of apiService(at, clusterIP)) {
      const { name, namespace = '' } = object.metadata;
      const kind = kindOf(object.apiVersion, object.kind)!;
      // Of a former run, when the cluster's addresses may have been others.
      if (await store.get(kind, namespace, name)) await store.delete(kind, namespace, name);
      await store.create(object);
    }
    return isHere ? at : { address: clusterIP, port: apiServicePort };
  }

  /** Where port 53 is taken pods without a proxy know no names; the rest works. */
  private async answerNames(): Promise<void> {
    const { clock, random, networks, logger, forwarder = systemForwarder({ clock, random }) } = this.options;
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
}
