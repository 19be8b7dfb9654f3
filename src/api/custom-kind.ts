// A kind from a CustomResourceDefinition: its names, versions and columns, and its structural schema as one that checks objects here. Pure.
// The reverse of custom-resource-definition.ts.
import { type TSchema, Type } from '@sinclair/typebox';
import { isPlainObject } from './json.ts';
import type { ApiObject, Column, Kind } from './kind.ts';
import { metadataOf } from './schema/metadata.ts';

type Node = Record<string, unknown>;

/** Undefined where the definition lacks what names a kind. */
export function customKind(definition: ApiObject): Kind | undefined {
  const spec = node((definition as ApiObject & { spec?: unknown }).spec);
  const names = node(spec['names']);
  const { kind, plural, singular, shortNames } = names;
  const served = nodes(spec['versions']).filter((version) => version['served'] !== false && typeof version['name'] === 'string');
  if (typeof kind !== 'string' || typeof plural !== 'string' || typeof spec['group'] !== 'string' || served.length === 0) return undefined;
  // Objects are kept in the version that is stored, whatever version they come in.
  const [stored = {}] = [...served].sort((a, b) => Number(b['storage'] === true) - Number(a['storage'] === true));
  return {
    kind,
    plural,
    singular: typeof singular === 'string' ? singular : kind.toLowerCase(),
    shortNames: Array.isArray(shortNames) ? shortNames.map(String) : [],
    group: spec['group'],
    versions: [stored, ...served.filter((version) => version !== stored)].map((version) => String(version['name'])),
    namespaced: spec['scope'] !== 'Cluster',
    schema: objectSchema(node(node(stored['schema'])['openAPIV3Schema'])),
    validated: node(node(stored['schema'])['openAPIV3Schema']),
    defaulted: (object) => withSchemaDefaults(node(node(stored['schema'])['openAPIV3Schema']), object) as ApiObject,
    columns: nodes(stored['additionalPrinterColumns'])
      .filter(({ jsonPath }) => jsonPath !== '.metadata.creationTimestamp')
      .map(columnOf),
  };
}

const node = (value: unknown): Node => (isPlainObject(value) ? value : {});
const nodes = (value: unknown): Node[] => (Array.isArray(value) ? value.map(node) : []);

function objectSchema(schema: Node): TSchema {
  const { properties, required, ...rest } = checked(schema);
  const own = { apiVersion: Type.String(), kind: Type.String(), metadata: metadataOf };
  const needed = new Set(['apiVersion', 'kind', 'metadata', ...((required as string[] | undefined) ?? [])]);
  const open = schema['properties'] === undefined;
  return Type.Unsafe({
    ...rest,
    type: 'object',
    properties: { ...node(properties), ...own },
    required: [...needed],
    additionalProperties: open || rest['additionalProperties'] === true,
  });
}

const copied = [
  'type',
  'enum',
  'pattern',
  'required',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
];

/** What of a structural schema is checked here; rules in CEL are the API server's. A field that no schema names is unknown, unless unknown ones are kept. */
function checked(schema: Node): Node {
  const result: Node = Object.fromEntries(copied.flatMap((key) => (key in schema ? [[key, schema[key]]] : [])));
  if (schema['x-kubernetes-int-or-string'] === true) return { type: ['integer', 'string'] };
  if (schema['x-kubernetes-embedded-resource'] === true) return { type: 'object' };
  if (schema['nullable'] === true && typeof result['type'] === 'string') result['type'] = [result['type'], 'null'];
  if (isPlainObject(schema['items'])) result['items'] = checked(schema['items']);
  if (isPlainObject(schema['properties'])) {
    result['properties'] = Object.fromEntries(Object.entries(schema['properties']).map(([name, part]) => [name, checked(node(part))]));
    result['additionalProperties'] = schema['x-kubernetes-preserve-unknown-fields'] === true;
  } else if (isPlainObject(schema['additionalProperties'])) result['additionalProperties'] = checked(schema['additionalProperties']);
  return result;
}

/** The object with the defaults of its definition, where a field that has one is left out. */
function withSchemaDefaults(schema: Node, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => withSchemaDefaults(node(schema['items']), element));
  if (!isPlainObject(value)) return value;
  const properties = Object.entries(node(schema['properties']));
  const filled = properties.flatMap(([name, part]) => {
    const given = value[name] ?? structuredClone(node(part)['default']);
    return given === undefined ? [] : [[name, withSchemaDefaults(node(part), given)]];
  });
  return { ...value, ...Object.fromEntries(filled) };
}

/** Simple paths alone: `.spec.hosts`, `.status.conditions[0].type`, `.status.conditions[?(@.type=="Ready")].status`. */
function columnOf({ name, jsonPath, priority }: Node): Column {
  const steps = [...String(jsonPath).matchAll(/\.([\w-]+)|\[(\d+)\]|\[\?\(@\.([\w-]+)==["']([^"']*)["']\)\]/g)];
  return {
    title: String(name).toUpperCase(),
    wide: typeof priority === 'number' && priority > 0,
    cell: (object) => {
      let at: unknown = object;
      for (const [, field, index, key, wanted] of steps) {
        if (field !== undefined) at = node(at)[field];
        else if (index !== undefined) at = Array.isArray(at) ? at[Number(index)] : undefined;
        else at = nodes(at).find((element) => element[key ?? ''] === wanted);
      }
      if (at === undefined || at === null) return '<none>';
      return typeof at === 'string' ? at : JSON.stringify(at);
    },
  };
}
