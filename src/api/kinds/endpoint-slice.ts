// EndpointSlice of Kubernetes: some of the addresses behind the Service that its label kubernetes.io/service-name names.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, enumOf, message, port, stringMap, text, texts } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { objectReferenceSchema } from '../schema/object-reference.ts';

const sliceEndpointSchema = message(
  {
    addresses: texts,
    conditions: message({ ready: bool, serving: bool, terminating: bool }),
    hostname: text,
    targetRef: objectReferenceSchema,
    nodeName: text,
    zone: text,
    hints: message({ forZones: Type.Array(message({ name: text }, ['name'])), forNodes: Type.Array(message({ name: text }, ['name'])) }),
    deprecatedTopology: stringMap,
  },
  ['addresses'],
);

const endpointSliceSchema = objectSchema('EndpointSlice', {
  addressType: enumOf('IPv4', 'IPv6', 'FQDN'),
  endpoints: Type.Array(sliceEndpointSchema, { maxItems: 1000 }),
  ports: Type.Optional(
    Type.Array(message({ name: text, port, protocol: enumOf('TCP', 'UDP', 'SCTP'), appProtocol: text }), { maxItems: 100 }),
  ),
});

export type EndpointSlice = Static<typeof endpointSliceSchema>;

export const endpointSliceKind: Kind = {
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  singular: 'endpointslice',
  shortNames: [],
  group: 'discovery.k8s.io',
  versions: ['v1'],
  namespaced: true,
  schema: endpointSliceSchema,
};
