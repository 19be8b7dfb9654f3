// DaemonSet of Kubernetes: one pod on every node, and this machine is the only one.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { count, int32, intOrString, message, text } from '../schema/field.ts';
import { labelSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podTemplateSchema } from '../schema/pod-spec.ts';

const daemonSetSpecSchema = message(
  {
    selector: labelSelectorSchema,
    template: podTemplateSchema,
    updateStrategy: message({ type: text, rollingUpdate: message({ maxUnavailable: intOrString, maxSurge: intOrString }) }),
    minReadySeconds: int32,
    revisionHistoryLimit: int32,
  },
  ['selector', 'template'],
);

const daemonSetStatusSchema = message({
  observedGeneration: Type.Integer(),
  currentNumberScheduled: count,
  desiredNumberScheduled: count,
  numberMisscheduled: count,
  numberReady: count,
  numberAvailable: count,
  numberUnavailable: count,
  updatedNumberScheduled: count,
  collisionCount: count,
  conditions: conditionsSchema,
});

const daemonSetSchema = objectSchema('DaemonSet', { spec: daemonSetSpecSchema, status: Type.Optional(daemonSetStatusSchema) });

export type DaemonSet = Static<typeof daemonSetSchema>;

export const daemonSetKind: Kind = {
  kind: 'DaemonSet',
  plural: 'daemonsets',
  singular: 'daemonset',
  shortNames: ['ds'],
  group: 'apps',
  versions: ['v1'],
  namespaced: true,
  schema: daemonSetSchema,
};
