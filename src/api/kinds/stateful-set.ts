// StatefulSet of Kubernetes: pods with names that stay, `<set>-0` and on.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { count, int32, intOrString, message, opaqueObjects, text } from '../schema/field.ts';
import { labelSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podTemplateSchema } from '../schema/pod-spec.ts';

const statefulSetSpecSchema = message(
  {
    replicas: count,
    selector: labelSelectorSchema,
    template: podTemplateSchema,
    serviceName: text,
    podManagementPolicy: text,
    updateStrategy: message({ type: text, rollingUpdate: message({ partition: int32, maxUnavailable: intOrString }) }),
    revisionHistoryLimit: int32,
    minReadySeconds: int32,
    volumeClaimTemplates: opaqueObjects,
    persistentVolumeClaimRetentionPolicy: message({ whenDeleted: text, whenScaled: text }),
    ordinals: message({ start: int32 }),
  },
  ['selector', 'template'],
);

const statefulSetStatusSchema = message({
  observedGeneration: Type.Integer(),
  replicas: count,
  readyReplicas: count,
  currentReplicas: count,
  updatedReplicas: count,
  availableReplicas: count,
  currentRevision: text,
  updateRevision: text,
  collisionCount: count,
  conditions: conditionsSchema,
});

const statefulSetSchema = objectSchema('StatefulSet', { spec: statefulSetSpecSchema, status: Type.Optional(statefulSetStatusSchema) });

export type StatefulSet = Static<typeof statefulSetSchema>;

export const statefulSetKind: Kind = {
  kind: 'StatefulSet',
  plural: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
  group: 'apps',
  versions: ['v1'],
  namespaced: true,
  schema: statefulSetSchema,
};
