// Capture mode `loopback`: pods share the machine's network namespace, and are told apart by addresses of 127/8. Nothing is redirected:
// programs are told where to listen, and to go out by HTTP_PROXY.
import type { Pod } from '#api/kinds/pod';
import { isGateway, isInjected } from '../injection.ts';
import { LoopbackBlock } from './loopback-block.ts';
import type { PodNetwork, PodNetworks } from './pod-network.ts';

/** Of the proxy's listener for programs that go out by it. */
export const httpProxyPort = 15_001;

export class LoopbackNetworks implements PodNetworks {
  readonly mode = 'loopback';

  private constructor(private readonly block: LoopbackBlock) {}

  /** Throws MeshError `ADDRESS_BLOCKS` when all addresses are taken. */
  static async claim(): Promise<LoopbackNetworks> {
    return new LoopbackNetworks(await LoopbackBlock.claim());
  }

  attach(pod: Pod): PodNetwork {
    const addresses = this.block.allocate();
    const program = isInjected(pod) ? addresses.loopback : addresses.pod;
    return {
      addresses,
      proxy: {
        placement: { wildcard: addresses.pod, loopback: addresses.loopback },
        namespace: undefined,
        metadata: isGateway(pod) ? {} : { INTERCEPTION_MODE: 'NONE', HTTP_PROXY_PORT: String(httpProxyPort) },
      },
      environment: {
        APP_ADDRESS: program,
        HOST: program,
        ...(isInjected(pod) && outboundProxy(`http://${addresses.loopback}:${httpProxyPort}`, program)),
      },
      probe: { host: program },
      open: () => Promise.resolve(),
      inside: (command) => command,
      close: async () => this.block.release(addresses),
    };
  }

  close(): Promise<void> {
    return this.block.close();
  }
}

/** Programs look for them in both spellings. */
function outboundProxy(proxy: string, own: string): Record<string, string> {
  const noProxy = ['localhost', '127.0.0.1', own].join(',');
  return { HTTP_PROXY: proxy, http_proxy: proxy, HTTPS_PROXY: proxy, https_proxy: proxy, NO_PROXY: noProxy, no_proxy: noProxy };
}
