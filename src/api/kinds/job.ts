// Job of Kubernetes: pods that run until so many of them have succeeded.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { bool, count, int32, message, opaqueObjects, text, texts } from '../schema/field.ts';
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
    podFailurePolicy: message({ rules: opaqueObjects }, ['rules']),
    podReplacementPolicy: text,
    backoffLimitPerIndex: int32,
    maxFailedIndexes: int32,
    successPolicy: message({ rules: opaqueObjects }, ['rules']),
    managedBy: text,
  },
  ['template'],
);

const jobStatusSchema = message({
  active: count,
  ready: count,
  succeeded: count,
  failed: count,
  startTime: text,
  completionTime: text,
  terminating: count,
  completedIndexes: text,
  failedIndexes: text,
  uncountedTerminatedPods: message({ succeeded: texts, failed: texts }),
  conditions: conditionsSchema,
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
