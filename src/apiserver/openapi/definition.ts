// One kind as OpenAPI describes it: fields with types and descriptions, and by which keys the elements of a list are the same, for clients
// that make patches by that. Pure. Version 2 knows less than version 3, and old kubectl refuses what is not to its taste.
import { structuralSchema } from '#api/custom-resource-definition';
import { isPlainObject } from '#api/json';
import type { Kind } from '#api/kind';
import { metadataOf } from '#api/schema/metadata';
import { listTypeOf } from '../list-types.ts';
import { describeField, describeKind } from './descriptions.ts';

export type Dialect = 'v2' | 'v3';
export type Node = Record<string, unknown>;

export const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** `io.istio.networking.v1.VirtualService`, `io.k8s.api.core.v1.Pod` */
export function definitionName({ group, kind }: Kind, version: string): string {
  const reversed = group.includes('.') ? group.split('.').reverse().join('.') : `io.k8s.api.${group === '' ? 'core' : group}`;
  return `${reversed}.${version}.${kind}`;
}

export const groupVersionKind = ({ group, kind }: Kind, version: string) => ({ group, version, kind });

export function definitionOf(kind: Kind, version: string, dialect: Dialect): Node {
  const schema = kind.validated ?? structuralSchema(kind.schema);
  const { properties, required, description, ...rest } = described({ kind, dialect }, schema as Node, []);
  const text = { type: 'string' };
  const own = Object.fromEntries(['apiVersion', 'kind'].map((name) => [name, { description: describeField(kind.kind, [name]), ...text }]));
  const needed = ((required as string[] | undefined) ?? []).filter((name) => !['apiVersion', 'kind', 'metadata'].includes(name));
  return {
    ...rest,
    description: describeKind(kind.kind) ?? description ?? `${kind.kind} of ${kind.group}.`,
    type: 'object',
    properties: { ...own, metadata: metadataReference(dialect), ...(properties as Node | undefined) },
    ...(needed.length > 0 && { required: needed }),
    'x-kubernetes-group-version-kind': [groupVersionKind(kind, version)],
  };
}

/** Kubernetes' ObjectMeta, which all kinds refer to. */
export function objectMetaDefinition(dialect: Dialect): Node {
  const { required: _, ...definition } = described({ kind: undefined, dialect }, structuralSchema(metadataOf), ['metadata']);
  return { ...definition, description: 'ObjectMeta is what every object has.' };
}

function metadataReference(dialect: Dialect): Node {
  const description = describeField('', ['metadata']);
  const place = dialect === 'v2' ? '#/definitions/' : '#/components/schemas/';
  const reference = { $ref: `${place}${objectMetaName}` };
  return dialect === 'v2' ? { description, ...reference } : { description, allOf: [reference] };
}

interface Context {
  /** Undefined: ObjectMeta. */
  kind: Kind | undefined;
  dialect: Dialect;
}

/** Of a definition, what says something to clients. CEL is the server's own matter. */
const told = [
  ...['type', 'format', 'enum', 'pattern', 'required', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'],
  ...['maxProperties', 'default', 'nullable', 'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-int-or-string'],
];
const unknownToV2 = ['nullable', 'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-int-or-string', 'default'];

/** `path` as for `describeField`. */
function described(context: Context, schema: Node, path: readonly string[]): Node {
  const { kind, dialect } = context;
  const node: Node = Object.fromEntries(told.flatMap((key) => (key in schema ? [[key, schema[key]]] : [])));
  const description = sentences(schema, describeField(kind?.kind ?? '', path));
  if (description !== undefined) node['description'] = description;
  if (schema['x-kubernetes-int-or-string'] === true) return { ...node, ...eitherType(dialect) };
  const { properties, items, additionalProperties } = schema;
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (dialect === 'v2') for (const key of unknownToV2) delete node[key];
  // A field that version 2 does not name is an error to old kubectl.
  if (isPlainObject(properties) && !(dialect === 'v2' && open)) {
    node['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, part]) => [name, field(context, part as Node, [...path, name])]),
    );
  }
  if (isPlainObject(additionalProperties)) node['additionalProperties'] = element(context, additionalProperties, path);
  if (isPlainObject(items)) Object.assign(node, { items: element(context, items, path) }, kind && listMarkers(kind, path));
  return node;
}

/** Of a list or a map, which is described itself. */
function element(context: Context, schema: Node, path: readonly string[]): Node {
  const { description: _, ...node } = described(context, schema, path);
  return node;
}

function field(context: Context, schema: Node, path: readonly string[]): Node {
  const isMetadata = path.at(-1) === 'metadata' && context.kind?.validated === undefined && isPlainObject(schema['properties']);
  return isMetadata ? metadataReference(context.dialect) : described(context, schema, path);
}

/** A custom kind's own words, else ours; and what values there are. */
function sentences(schema: Node, ours: string | undefined): string | undefined {
  const { description = ours, enum: words } = schema as { description?: string; enum?: unknown[] };
  const values = words && words.length > 1 ? `One of ${words.join(', ')}.` : undefined;
  return [description, values].filter((part) => part !== undefined && part !== '').join(' ') || undefined;
}

function eitherType(dialect: Dialect): Node {
  if (dialect === 'v2') return { type: 'string', format: 'int-or-string', 'x-kubernetes-int-or-string': undefined };
  return { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': undefined };
}

/** How clients merge the list (Kubernetes' `x-kubernetes-patch-*` and `x-kubernetes-list-*`). */
function listMarkers(kind: Kind, path: readonly string[]): Node {
  const type = listTypeOf(kind, path);
  if (type.kind === 'atomic') return {};
  if (type.kind === 'set') return { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
  return {
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': type.keys,
    'x-kubernetes-patch-merge-key': type.keys[0],
    'x-kubernetes-patch-strategy': 'merge',
  };
}
