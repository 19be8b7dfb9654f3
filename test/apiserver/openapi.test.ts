// OpenAPI documents: what clients that explain, check and patch by them must find there, in JSON and in gnostic's protobuf.
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { customKind } from '#api/custom-kind';
import { KindCatalog } from '#api/kind-catalog';
import { OpenApiDocuments } from '#apiserver/openapi/documents';

interface Node {
  properties: Record<string, Node>;
  items?: Node;
  additionalProperties?: Node;
  description?: string;
  'x-kubernetes-group-version-kind'?: { kind: string }[];
  [key: string]: unknown;
}

const documents = new OpenApiDocuments(new KindCatalog());
const v2 = JSON.parse(documents.v2().toString()) as { definitions: Record<string, Node>; paths: object };
const served = new KindCatalog().kinds.flatMap((kind) => kind.versions.map((version) => ({ group: kind.group, version, kind: kind.kind })));

/** The definition of a kind in the version 2. */
const definitionOf = (kind: string) =>
  Object.values(v2.definitions).find((definition) => definition['x-kubernetes-group-version-kind']?.[0]?.kind === kind)!;

/** What is at a path of fields, through lists. */
function at(kind: string, path: string): Node {
  return path.split('.').reduce<Node>((node, name) => (node.items ?? node).properties[name]!, definitionOf(kind));
}

test('every version of every kind has a definition with fields and a sentence', () => {
  const found = Object.values(v2.definitions).flatMap((definition) => definition['x-kubernetes-group-version-kind'] ?? []);
  expect(found).toEqual(served);
  const poor = Object.entries(v2.definitions).filter(
    ([, { description, properties }]) => !description || Object.keys(properties).length < 3,
  );
  expect(poor).toEqual([]);
});

test('version 2 says nothing that kubectl 1.20 cannot read', () => {
  const strange: string[] = [];
  const walk = (node: Node, place: string) => {
    if (Array.isArray(node['type']) || 'allOf' in node || 'oneOf' in node) strange.push(place);
    for (const [name, part] of Object.entries(node.properties ?? {})) walk(part, `${place}.${name}`);
    for (const part of [node.items, node.additionalProperties]) if (part) walk(part, `${place}.*`);
  };
  for (const [name, definition] of Object.entries(v2.definitions)) walk(definition, name);
  expect(strange).toEqual([]);
});

test.each([
  ['Deployment', 'spec.replicas', { type: 'integer', description: 'How many pods there are to be.' }],
  ['Deployment', 'spec.template.metadata', { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
  ['Deployment', 'spec.template.spec.containers', { 'x-kubernetes-patch-merge-key': 'name', 'x-kubernetes-patch-strategy': 'merge' }],
  ['Pod', 'spec.containers.ports', { 'x-kubernetes-list-map-keys': ['containerPort', 'protocol'] }],
  ['Service', 'spec.ports', { 'x-kubernetes-patch-merge-key': 'port', 'x-kubernetes-list-type': 'map' }],
  ['Service', 'spec.ports.targetPort', { type: 'string', format: 'int-or-string' }],
  ['Service', 'spec.externalTrafficPolicy', { enum: ['Cluster', 'Local'], description: 'One of Cluster, Local.' }],
  ['VirtualService', 'spec.http.retries.attempts', { type: 'integer', description: 'How often it is sent again.' }],
  ['EnvoyFilter', 'spec.configPatches.patch.value', { type: 'object' }],
])('%s %s', (kind, path, expected) => {
  expect(at(kind, path)).toMatchObject(expected);
});

describe('a kind that a definition adds', () => {
  const catalog = new KindCatalog();
  const custom = new OpenApiDocuments(catalog);
  const place = 'apis/stable.example.com/v1';
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          size: { type: 'integer', description: 'In litres.' },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { known: { type: 'string' } } },
          port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        },
      },
    },
  };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'tanks.stable.example.com' },
    spec: {
      ...{ group: 'stable.example.com', scope: 'Namespaced', names: { kind: 'Tank', plural: 'tanks' } },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };

  test('is in the documents as long as it is served', () => {
    expect(custom.v3(place)).toBeUndefined();
    catalog.define(customKind(definition)!);
    const v3 = JSON.parse(custom.v3(place)!.toString());
    const { spec } = v3.components.schemas['com.example.stable.v1.Tank'].properties;
    expect(spec.properties.size).toEqual({ type: 'integer', description: 'In litres.' });
    expect(Object.keys(spec.properties.free.properties)).toEqual(['known']);
    const old = JSON.parse(custom.v2().toString()).definitions['com.example.stable.v1.Tank'].properties.spec;
    expect(old.properties).toEqual({
      size: { type: 'integer', description: 'In litres.' },
      free: { type: 'object' },
      port: expect.objectContaining({ type: 'string', format: 'int-or-string' }),
    });
    catalog.forget('tanks.stable.example.com');
    expect(custom.v3(place)).toBeUndefined();
    expect(custom.v2().includes('Tank')).toBe(false);
  });
});

/** The parts of a protobuf message by field number: bytes of what has a length. */
function partsOf(bytes: Uint8Array): [number, Uint8Array][] {
  const reader = new BinaryReader(bytes);
  const parts: [number, Uint8Array][] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === 2) parts.push([field, reader.bytes()]);
    else reader.skip(wire);
  }
  return parts;
}
const part = (bytes: Uint8Array, field: number) =>
  partsOf(bytes)
    .filter(([number]) => number === field)
    .map(([, value]) => value);
const textAt = (bytes: Uint8Array, field: number) => part(bytes, field).map((value) => Buffer.from(value).toString());

test('the protobuf says the same', () => {
  const document = documents.v2Protobuf();
  const definitions = part(part(document, 9)[0]!, 1).map((entry) => [textAt(entry, 1)[0]!, part(entry, 2)[0]!] as const);
  expect(definitions.map(([name]) => name)).toEqual(Object.keys(v2.definitions));
  const names = (schema: Uint8Array) => part(schema, 25).flatMap((all) => part(all, 1).flatMap((entry) => textAt(entry, 1)));
  for (const [name, schema] of definitions) expect(names(schema)).toEqual(Object.keys(v2.definitions[name]!.properties));
  const pod = definitions.find(([name]) => name === 'io.k8s.api.core.v1.Pod')![1];
  const [extension] = part(pod, 31);
  expect([textAt(extension!, 1), textAt(part(extension!, 2)[0]!, 2).map((text) => JSON.parse(text))]).toEqual([
    ['x-kubernetes-group-version-kind'],
    [[{ group: '', version: 'v1', kind: 'Pod' }]],
  ]);
  const places = part(part(document, 8)[0]!, 2).flatMap((entry) => textAt(entry, 1));
  expect(places).toEqual(Object.keys(v2.paths).filter((path) => path.endsWith('{name}')));
});

test('a document is made once', () => {
  expect(documents.v2Protobuf()).toBe(documents.v2Protobuf());
});
