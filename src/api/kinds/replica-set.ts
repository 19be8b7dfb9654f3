// ReplicaSet of Kubernetes: so many pods of one state of a template. A Deployment has one for each of its revisions.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { count, int32, message } from '../schema/field.ts';
import { labelSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podTemplateSchema } from '../schema/pod-spec.ts';

const replicaSetSpecSchema = message(
  { replicas: count, selector: labelSelectorSchema, template: podTemplateSchema, minReadySeconds: int32 },
  ['selector', 'template'],
);

const replicaSetStatusSchema = message({
  replicas: count,
  fullyLabeledReplicas: count,
  readyReplicas: count,
  availableReplicas: count,
  observedGeneration: Type.Integer(),
  terminatingReplicas: count,
  conditions: conditionsSchema,
});

const replicaSetSchema = objectSchema('ReplicaSet', { spec: replicaSetSpecSchema, status: Type.Optional(replicaSetStatusSchema) });

export type ReplicaSet = Static<typeof replicaSetSchema>;

export const replicaSetKind: Kind = {
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  group: 'apps',
  versions: ['v1'],
  namespaced: true,
  schema: replicaSetSchema,
};
