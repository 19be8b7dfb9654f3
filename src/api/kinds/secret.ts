// Secret of Kubernetes. `data` is base64; its values never reach a log or a message.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, stringMap, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';

const secretSchema = objectSchema('Secret', {
  data: Type.Optional(stringMap),
  stringData: Type.Optional(stringMap),
  type: Type.Optional(text),
  immutable: Type.Optional(bool),
});

export type Secret = Static<typeof secretSchema>;

export const secretKind: Kind = {
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  shortNames: [],
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: secretSchema,
};
