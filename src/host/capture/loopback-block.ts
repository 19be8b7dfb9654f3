// Addresses of pods that share the machine's network namespace: one for the pod, one that stands for its loopback.
// A block is a second octet pair of 127/8, so that several Lateens run side by side; claiming it is holding a socket in it,
// which the kernel gives back when the process ends, however it ends.
import net from 'node:net';
import { MeshError } from '#foundation/mesh-error';
import type { PodAddresses } from './pod-network.ts';

const firstOctet = 64;
const blockCount = 32;
/** Hosts .2 to .251 of 250 third octets. */
const hostsPerThird = 250;
const podsMax = 250 * hostsPerThird;
const claimPort = 15_099;

export class LoopbackBlock {
  private readonly used = new Set<number>();
  private next = 0;

  private constructor(
    private readonly octet: number,
    private readonly claim: net.Server,
  ) {}

  /** Claims the first free block. Throws `ADDRESS_BLOCKS` when all are taken. */
  static async claim(): Promise<LoopbackBlock> {
    for (let block = 0; block < blockCount; block++) {
      const octet = firstOctet + block * 2;
      const server = await hold(`127.${octet}.255.254`);
      if (server !== undefined) return new LoopbackBlock(octet, server);
    }
    throw new MeshError('ADDRESS_BLOCKS', `all ${blockCount} blocks of loopback addresses are taken`, {
      hint: 'another process holds port 15099 of 127.64.255.254 to 127.126.255.254: stop a Lateen that is no longer needed',
    });
  }

  allocate(): PodAddresses {
    if (this.used.size >= podsMax) throw new MeshError('PODS_MAX', `this machine holds ${podsMax} pods at most`);
    while (this.used.has(this.next)) this.next = (this.next + 1) % podsMax;
    const index = this.next;
    this.used.add(index);
    this.next = (index + 1) % podsMax;
    const tail = `${Math.floor(index / hostsPerThird)}.${(index % hostsPerThird) + 2}`;
    return { pod: `127.${this.octet}.${tail}`, loopback: `127.${this.octet + 1}.${tail}` };
  }

  release({ pod }: PodAddresses): void {
    const [, , third, fourth] = pod.split('.').map(Number);
    this.used.delete(third! * hostsPerThird + fourth! - 2);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.claim.close(() => resolve()));
  }
}

function hold(address: string): Promise<net.Server | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host: address, port: claimPort, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}
