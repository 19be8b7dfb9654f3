// Ring hash: endpoints stand on a ring of hashes, each in many places; a request goes to the first at or behind its own hash. When an
// endpoint goes, its requests move, and few others. Envoy's sizes and order (Ketama), so that any Envoy finds the same endpoint.
import type { Word64 } from '#codec/hash/word64';
import { xxHash64 } from '#codec/hash/xxhash64';
import type { LoadBalancerConfig } from '#proxy/config/load-balancer';
import type { Endpoint } from '../endpoint.ts';
import type { Candidate, Picker } from './picker.ts';

export class RingHash implements Picker {
  /** Ascending; the upper 53 bits of each hash, which are as good as all 64 and fit a number. */
  private readonly places: Float64Array;
  private readonly endpoints: readonly Endpoint[];

  constructor(candidates: readonly Candidate[], config: Extract<LoadBalancerConfig, { kind: 'ring_hash' }>) {
    const counts = placesOf(candidates, config);
    const entries = candidates.flatMap(({ endpoint }, i) =>
      Array.from({ length: counts[i]! }, (_, n) => ({ endpoint, place: placeOf(xxHash64(Buffer.from(`${endpoint.name}_${n}`))) })),
    );
    entries.sort((a, b) => a.place - b.place);
    this.places = Float64Array.from(entries, ({ place }) => place);
    this.endpoints = entries.map(({ endpoint }) => endpoint);
  }

  pick(hash: Word64, attempt: number): Endpoint {
    const { places, endpoints } = this;
    const wanted = placeOf(hash);
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return endpoints[(low + attempt) % endpoints.length]!;
  }
}

function placeOf({ high, low }: Word64): number {
  return high * 2_097_152 + (low >>> 11);
}

/** How many places each candidate gets: so many that the one with the least has a whole number of them, and the ring its least size. */
function placesOf(candidates: readonly Candidate[], { ringSizeMin, ringSizeMax }: { ringSizeMin: number; ringSizeMax: number }): number[] {
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
  const least = Math.min(...candidates.map(({ weight }) => weight / total));
  const scale = Math.min(Math.ceil(least * ringSizeMin) / least, ringSizeMax);
  let given = 0;
  let target = 0;
  return candidates.map(({ weight }) => {
    target += (scale * weight) / total;
    const count = Math.max(0, Math.ceil(target - given));
    given += count;
    return count;
  });
}
