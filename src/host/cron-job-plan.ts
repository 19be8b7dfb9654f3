// What a CronJob asks of its Jobs: a new one when its time has come, unless the last one is still at it and may not be joined; and only so many
// of the past. Pure. A time that was missed while nothing ran is made up for once.
import type { CronJob } from '#api/kinds/cron-job';
import type { Job } from '#api/kinds/job';
import { lastScheduled } from './cron-schedule.ts';

export interface CronJobPlan {
  create: Job | undefined;
  delete: Job[];
  status: NonNullable<CronJob['status']>;
}

export function planCronJob(cron: CronJob, jobs: readonly Job[], nowMs: number): CronJobPlan {
  const { spec, metadata, status } = cron;
  const since = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? new Date(nowMs).toISOString());
  const due = spec.suspend === true ? undefined : lastScheduled(spec.schedule, since, nowMs);
  const tooLate = due !== undefined && spec.startingDeadlineSeconds !== undefined && nowMs - due > spec.startingDeadlineSeconds * 1000;
  const running = jobs.filter((job) => endOf(job) === undefined);
  const starts = due !== undefined && !tooLate && !(spec.concurrencyPolicy === 'Forbid' && running.length > 0);
  const ended = (type: string, keep: number) =>
    jobs
      .filter((job) => endOf(job) === type)
      .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
      .slice(keep);
  const replaced = starts && spec.concurrencyPolicy === 'Replace' ? running : [];
  const create = starts ? jobOf(cron, due) : undefined;
  return {
    create,
    delete: [...replaced, ...ended('Complete', spec.successfulJobsHistoryLimit ?? 3), ...ended('Failed', spec.failedJobsHistoryLimit ?? 1)],
    status: {
      ...status,
      active: running
        .filter((job) => !replaced.includes(job))
        .map(({ apiVersion, kind, metadata: { name, namespace, uid } }) => ({ apiVersion, kind, name, namespace, uid })),
      ...(starts && { lastScheduleTime: new Date(due).toISOString().replace('.000', '') }),
    },
  };
}

/** `Complete` or `Failed`; undefined while it is at it. */
function endOf({ status }: Job): string | undefined {
  return status?.conditions?.find((each) => each.status === 'True')?.type;
}

/** Named by its time, so that one time makes one Job. */
function jobOf({ metadata, spec, apiVersion }: CronJob, dueMs: number): Job {
  const template = spec.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${metadata.name}-${Math.floor(dueMs / 60_000)}`,
      namespace: metadata.namespace ?? 'default',
      ...(template.metadata?.labels && { labels: template.metadata.labels }),
      annotations: { ...template.metadata?.annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': new Date(dueMs).toISOString() },
      ownerReferences: [
        { apiVersion, kind: 'CronJob', name: metadata.name, uid: metadata.uid ?? '', controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: template.spec,
  };
}
