// What a Job asks of its Pods: enough of them to come to a good end, a few at a time, until it is done or has failed too often. Pure. After
// Kubernetes' job controller, without failure policies.
import type { Job } from '#api/kinds/job';
import type { Pod } from '#api/kinds/pod';
import { condition } from './condition.ts';
import { isReady, type PodPlan, podOf } from './pod-plan.ts';

/** `now`: RFC 3339. */
export function planJob(job: Job, pods: readonly Pod[], newSuffix: () => string, now: string): PodPlan<NonNullable<Job['status']>> {
  const { parallelism = 1, completions = parallelism, backoffLimit = 6, suspend, activeDeadlineSeconds } = job.spec;
  const ofPhase = (phase: string) => pods.filter(({ status }) => status?.phase === phase).length;
  const indexes =
    job.spec.completionMode === 'Indexed' ? new Set(pods.filter(({ status }) => status?.phase === 'Succeeded').map(indexOf)) : undefined;
  const succeeded = indexes?.size ?? ofPhase('Succeeded');
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
    ...(indexes && { completedIndexes: rangesOf([...indexes]) }),
    ...(outcome === 'Complete' && { completionTime: job.status?.completionTime ?? now }),
    ...(outcome !== undefined && { conditions: [conditionOf(job, outcome, now)] }),
    ...(outcome === undefined && suspend !== undefined && { conditions: [suspension(job, suspend, now)] }),
  };
  if (outcome !== undefined || suspend === true) return { create: [], delete: active, status };
  const missing = Math.max(0, Math.min(parallelism, completions - succeeded) - active.length);
  const open = indexes && openIndexes(completions, indexes, new Set(active.map(indexOf)));
  return { create: Array.from({ length: missing }, (_, i) => podOfJob(job, newSuffix(), open?.[i])), delete: [], status };
}

/** When one that has come to its end may go, in milliseconds since the epoch; undefined: not by itself. */
export function jobExpiryMs({ spec, status }: Job): number | undefined {
  const end = status?.conditions?.find(({ type, status: holds }) => (type === 'Complete' || type === 'Failed') && holds === 'True');
  if (spec.ttlSecondsAfterFinished === undefined || end?.lastTransitionTime === undefined) return undefined;
  return Date.parse(end.lastTransitionTime) + spec.ttlSecondsAfterFinished * 1000;
}

interface JobEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** What is told of a Job whose status has changed: Kubernetes' events. */
export function jobEvents(before: Job['status'], after: Job['status']): JobEvent[] {
  const holds = (status: Job['status'], type: string) => status?.conditions?.find((each) => each.type === type && each.status === 'True');
  const begun = (type: string) => (holds(before, type) ? undefined : holds(after, type));
  const failed = begun('Failed');
  const events: JobEvent[] = [];
  if (begun('Complete')) events.push({ type: 'Normal', reason: 'Completed', message: 'Job completed' });
  if (failed) events.push({ type: 'Warning', reason: failed.reason ?? 'Failed', message: failed.message ?? '' });
  if (begun('Suspended')) events.push({ type: 'Normal', reason: 'Suspended', message: 'Job suspended' });
  if (holds(before, 'Suspended') && !holds(after, 'Suspended')) events.push({ type: 'Normal', reason: 'Resumed', message: 'Job resumed' });
  return events;
}

const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
const indexOf = ({ metadata }: Pod): number => Number(metadata.annotations?.[indexAnnotation] ?? -1);

function openIndexes(completions: number, done: ReadonlySet<number>, active: ReadonlySet<number>): number[] {
  return Array.from({ length: completions }, (_, index) => index).filter((index) => !done.has(index) && !active.has(index));
}

/** `0-2,5`. */
function rangesOf(indexes: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range && range[1] === index - 1) range[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

const suspension = ({ status }: Job, suspended: boolean, now: string) =>
  suspended
    ? condition(status?.conditions, now, 'Suspended', true, 'JobSuspended', 'Job suspended')
    : condition(status?.conditions, now, 'Suspended', false, 'JobResumed', 'Job resumed');

function conditionOf({ status }: Job, outcome: string, now: string) {
  if (outcome === 'Complete')
    return condition(status?.conditions, now, 'Complete', true, 'CompletionsReached', 'Reached expected number of succeeded pods');
  const message =
    outcome === 'BackoffLimitExceeded' ? 'Job has reached the specified backoff limit' : 'Job was active longer than specified deadline';
  return condition(status?.conditions, now, 'Failed', true, outcome, message);
}

/** `index`: of one whose pods are numbered. */
function podOfJob(job: Job, suffix: string, index?: number): Pod {
  const { name, uid = '' } = job.metadata;
  const { template } = job.spec;
  const labels = { 'batch.kubernetes.io/job-name': name, 'job-name': name, 'batch.kubernetes.io/controller-uid': uid };
  // A Job's pods come to an end: what says nothing, or Always, is taken for Never.
  const restartPolicy = template.spec.restartPolicy === 'OnFailure' ? 'OnFailure' : 'Never';
  if (index === undefined) return podOf(job, template, `${name}-${suffix}`, labels, { restartPolicy });
  const variable = { name: 'JOB_COMPLETION_INDEX', value: `${index}` };
  const numbered = <T extends { env?: unknown[] }>(container: T): T => ({ ...container, env: [...(container.env ?? []), variable] });
  const { containers, initContainers = [] } = template.spec;
  const pod = podOf(
    job,
    template,
    `${name}-${index}-${suffix}`,
    { ...labels, [indexAnnotation]: `${index}` },
    {
      restartPolicy,
      hostname: `${name}-${index}`,
      containers: containers.map(numbered),
      ...(initContainers.length > 0 && { initContainers: initContainers.map(numbered) }),
    },
  );
  return { ...pod, metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, [indexAnnotation]: `${index}` } } };
}
