// Capture mode `loopback`: pods share the machine's network namespace, and are told apart by addresses of 127/8, one for the pod, one that
// stands for its loopback. Nothing is redirected: programs are told where to listen, and to go out by HTTP_PROXY.
import type { Server } from 'node:net';
import type { Pod } from '#api/kinds/pod';
import { MeshError } from '#foundation/mesh-error';
import { isGateway, isInjected } from '../injection.ts';
import { claimAddress } from './address-claim.ts';
import { AddressPool } from './address-pool.ts';
import { ConnectionRelay } from './connection-relay.ts';
import type { PodNetwork, PodNetworks } from './pod-network.ts';

/** A block is a pair of second octets, so that several Lateens run side by side. */
const firstOctet = 64;
const blockCount = 32;
/** Of the proxy's listener for programs that go out by it. */
export const httpProxyPort = 15_001;

export class LoopbackNetworks implements PodNetworks {
  readonly mode = 'loopback';
  readonly way = new ConnectionRelay();
  readonly serviceNetwork = '10.96';
  private readonly pool = new AddressPool();

  private constructor(
    private readonly octet: number,
    private readonly claim: Server,
  ) {}

  /** Claims the first free block. Throws MeshError `ADDRESS_BLOCKS` when all are taken. */
  static async claim(): Promise<LoopbackNetworks> {
    for (let block = 0; block < blockCount; block++) {
      const octet = firstOctet + block * 2;
      const claim = await claimAddress(`127.${octet}.255.254`);
      if (claim !== undefined) return new LoopbackNetworks(octet, claim);
    }
    throw new MeshError('ADDRESS_BLOCKS', `all ${blockCount} blocks of loopback addresses are taken`, {
      hint: 'another process holds port 15099 of 127.64.255.254 to 127.126.255.254: stop a Lateen that is no longer needed',
    });
  }

  /** No pod has it, and it is not 127.0.0.1, which every pod has for itself. */
  get machineAddress(): string {
    return `127.${this.octet}.255.253`;
  }

  /** Cluster IPs are names for proxies here. */
  setServices(): Promise<void> {
    return Promise.resolve();
  }

  attach(pod: Pod): PodNetwork {
    const tail = this.pool.take();
    const addresses = { pod: `127.${this.octet}.${tail}`, loopback: `127.${this.octet + 1}.${tail}` };
    const program = isInjected(pod) ? addresses.loopback : addresses.pod;
    return {
      addresses,
      proxy: {
        placement: { wildcard: addresses.pod, loopback: addresses.loopback },
        namespace: undefined,
        names: undefined,
        metadata: isGateway(pod) ? {} : { INTERCEPTION_MODE: 'NONE', HTTP_PROXY_PORT: String(httpProxyPort) },
      },
      environment: {
        APP_ADDRESS: program,
        HOST: program,
        ...(isInjected(pod) && outboundProxy(`http://${addresses.loopback}:${httpProxyPort}`, program)),
      },
      probe: { host: program },
      problems: [],
      mounts: false,
      open: () => Promise.resolve(),
      inside: (command) => command,
      close: async () => this.pool.giveBack(tail),
    };
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.claim.close(() => resolve()));
  }
}

/** Programs look for them in both spellings. */
function outboundProxy(proxy: string, own: string): Record<string, string> {
  const noProxy = ['localhost', '127.0.0.1', own].join(',');
  return { HTTP_PROXY: proxy, http_proxy: proxy, HTTPS_PROXY: proxy, https_proxy: proxy, NO_PROXY: noProxy, no_proxy: noProxy };
}
