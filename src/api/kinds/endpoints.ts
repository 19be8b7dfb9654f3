// Endpoints of Kubernetes: the addresses behind a Service in one object (older than EndpointSlice).
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, port, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { objectReferenceSchema } from '../schema/object-reference.ts';

const addressSchema = message({ ip: text, hostname: text, nodeName: text, targetRef: objectReferenceSchema }, ['ip']);

const endpointSubsetSchema = message({
  addresses: Type.Array(addressSchema),
  notReadyAddresses: Type.Array(addressSchema),
  ports: Type.Array(message({ name: text, port, protocol: enumOf('TCP', 'UDP', 'SCTP'), appProtocol: text }, ['port'])),
});

const endpointsSchema = objectSchema('Endpoints', { subsets: Type.Optional(Type.Array(endpointSubsetSchema)) });

export type Endpoints = Static<typeof endpointsSchema>;

export const endpointsKind: Kind = {
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: endpointsSchema,
};
