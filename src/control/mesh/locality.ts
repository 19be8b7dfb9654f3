// What localities mean to rules: topology as labels, and patterns of localities. `region/zone/subzone`.
import { regionLabel, subzoneLabel, zoneLabel } from '#api/locality';

type Labels = Readonly<Record<string, string>>;

/** Labels with those that a locality stands for; what the labels say themselves goes before. */
export function withTopology(labels: Labels, locality: string): Labels {
  const [region, zone, subzone] = locality.split('/');
  return {
    ...(region && { [regionLabel]: region }),
    ...(zone && { [zoneLabel]: zone }),
    ...(subzone && { [subzoneLabel]: subzone }),
    ...labels,
  };
}

/** `pattern`: `region/zone/subzone`, in which `*` is anything, as is what is left away. */
export function localityMatches(locality: string, pattern: string): boolean {
  const parts = locality.split('/');
  return pattern.split('/').every((wanted, i) => wanted === '*' || wanted === (parts[i] ?? '') || (i > 0 && wanted === ''));
}
