// ServiceAccount of Kubernetes: the name under which a workload is known to others.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, message, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { objectReferenceSchema } from '../schema/object-reference.ts';

const serviceAccountSchema = objectSchema('ServiceAccount', {
  secrets: Type.Optional(Type.Array(objectReferenceSchema)),
  imagePullSecrets: Type.Optional(Type.Array(message({ name: text }))),
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
