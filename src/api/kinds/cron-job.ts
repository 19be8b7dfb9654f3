// CronJob of Kubernetes: makes a Job at the times that its schedule says.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, count, message, text } from '../schema/field.ts';
import { objectSchema, templateMetaSchema } from '../schema/metadata.ts';
import { objectReferenceSchema } from '../schema/object-reference.ts';
import { jobSpecSchema } from './job.ts';

const cronJobSpecSchema = message(
  {
    schedule: text,
    timeZone: text,
    concurrencyPolicy: text,
    suspend: bool,
    startingDeadlineSeconds: Type.Integer({ minimum: 0 }),
    successfulJobsHistoryLimit: count,
    failedJobsHistoryLimit: count,
    jobTemplate: message({ metadata: templateMetaSchema, spec: jobSpecSchema }, ['spec']),
  },
  ['schedule', 'jobTemplate'],
);

const cronJobStatusSchema = message({ active: Type.Array(objectReferenceSchema), lastScheduleTime: text, lastSuccessfulTime: text });

const cronJobSchema = objectSchema('CronJob', { spec: cronJobSpecSchema, status: Type.Optional(cronJobStatusSchema) });

export type CronJob = Static<typeof cronJobSchema>;

export const cronJobKind: Kind = {
  kind: 'CronJob',
  plural: 'cronjobs',
  singular: 'cronjob',
  shortNames: ['cj'],
  group: 'batch',
  versions: ['v1'],
  namespaced: true,
  schema: cronJobSchema,
};
