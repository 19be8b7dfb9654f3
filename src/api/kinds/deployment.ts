// Deployment of Kubernetes: so many pods of one template.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, count, int32, message, opaque, openMessage } from '../schema/field.ts';
import { labelSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podTemplateSchema } from '../schema/pod-spec.ts';

const deploymentSpecSchema = message(
  {
    replicas: count,
    selector: labelSelectorSchema,
    template: podTemplateSchema,
    strategy: opaque,
    minReadySeconds: int32,
    revisionHistoryLimit: int32,
    progressDeadlineSeconds: int32,
    paused: bool,
  },
  ['selector', 'template'],
);

const deploymentStatusSchema = openMessage({
  observedGeneration: Type.Integer(),
  replicas: count,
  updatedReplicas: count,
  readyReplicas: count,
  availableReplicas: count,
  unavailableReplicas: count,
  conditions: opaque,
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
