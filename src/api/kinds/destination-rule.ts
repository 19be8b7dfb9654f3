// DestinationRule of Istio: the subsets of a host, and how clients balance, pool and guard their traffic to it.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { message, opaque, stringMap, text, texts } from '../schema/field.ts';
import { matchLabelsSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { trafficPolicySchema } from '../schema/traffic-policy.ts';

const subsetSchema = message({ name: text, labels: stringMap, trafficPolicy: trafficPolicySchema }, ['name']);

const destinationRuleSpecSchema = message(
  {
    host: text,
    trafficPolicy: trafficPolicySchema,
    subsets: Type.Array(subsetSchema),
    exportTo: texts,
    workloadSelector: matchLabelsSelectorSchema,
  },
  ['host'],
);

const destinationRuleSchema = objectSchema('DestinationRule', { spec: destinationRuleSpecSchema, status: Type.Optional(opaque) });

export type DestinationRule = Static<typeof destinationRuleSchema>;
export type Subset = Static<typeof subsetSchema>;
export type TrafficPolicy = Static<typeof trafficPolicySchema>;

export const destinationRuleKind: Kind = {
  kind: 'DestinationRule',
  plural: 'destinationrules',
  singular: 'destinationrule',
  shortNames: ['dr'],
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  namespaced: true,
  schema: destinationRuleSchema,
};
