// Traffic among the localities of one priority, by their weights and by how many of their endpoints are fit: Envoy's locality weighted
// balancing. A locality without a weight gets none.
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

/** First a locality, then an endpoint of it. Undefined when no locality has both a weight and fit endpoints. */
export function pickerByLocality(
  fit: readonly Endpoint[],
  members: readonly Endpoint[],
  make: MakePicker,
  random: Random,
): Picker | undefined {
  const localities = weighted(fit, members).map(({ weight, fit: own }) => ({
    weight,
    picker: make(own.map((endpoint) => ({ endpoint, weight: endpoint.config.weight }))),
  }));
  if (localities.length < 2) return localities[0]?.picker;
  const schedule = new WeightedSchedule(localities, ({ weight }) => weight, random);
  return { pick: (hash, attempt) => schedule.next().picker.pick(hash, attempt) };
}

/** A hash must find its endpoint in one step: an endpoint's weight is its share of its locality's. */
export function hashedByLocality(fit: readonly Endpoint[], members: readonly Endpoint[], make: MakePicker): Picker | undefined {
  const candidates = weighted(fit, members).flatMap(({ weight, fit: own }) => {
    const sum = own.reduce((total, { config }) => total + config.weight, 0);
    return own.map((endpoint) => ({ endpoint, weight: (weight * endpoint.config.weight) / sum }));
  });
  return candidates.length === 0 ? undefined : make(candidates);
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
