// The metadata of every object, and the object around a spec: Kubernetes' ObjectMeta.
import { type TObject, type TProperties, Type } from '@sinclair/typebox';
import { bool, message, opaque, stringMap, text, texts } from './field.ts';

const ownerReferenceSchema = message({ apiVersion: text, kind: text, name: text, uid: text, controller: bool, blockOwnerDeletion: bool }, [
  'apiVersion',
  'kind',
  'name',
  'uid',
]);

const metadataFields = {
  name: text,
  generateName: text,
  namespace: text,
  uid: text,
  resourceVersion: text,
  generation: Type.Integer(),
  creationTimestamp: text,
  deletionTimestamp: text,
  deletionGracePeriodSeconds: Type.Integer(),
  labels: stringMap,
  annotations: stringMap,
  ownerReferences: Type.Array(ownerReferenceSchema),
  finalizers: texts,
  managedFields: opaque,
  selfLink: text,
};

export const metadataOf = message(metadataFields, ['name']);

/** Of the pods that a template makes: the name is not known yet. */
export const templateMetaSchema = message(metadataFields);

/** The schema of a whole object: apiVersion, kind and metadata around the kind's own fields, which say themselves what is optional. */
export function objectSchema<K extends string, P extends TProperties>(kind: K, fields: P): TObject<ObjectFields<K, P>> {
  return Type.Object(
    { apiVersion: Type.String(), kind: Type.Literal(kind), metadata: metadataOf, ...fields },
    { additionalProperties: false },
  ) as unknown as TObject<ObjectFields<K, P>>;
}

type ObjectFields<K extends string, P extends TProperties> = {
  apiVersion: typeof text;
  kind: ReturnType<typeof Type.Literal<K>>;
  metadata: typeof metadataOf;
} & P;
