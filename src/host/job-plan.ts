// What a Job asks of its Pods: enough of them to come to a good end, a few at a time, until it is done or has failed too often. Pure. After
// Kubernetes' job controller, without indexes and failure policies.
import type { Job } from '#api/kinds/job';
import type { Pod } from '#api/kinds/pod';
import { condition } from './condition.ts';
import { isReady, type PodPlan, podOf } from './pod-plan.ts';

/** `now`: RFC 3339. */
export function planJob(job: Job, pods: readonly Pod[], newSuffix: () => string, now: string): PodPlan<NonNullable<Job['status']>> {
  const { parallelism = 1, completions = parallelism, backoffLimit = 6, suspend, activeDeadlineSeconds } = job.spec;
  const ofPhase = (phase: string) => pods.filter(({ status }) => status?.phase === phase).length;
  const succeeded = ofPhase('Succeeded');
  const failed = ofPhase('Failed');
  const active = pods.filter(
    ({ status, metadata }) => !metadata.deletionTimestamp && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  const startTime = job.status?.startTime ?? now;
  const late = activeDeadlineSeconds !== undefined && Date.parse(now) - Date.parse(startTime) > activeDeadlineSeconds * 1000;
  const outcome =
    succeeded >= completions ? 'Complete' : failed > backoffLimit ? 'BackoffLimitExceeded' : late ? 'DeadlineExceeded' : undefined;
  const status = {
    ...(active.length > 0 && outcome === undefined && { active: active.length }),
    ready: active.filter(isReady).length,
    ...(succeeded > 0 && { succeeded }),
    ...(failed > 0 && { failed }),
    startTime,
    ...(outcome === 'Complete' && { completionTime: job.status?.completionTime ?? now }),
    ...(outcome !== undefined && { conditions: [conditionOf(job, outcome, now)] }),
  };
  if (outcome !== undefined || suspend === true) return { create: [], delete: active, status };
  const missing = Math.max(0, Math.min(parallelism, completions - succeeded) - active.length);
  return { create: Array.from({ length: missing }, () => podOfJob(job, newSuffix())), delete: [], status };
}

function conditionOf({ status }: Job, outcome: string, now: string) {
  if (outcome === 'Complete')
    return condition(status?.conditions, now, 'Complete', true, 'CompletionsReached', 'Reached expected number of succeeded pods');
  const message =
    outcome === 'BackoffLimitExceeded' ? 'Job has reached the specified backoff limit' : 'Job was active longer than specified deadline';
  return condition(status?.conditions, now, 'Failed', true, outcome, message);
}

function podOfJob(job: Job, suffix: string): Pod {
  const { name, uid = '' } = job.metadata;
  const labels = { 'batch.kubernetes.io/job-name': name, 'job-name': name, 'batch.kubernetes.io/controller-uid': uid };
  const { restartPolicy } = job.spec.template.spec;
  // A Job's pods come to an end: what says nothing, or Always, is taken for Never.
  const ending = restartPolicy === 'OnFailure' ? 'OnFailure' : 'Never';
  return podOf(job, job.spec.template, `${name}-${suffix}`, labels, { restartPolicy: ending });
}
