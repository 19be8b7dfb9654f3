// Deployment of Kubernetes: so many pods of one template.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { bool, count, int32, intOrString, message, text } from '../schema/field.ts';
import { labelSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podTemplateSchema } from '../schema/pod-spec.ts';

const deploymentSpecSchema = message(
  {
    replicas: count,
    selector: labelSelectorSchema,
    template: podTemplateSchema,
    strategy: message({ type: text, rollingUpdate: message({ maxUnavailable: intOrString, maxSurge: intOrString }) }),
    minReadySeconds: int32,
    revisionHistoryLimit: int32,
    progressDeadlineSeconds: int32,
    paused: bool,
  },
  ['selector', 'template'],
);

const deploymentStatusSchema = message({
  observedGeneration: Type.Integer(),
  replicas: count,
  updatedReplicas: count,
  readyReplicas: count,
  availableReplicas: count,
  unavailableReplicas: count,
  terminatingReplicas: count,
  collisionCount: count,
  conditions: conditionsSchema,
});

const deploymentSchema = objectSchema('Deployment', { spec: deploymentSpecSchema, status: Type.Optional(deploymentStatusSchema) });

export type Deployment = Static<typeof deploymentSchema>;

export const deploymentKind: Kind = {
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  group: 'apps',
  versions: ['v1'],
  namespaced: true,
  schema: deploymentSchema,
};
