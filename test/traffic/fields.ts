// The fields of a kind's spec, from its schema: what the traffic tables have to show.
import type { TSchema } from '@sinclair/typebox';
import type { Kind } from '#api/kind';

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
}

/** Paths of the leaves: `VirtualService http[].match[].uri.exact`; `*` stands for a map's keys. */
export function fieldsOf({ kind, schema }: Kind): string[] {
  const spec = (schema as TSchema & Schema).properties?.['spec'];
  return spec ? [...leaves(spec, '')].map((path) => `${kind} ${path}`) : [];
}

function* leaves({ properties, items, patternProperties, additionalProperties }: Schema, path: string): Iterable<string> {
  const inner = patternProperties
    ? Object.values(patternProperties)[0]
    : typeof additionalProperties === 'object'
      ? additionalProperties
      : undefined;
  if (items?.properties) yield* leaves(items, `${path}[]`);
  else if (properties && Object.keys(properties).length > 0)
    for (const [name, schema] of Object.entries(properties)) yield* leaves(schema, path === '' ? name : `${path}.${name}`);
  else if (inner?.properties) yield* leaves(inner, `${path}.*`);
  else yield path;
}

/** Messages that stand at several places: their fields count once, wherever they stand. Where they stand is a field of its own. */
const shared: readonly (readonly [place: RegExp, name: string])[] = [
  [/^DestinationRule (?:subsets\[\]\.)?trafficPolicy\.portLevelSettings\[\]\.(?!port\.)/, 'TrafficPolicy '],
  [/^DestinationRule (?:subsets\[\]\.)?trafficPolicy\.(?!portLevelSettings)/, 'TrafficPolicy '],
  [/^DestinationRule subsets\[\]\.trafficPolicy\.(portLevelSettings)/, 'DestinationRule trafficPolicy.$1'],
  [/^Sidecar (ingress\[\]\.connectionPool|inboundConnectionPool)\..*/, 'Sidecar $1'],
  [/^Sidecar ingress\[\]\.tls\./, 'Gateway servers[].tls.'],
];

/** What a field is called in the tables. */
export function sharedName(field: string): string {
  for (const [place, name] of shared) if (place.test(field)) return field.replace(place, name);
  return field;
}

/** The other way round: where a field of the tables may stand. */
export function placesOf(field: string): string[] {
  const rest = /^TrafficPolicy (.*)$/.exec(field)?.[1];
  if (rest === undefined) return [field];
  return ['trafficPolicy', 'trafficPolicy.portLevelSettings[]', 'subsets[].trafficPolicy'].map(
    (place) => `DestinationRule ${place}.${rest}`,
  );
}

/** Whether an object has the field, somewhere. */
export function hasField(object: { kind: string; spec?: unknown }, field: string): boolean {
  const [kind, path = ''] = field.split(' ', 2);
  return object.kind === kind && holds(object.spec, path === '' ? [] : path.replaceAll('[]', '.[]').split('.'));
}

function holds(value: unknown, path: readonly string[]): boolean {
  const [segment, ...rest] = path;
  if (segment === undefined) return value !== undefined;
  if (typeof value !== 'object' || value === null) return false;
  if (segment === '[]') return Array.isArray(value) && value.some((each) => holds(each, rest));
  if (segment === '*') return Object.values(value).some((each) => holds(each, rest));
  return holds((value as Record<string, unknown>)[segment], rest);
}
