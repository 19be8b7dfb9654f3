// Traffic among the localities of one priority, by their weights and by how many of their endpoints are fit: Envoy's locality weighted
// balancing. A locality without a weight gets none, unless none has any: then localities do not count.
import type { Random } from '#foundation/random';
import type { Endpoint } from '../endpoint.ts';
import type { Candidate, Picker } from './picker.ts';
import { availability } from './priority-load.ts';
import { WeightedSchedule } from './weighted-schedule.ts';

interface Locality {
  /** Of the locality, less for what of it is not fit; above 0. */
  weight: number;
  fit: Endpoint[];
  total: number;
}

type MakePicker = (candidates: readonly Candidate[]) => Picker;

/** First a locality, then an endpoint of it. */
export function pickerByLocality(fit: readonly Endpoint[], members: readonly Endpoint[], make: MakePicker, random: Random): Picker {
  const localities = weighted(fit, members).map(({ weight, fit: own }) => ({ weight, picker: make(byWeight(own)) }));
  const [only, second] = localities;
  if (only === undefined) return make(byWeight(fit));
  if (second === undefined) return only.picker;
  const schedule = new WeightedSchedule(localities, ({ weight }) => weight, random);
  return { pick: (hash, attempt) => schedule.next().picker.pick(hash, attempt) };
}

/** A hash must find its endpoint in one step: an endpoint's weight is its share of its locality's. */
export function hashedByLocality(fit: readonly Endpoint[], members: readonly Endpoint[], make: MakePicker): Picker {
  const candidates = weighted(fit, members).flatMap(({ weight, fit: own }) => {
    const sum = own.reduce((total, { config }) => total + config.weight, 0);
    return own.map((endpoint) => ({ endpoint, weight: (weight * endpoint.config.weight) / sum }));
  });
  return make(candidates.length === 0 ? byWeight(fit) : candidates);
}

export function byWeight(endpoints: readonly Endpoint[]): Candidate[] {
  return endpoints.map((endpoint) => ({ endpoint, weight: endpoint.config.weight }));
}

function weighted(fit: readonly Endpoint[], members: readonly Endpoint[]): Locality[] {
  const localities = new Map<string, Locality>();
  for (const { config } of members) {
    const locality = localities.get(config.locality);
    if (locality) locality.total++;
    else localities.set(config.locality, { weight: config.localityWeight, fit: [], total: 1 });
  }
  for (const endpoint of fit) localities.get(endpoint.config.locality)!.fit.push(endpoint);
  return [...localities.values()]
    .map((locality) => ({ ...locality, weight: locality.weight * availability(locality.fit.length, locality.total) }))
    .filter(({ weight }) => weight > 0);
}
