// ServiceEntry of Istio: a host that the registry does not know, inside or outside of the mesh.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, opaque, port, texts } from '../schema/field.ts';
import { workloadSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { workloadSchema } from '../schema/workload.ts';

const serviceEntrySpecSchema = message(
  {
    hosts: Type.Array(Type.String({ constraints: ['no-catch-all'] }), { minItems: 1, maxItems: 256 }),
    addresses: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 256 }),
    ports: Type.Array(
      message({ number: port, name: Type.String({ maxLength: 256 }), protocol: Type.String({ maxLength: 256 }), targetPort: port }, [
        'number',
        'name',
      ]),
      { maxItems: 256 },
    ),
    location: enumOf('MESH_EXTERNAL', 'MESH_INTERNAL'),
    resolution: enumOf('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
    endpoints: Type.Array(workloadSchema, { maxItems: 4096 }),
    workloadSelector: workloadSelectorSchema,
    exportTo: texts,
    subjectAltNames: texts,
  },
  ['hosts'],
  {
    atMostOne: ['workloadSelector', 'endpoints'],
    constraints: ['ranges-need-addresses', 'no-endpoints-unresolved', 'one-endpoint-round-robin'],
  },
);

const serviceEntrySchema = objectSchema('ServiceEntry', { spec: serviceEntrySpecSchema, status: Type.Optional(opaque) });

export type ServiceEntry = Static<typeof serviceEntrySchema>;

export const serviceEntryKind: Kind = {
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  singular: 'serviceentry',
  shortNames: ['se'],
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  namespaced: true,
  schema: serviceEntrySchema,
};
