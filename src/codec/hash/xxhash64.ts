// xxHash64 as its specification (github.com/Cyan4973/xxHash) defines it: what Envoy hashes requests and endpoints with, so that both send a
// key to the same endpoint.
import { Word64 } from './word64.ts';

const prime1 = new Word64(0x9e3779b1, 0x85ebca87);
const prime2 = new Word64(0xc2b2ae3d, 0x27d4eb4f);
const prime3 = new Word64(0x165667b1, 0x9e3779f9);
const prime4 = new Word64(0x85ebca77, 0xc2b2ae63);
const prime5 = new Word64(0x27d4eb2f, 0x165667c5);

/** `seed`: below 2^32. */
export function xxHash64(bytes: Buffer, seed = 0): Word64 {
  const { length } = bytes;
  const hash = length >= 32 ? stripes(bytes, seed) : new Word64(0, seed).add(prime5.high, prime5.low);
  hash.add(0, length);
  const lane = new Word64();
  let i = length - (length % 32);
  for (; i + 8 <= length; i += 8) {
    round(lane.set(0, 0), bytes, i);
    hash.xor(lane.high, lane.low).rotateLeft(27).multiply(prime1.high, prime1.low).add(prime4.high, prime4.low);
  }
  if (i + 4 <= length) {
    lane.set(0, bytes.readUInt32LE(i)).multiply(prime1.high, prime1.low);
    hash.xor(lane.high, lane.low).rotateLeft(23).multiply(prime2.high, prime2.low).add(prime3.high, prime3.low);
    i += 4;
  }
  for (; i < length; i++) {
    lane.set(0, bytes[i]!).multiply(prime5.high, prime5.low);
    hash.xor(lane.high, lane.low).rotateLeft(11).multiply(prime1.high, prime1.low);
  }
  return hash.xorShiftRight(33).multiply(prime2.high, prime2.low).xorShiftRight(29).multiply(prime3.high, prime3.low).xorShiftRight(32);
}

/** What is 32 bytes or longer goes through four lanes side by side. */
function stripes(bytes: Buffer, seed: number): Word64 {
  const lane1 = new Word64(0, seed).add(prime1.high, prime1.low).add(prime2.high, prime2.low);
  const lane2 = new Word64(0, seed).add(prime2.high, prime2.low);
  const lane3 = new Word64(0, seed);
  // seed - prime1, in two's complement.
  const lane4 = new Word64(0, seed).add(~prime1.high >>> 0, ~prime1.low >>> 0).add(0, 1);
  const lanes = [lane1, lane2, lane3, lane4] as const;
  for (let i = 0; i + 32 <= bytes.length; i += 32) for (const [n, lane] of lanes.entries()) round(lane, bytes, i + n * 8);
  const hash = new Word64();
  const rotations = [1, 7, 12, 18] as const;
  for (const [n, lane] of lanes.entries()) {
    const part = new Word64(lane.high, lane.low).rotateLeft(rotations[n]!);
    hash.add(part.high, part.low);
  }
  for (const { high, low } of lanes) {
    const merged = new Word64(high, low).multiply(prime2.high, prime2.low).rotateLeft(31).multiply(prime1.high, prime1.low);
    hash.xor(merged.high, merged.low).multiply(prime1.high, prime1.low).add(prime4.high, prime4.low);
  }
  return hash;
}

function round(lane: Word64, bytes: Buffer, at: number): void {
  const input = new Word64(bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at)).multiply(prime2.high, prime2.low);
  lane.add(input.high, input.low).rotateLeft(31).multiply(prime1.high, prime1.low);
}
