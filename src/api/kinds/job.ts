// Job of Kubernetes: pods that run until so many of them have succeeded.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, count, int32, message, opaque, openMessage, text } from '../schema/field.ts';
import { labelSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podTemplateSchema } from '../schema/pod-spec.ts';

export const jobSpecSchema = message(
  {
    parallelism: count,
    completions: count,
    backoffLimit: count,
    activeDeadlineSeconds: Type.Integer({ minimum: 0 }),
    ttlSecondsAfterFinished: count,
    completionMode: text,
    suspend: bool,
    manualSelector: bool,
    selector: labelSelectorSchema,
    template: podTemplateSchema,
    podFailurePolicy: opaque,
    podReplacementPolicy: text,
    backoffLimitPerIndex: int32,
    maxFailedIndexes: int32,
    successPolicy: opaque,
    managedBy: text,
  },
  ['template'],
);

const jobStatusSchema = openMessage({
  active: count,
  ready: count,
  succeeded: count,
  failed: count,
  startTime: text,
  completionTime: text,
  conditions: Type.Array(
    openMessage({ type: text, status: text, reason: text, message: text, lastTransitionTime: text }, ['type', 'status']),
  ),
});

const jobSchema = objectSchema('Job', { spec: jobSpecSchema, status: Type.Optional(jobStatusSchema) });

export type Job = Static<typeof jobSchema>;

export const jobKind: Kind = {
  kind: 'Job',
  plural: 'jobs',
  singular: 'job',
  shortNames: [],
  group: 'batch',
  versions: ['v1'],
  namespaced: true,
  schema: jobSchema,
};
