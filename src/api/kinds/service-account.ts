// ServiceAccount of Kubernetes: the name under which a workload is known to others.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, opaque } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';

const serviceAccountSchema = objectSchema('ServiceAccount', {
  secrets: Type.Optional(opaque),
  imagePullSecrets: Type.Optional(opaque),
  automountServiceAccountToken: Type.Optional(bool),
});

/** @public */
export type ServiceAccount = Static<typeof serviceAccountSchema>;

export const serviceAccountKind: Kind = {
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: serviceAccountSchema,
};
