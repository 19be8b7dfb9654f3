// The last two octets of pods' addresses in a /16 of their own: .2 to .251 of 250 third octets. Pure.
import { MeshError } from '#foundation/mesh-error';

const hostsPerThird = 250;
const podsMax = 250 * hostsPerThird;

export class AddressPool {
  private readonly used = new Set<number>();
  private next = 0;

  /** `0.2`: one that is free, and was not free just now if others are. Throws MeshError `PODS_MAX`. */
  take(): string {
    if (this.used.size >= podsMax) throw new MeshError('PODS_MAX', `this machine holds ${podsMax} pods at most`);
    while (this.used.has(this.next)) this.next = (this.next + 1) % podsMax;
    const index = this.next;
    this.used.add(index);
    this.next = (index + 1) % podsMax;
    return `${Math.floor(index / hostsPerThird)}.${(index % hostsPerThird) + 2}`;
  }

  giveBack(tail: string): void {
    const [third = 0, fourth = 0] = tail.split('.').map(Number);
    this.used.delete(third * hostsPerThird + fourth - 2);
  }
}
