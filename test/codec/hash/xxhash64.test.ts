// xxHash64 against a second reading of its specification in BigInt, and against published values.
import { expect, test } from 'vitest';
import { Word64 } from '#codec/hash/word64';
import { xxHash64 } from '#codec/hash/xxhash64';
import { SeededRandom } from '#foundation/random';

test.each([
  ['', 0, 'ef46db3751d8e999'],
  ['a', 0, 'd24ec4f1a98c6e5b'],
  ['abc', 0, '44bc2cf5ad770999'],
  ['foo', 0, '33bf00a859c4ba3f'],
  ['xxhash', 0, '32dd38952c4bc720'],
  ['xxhash', 20141025, 'b559b98d844e0635'],
  ['I want an unsigned 64-bit seed!', 0, 'd4cb0a70a2b8c7c1'],
])('%j with seed %d', (text, seed, hex) => {
  expect(xxHash64(Buffer.from(text), seed).toHex()).toBe(hex);
});

const mask = (1n << 64n) - 1n;
const p1 = 0x9e3779b185ebca87n;
const p2 = 0xc2b2ae3d27d4eb4fn;
const p3 = 0x165667b19e3779f9n;
const p4 = 0x85ebca77c2b2ae63n;
const p5 = 0x27d4eb2f165667c5n;
const rotate = (word: bigint, bits: bigint) => ((word << bits) | (word >> (64n - bits))) & mask;
const step = (lane: bigint, input: bigint) => (rotate((lane + input * p2) & mask, 31n) * p1) & mask;

function reference(bytes: Buffer, seed: bigint): string {
  let hash = (seed + p5) & mask;
  let i = 0;
  if (bytes.length >= 32) {
    let lanes = [seed + p1 + p2, seed + p2, seed, seed - p1].map((lane) => lane & mask);
    for (; i + 32 <= bytes.length; i += 32) lanes = lanes.map((lane, n) => step(lane, bytes.readBigUInt64LE(i + n * 8)));
    hash = lanes.reduce((sum, lane, n) => sum + rotate(lane, [1n, 7n, 12n, 18n][n]!), 0n) & mask;
    for (const lane of lanes) hash = ((hash ^ step(0n, lane)) * p1 + p4) & mask;
  }
  hash = (hash + BigInt(bytes.length)) & mask;
  for (; i + 8 <= bytes.length; i += 8) hash = (rotate(hash ^ step(0n, bytes.readBigUInt64LE(i)), 27n) * p1 + p4) & mask;
  if (i + 4 <= bytes.length) {
    hash = (rotate(hash ^ ((BigInt(bytes.readUInt32LE(i)) * p1) & mask), 23n) * p2 + p3) & mask;
    i += 4;
  }
  for (; i < bytes.length; i++) hash = (rotate(hash ^ ((BigInt(bytes[i]!) * p5) & mask), 11n) * p1) & mask;
  hash = ((hash ^ (hash >> 33n)) * p2) & mask;
  hash = ((hash ^ (hash >> 29n)) * p3) & mask;
  return (hash ^ (hash >> 32n)).toString(16).padStart(16, '0');
}

test('any bytes of any length up to 200 hash as the reference does', () => {
  const random = new SeededRandom(64);
  for (let length = 0; length <= 200; length++) {
    const bytes = Buffer.from(Array.from({ length }, () => Math.floor(random.next() * 256)));
    const seed = Math.floor(random.next() * 4_294_967_296);
    expect(xxHash64(bytes, seed).toHex()).toBe(reference(bytes, BigInt(seed)));
  }
});

test('a remainder is that of the whole word', () => {
  const random = new SeededRandom(9);
  for (let i = 0; i < 500; i++) {
    const word = new Word64(Math.floor(random.next() * 4_294_967_296), Math.floor(random.next() * 4_294_967_296));
    const divisor = 1 + Math.floor(random.next() * 5_000_011);
    expect(word.modulo(divisor)).toBe(Number(BigInt(`0x${word.toHex()}`) % BigInt(divisor)));
  }
});
