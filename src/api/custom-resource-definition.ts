// Istio's kinds as Kubernetes' CustomResourceDefinitions, from the same schemas that check resources here. The schemas
// are structural: a type at every level, unknown fields only where the kind says so, rules in CEL.
import type { TSchema } from '@sinclair/typebox';
import type { Kind } from './kind.ts';
import { kinds } from './registry.ts';
import { type ConstraintName, constraints } from './schema/constraint.ts';

type Node = Record<string, unknown>;

interface Rule {
  rule: string;
  message: string;
}

export const istioKinds: readonly Kind[] = kinds.filter(({ group }) => group.endsWith('.istio.io'));

/** What `kubectl get` shows beside the name: title and JSON path. */
const printerColumns: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  AuthorizationPolicy: [['Action', '.spec.action']],
  DestinationRule: [['Host', '.spec.host']],
  PeerAuthentication: [['Mode', '.spec.mtls.mode']],
  ServiceEntry: [
    ['Hosts', '.spec.hosts'],
    ['Location', '.spec.location'],
    ['Resolution', '.spec.resolution'],
  ],
  VirtualService: [
    ['Gateways', '.spec.gateways'],
    ['Hosts', '.spec.hosts'],
  ],
  WorkloadEntry: [['Address', '.spec.address']],
};

/** One CustomResourceDefinition of apiextensions.k8s.io/v1; the kind's preferred version is the one that is stored. */
export function customResourceDefinition(kind: Kind): Node {
  const { group, plural, singular, shortNames, versions, namespaced } = kind;
  const names = { kind: kind.kind, listKind: `${kind.kind}List`, plural, singular, ...(shortNames.length > 0 && { shortNames }) };
  const columns = (printerColumns[kind.kind] ?? []).map(([name, jsonPath]) => ({ name, type: 'string', jsonPath }));
  const schema = { openAPIV3Schema: objectSchema(kind.schema as unknown as Node) };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema,
        subresources: { status: {} },
        additionalPrinterColumns: [...columns, { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
      })),
    },
  };
}

/** apiVersion, kind and metadata are Kubernetes' own. */
function objectSchema(schema: Node): Node {
  const { spec, status } = schema['properties'] as Record<string, Node>;
  const required = (schema['required'] as string[]).filter((name) => name === 'spec');
  return {
    type: 'object',
    properties: { spec: structuralSchema(spec ?? {}), status: { ...structuralSchema(status ?? {}), type: 'object' } },
    ...(required.length > 0 && { required }),
  };
}

const copied = [
  ...['type', 'format', 'enum', 'pattern', 'required', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'],
  ...['maxProperties', 'x-kubernetes-preserve-unknown-fields'],
];
/** Of our own; CEL says the same. */
const ownFormats = ['duration', 'duration-or-zero', 're2'];

/** The schema in the form of Kubernetes' definitions and OpenAPI documents. */
export function structuralSchema(schema: Node | TSchema): Node {
  const node: Node = Object.fromEntries(copied.flatMap((key) => (key in schema ? [[key, schema[key]]] : [])));
  if (ownFormats.includes(String(node['format']))) delete node['format'];
  if (node['type'] === undefined) return { 'x-kubernetes-preserve-unknown-fields': true };
  if (Array.isArray(node['type'])) return { 'x-kubernetes-int-or-string': true };
  const { properties, patternProperties, items } = schema as Record<string, Node | undefined>;
  if (properties)
    node['properties'] = Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, structuralSchema(part as Node)]));
  if (patternProperties) node['additionalProperties'] = structuralSchema(Object.values(patternProperties)[0] as Node);
  if (items) node['items'] = structuralSchema(items);
  const rules = rulesOf(schema);
  if (rules.length > 0) node['x-kubernetes-validations'] = rules;
  return node;
}

function rulesOf(schema: Node): Rule[] {
  const { format, atMostOne, exactlyOne } = schema as { format?: string; atMostOne?: string[]; exactlyOne?: string[] };
  const named = ((schema['constraints'] ?? []) as ConstraintName[]).map((name) => ({
    rule: constraints[name].rule,
    message: constraints[name].message,
  }));
  return [
    ...named,
    ...(atMostOne ? [{ rule: `${countOf(atMostOne)} <= 1`, message: `only one of ${atMostOne.join(', ')} can be set` }] : []),
    ...(exactlyOne ? [{ rule: `${countOf(exactlyOne)} == 1`, message: `exactly one of ${exactlyOne.join(', ')} must be set` }] : []),
    ...(format === 'duration' ? [{ rule: "duration(self) >= duration('1ms')", message: 'must be a duration of at least 1ms' }] : []),
    ...(format === 'duration-or-zero' ? [{ rule: "duration(self) >= duration('0s')", message: 'must be a duration' }] : []),
  ];
}

function countOf(names: readonly string[]): string {
  return names.map((name) => `(has(self.${name}) ? 1 : 0)`).join(' + ');
}
