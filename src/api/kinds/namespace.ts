// Namespace of Kubernetes. Its labels switch injection on; its spec and status are carried, not read.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { message, text, texts } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';

const namespaceSchema = objectSchema('Namespace', {
  spec: Type.Optional(message({ finalizers: texts })),
  status: Type.Optional(message({ phase: text, conditions: conditionsSchema })),
});

export type Namespace = Static<typeof namespaceSchema>;

export const namespaceKind: Kind = {
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  group: '',
  versions: ['v1'],
  namespaced: false,
  schema: namespaceSchema,
};
