// An unsigned word of 64 bits as two halves of 32: sums, products and rotations without BigInt, in place, without garbage.
// For hashes, which are made per request.

export class Word64 {
  constructor(
    /** Each half unsigned. */
    public high = 0,
    public low = 0,
  ) {}

  set(high: number, low: number): this {
    this.high = high >>> 0;
    this.low = low >>> 0;
    return this;
  }

  add(high: number, low: number): this {
    const sum = this.low + low;
    return this.set(this.high + high + (sum > 0xffffffff ? 1 : 0), sum);
  }

  xor(high: number, low: number): this {
    return this.set(this.high ^ high, this.low ^ low);
  }

  /** The low 64 bits of the product. */
  multiply(high: number, low: number): this {
    const a0 = this.low & 0xffff;
    const a1 = this.low >>> 16;
    const b0 = low & 0xffff;
    const b1 = low >>> 16;
    const bottom = a0 * b0;
    const middle = a1 * b0 + (bottom >>> 16);
    const upper = a0 * b1 + (middle % 65_536);
    const carried = a1 * b1 + Math.floor(middle / 65_536) + Math.floor(upper / 65_536);
    const crossed = Math.imul(this.high, low) + Math.imul(this.low, high);
    return this.set(carried + crossed, ((upper & 0xffff) << 16) | (bottom & 0xffff));
  }

  /** `bits` from 1 to 31. */
  rotateLeft(bits: number): this {
    const { high, low } = this;
    return this.set((high << bits) | (low >>> (32 - bits)), (low << bits) | (high >>> (32 - bits)));
  }

  /** `this ^= this >>> bits`, with `bits` from 1 to 63. */
  xorShiftRight(bits: number): this {
    const { high, low } = this;
    if (bits >= 32) return this.xor(0, high >>> (bits - 32));
    return this.xor(high >>> bits, (low >>> bits) | (high << (32 - bits)));
  }

  /** The remainder by a divisor below 2^26. */
  modulo(divisor: number): number {
    return ((this.high % divisor) * (4_294_967_296 % divisor) + this.low) % divisor;
  }

  toHex(): string {
    return this.high.toString(16).padStart(8, '0') + this.low.toString(16).padStart(8, '0');
  }
}
