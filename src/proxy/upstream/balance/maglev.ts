// Maglev: a table of fixed size that the endpoints fill in turns, each in an order of its own; a request's hash is a place in it. Faster
// than a ring, and nearly as steady when endpoints go. Envoy's table, so that any Envoy finds the same endpoint.
import type { Word64 } from '#codec/hash/word64';
import { xxHash64 } from '#codec/hash/xxhash64';
import type { LoadBalancerConfig } from '#proxy/config/load-balancer';
import type { Endpoint } from '../endpoint.ts';
import type { Candidate, Picker } from './picker.ts';

export class Maglev implements Picker {
  /** Which endpoint has each place. */
  private readonly table: Uint32Array;
  private readonly endpoints: readonly Endpoint[];

  constructor(candidates: readonly Candidate[], { tableSize }: Extract<LoadBalancerConfig, { kind: 'maglev' }>) {
    // By name: the table must not depend on the order in which endpoints came.
    const sorted = [...candidates].sort((a, b) => (a.endpoint.name < b.endpoint.name ? -1 : 1));
    this.endpoints = sorted.map(({ endpoint }) => endpoint);
    this.table = fill(sorted, tableSize);
  }

  pick(hash: Word64, attempt: number): Endpoint {
    return this.endpoints[this.table[(hash.modulo(this.table.length) + attempt) % this.table.length]!]!;
  }
}

const free = 0xffffffff;

/** In each round everybody takes the next free place of their own order; those with less weight sit out in proportion. */
function fill(candidates: readonly Candidate[], tableSize: number): Uint32Array {
  const table = new Uint32Array(tableSize).fill(free);
  const heaviest = Math.max(...candidates.map(({ weight }) => weight));
  const takers = candidates.map(({ endpoint, weight }, index) => {
    const key = Buffer.from(endpoint.name);
    return { index, weight, place: xxHash64(key).modulo(tableSize), skip: xxHash64(key, 1).modulo(tableSize - 1) + 1, due: 0 };
  });
  let left = tableSize;
  for (let round = 1; left > 0; round++) {
    for (const taker of takers) {
      if (left === 0) break;
      if (round * taker.weight < taker.due) continue;
      taker.due += heaviest;
      while (table[taker.place] !== free) taker.place = (taker.place + taker.skip) % tableSize;
      table[taker.place] = taker.index;
      left--;
    }
  }
  return table;
}
