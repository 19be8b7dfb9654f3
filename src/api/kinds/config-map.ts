// ConfigMap of Kubernetes: named texts, among them the mesh's own settings.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, stringMap } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';

const configMapSchema = objectSchema('ConfigMap', {
  data: Type.Optional(stringMap),
  binaryData: Type.Optional(stringMap),
  immutable: Type.Optional(bool),
});

export type ConfigMap = Static<typeof configMapSchema>;

export const configMapKind: Kind = {
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: configMapSchema,
};
