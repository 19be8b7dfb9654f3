// PeerAuthentication of Istio: whether workloads take mutual TLS, plain text or both.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, opaque } from '../schema/field.ts';
import { matchLabelsSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';

const mtlsSchema = message({ mode: enumOf('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') });

const peerAuthenticationSpecSchema = message(
  {
    selector: matchLabelsSelectorSchema,
    mtls: mtlsSchema,
    portLevelMtls: Type.Record(Type.String(), mtlsSchema, { constraints: ['port-keys'] }),
  },
  [],
  { constraints: ['ports-need-labels'] },
);

const peerAuthenticationSchema = objectSchema('PeerAuthentication', {
  spec: Type.Optional(peerAuthenticationSpecSchema),
  status: Type.Optional(opaque),
});

export type PeerAuthentication = Static<typeof peerAuthenticationSchema>;

export const peerAuthenticationKind: Kind = {
  kind: 'PeerAuthentication',
  plural: 'peerauthentications',
  singular: 'peerauthentication',
  shortNames: ['pa'],
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  namespaced: true,
  schema: peerAuthenticationSchema,
};
