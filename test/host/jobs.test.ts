// Jobs and CronJobs: what they ask for, case by case; and when a schedule falls.
import { describe, expect, test } from 'vitest';
import type { CronJob } from '#api/kinds/cron-job';
import type { Job } from '#api/kinds/job';
import type { Pod } from '#api/kinds/pod';
import { planCronJob } from '#host/cron-job-plan';
import { lastScheduled, parseSchedule } from '#host/cron-schedule';
import { jobEvents, jobExpiryMs, planJob } from '#host/job-plan';
import { podPhase } from '#host/pod-phase';

const now = '2026-03-01T12:00:00Z';
const template = { spec: { containers: [{ name: 'c', image: 'a' }] } };
const job = (spec: Partial<Job['spec']> = {}): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'once', namespace: 'default', uid: 'j1' },
  spec: { template, ...spec },
});
const pods = (...phases: string[]): Pod[] =>
  phases.map((phase, i) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${i}` }, spec: template.spec, status: { phase } }));

describe('what is told of a Job', () => {
  const status = (type: string, holds = 'True', more = {}) =>
    ({ conditions: [{ type, status: holds, ...more }] }) as NonNullable<Job['status']>;
  const backoff = { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  const cases: readonly (readonly [what: string, before: Job['status'], after: Job['status'], told: readonly string[]])[] = [
    ['nothing of its begin', undefined, { active: 1 }, []],
    ['its good end', { active: 1 }, status('Complete'), ['Normal Completed']],
    ['once', status('Complete'), status('Complete'), []],
    ['why it has failed', { failed: 1 }, status('Failed', 'True', backoff), ['Warning BackoffLimitExceeded']],
    ['that it pauses', { active: 1 }, status('Suspended'), ['Normal Suspended']],
    ['that it goes on', status('Suspended'), status('Suspended', 'False'), ['Normal Resumed']],
  ];
  test.each(cases)('%s', (_, before, after, told) => {
    expect(jobEvents(before, after).map(({ type, reason }) => `${type} ${reason}`)).toEqual(told);
  });
});

describe('a Job', () => {
  const cases: readonly (readonly [what: string, Job, Pod[], made: number, ended: number, status: object])[] = [
    ['begins', job(), [], 1, 0, { startTime: now }],
    ['waits for what runs', job(), pods('Running'), 0, 0, { active: 1 }],
    ['tries again', job(), pods('Failed'), 1, 0, { failed: 1 }],
    [
      'is complete',
      job(),
      pods('Succeeded'),
      0,
      0,
      { succeeded: 1, completionTime: now, conditions: [{ type: 'Complete', status: 'True' }] },
    ],
    [
      'gives up',
      job({ backoffLimit: 1 }),
      pods('Failed', 'Failed'),
      0,
      0,
      { conditions: [{ type: 'Failed', reason: 'BackoffLimitExceeded' }] },
    ],
    ['runs several at a time', job({ parallelism: 2, completions: 5 }), pods('Succeeded', 'Running'), 1, 0, { succeeded: 1, active: 1 }],
    ['makes no more than are wanted', job({ parallelism: 3, completions: 2 }), pods('Succeeded'), 1, 0, { succeeded: 1 }],
    ['is suspended', job({ suspend: true }), pods('Running'), 0, 1, { active: 1 }],
    [
      'is late',
      { ...job({ activeDeadlineSeconds: 10 }), status: { startTime: '2026-03-01T11:59:00Z' } },
      pods('Running'),
      0,
      1,
      { conditions: [{ type: 'Failed', reason: 'DeadlineExceeded' }] },
    ],
  ];
  test.each(cases)('%s', (_, wanted, there, made, ended, status) => {
    const plan = planJob(wanted, there, () => 'x', now);
    expect([plan.create.length, plan.delete.length]).toEqual([made, ended]);
    expect(plan.status).toMatchObject(status);
  });

  test('numbers its pods, where it is to', () => {
    const wanted = job({ completionMode: 'Indexed', completions: 4, parallelism: 2 });
    const numbered = (index: number, phase: string): Pod => ({
      ...pods(phase)[0]!,
      metadata: { name: `p${index}`, annotations: { 'batch.kubernetes.io/job-completion-index': `${index}` } },
    });
    const plan = planJob(
      wanted,
      [numbered(0, 'Succeeded'), numbered(1, 'Succeeded'), numbered(2, 'Running'), numbered(3, 'Failed')],
      () => 'x',
      now,
    );
    expect(plan.status).toMatchObject({ succeeded: 2, failed: 1, active: 1, completedIndexes: '0-1' });
    expect(plan.create).toMatchObject([
      {
        metadata: { name: 'once-3-x', annotations: { 'batch.kubernetes.io/job-completion-index': '3' } },
        spec: { hostname: 'once-3', containers: [{ env: [{ name: 'JOB_COMPLETION_INDEX', value: '3' }] }] },
      },
    ]);
  });

  test('goes some time after its end, where it says so', () => {
    const { status } = planJob(job(), pods('Succeeded'), () => 'x', now);
    expect(jobExpiryMs({ ...job({ ttlSecondsAfterFinished: 60 }), status })).toBe(Date.parse(now) + 60_000);
    expect(jobExpiryMs({ ...job(), status })).toBeUndefined();
    expect(jobExpiryMs(job({ ttlSecondsAfterFinished: 0 }))).toBeUndefined();
  });

  test('says that it waits', () => {
    const { create, status } = planJob(job({ suspend: true }), [], () => 'x', now);
    expect([create, status]).toMatchObject([[], { conditions: [{ type: 'Suspended', status: 'True', reason: 'JobSuspended' }] }]);
  });

  test('makes pods that come to an end, and are found by its name', () => {
    const [pod] = planJob(job(), [], () => 'abcde', now).create;
    expect(pod).toMatchObject({ metadata: { name: 'once-abcde', labels: { 'job-name': 'once' } }, spec: { restartPolicy: 'Never' } });
  });
});

describe('a schedule', () => {
  const at = (text: string) => Date.parse(`${text}:00Z`);
  const falls: readonly (readonly [schedule: string, after: string, until: string, last: string | undefined])[] = [
    ['* * * * *', '2026-03-01T12:00', '2026-03-01T12:02', '2026-03-01T12:02'],
    ['*/15 * * * *', '2026-03-01T12:00', '2026-03-01T12:14', undefined],
    ['*/15 * * * *', '2026-03-01T12:00', '2026-03-01T12:50', '2026-03-01T12:45'],
    ['0 9-17/4 * * mon-fri', '2026-03-01T00:00', '2026-03-02T20:00', '2026-03-02T17:00'],
    ['30 4 1,15 * *', '2026-02-20T00:00', '2026-03-10T00:00', '2026-03-01T04:30'],
    ['0 0 13 * 5', '2026-03-01T00:00', '2026-03-07T00:00', '2026-03-06T00:00'],
    ['0 0 29 feb *', '2025-01-01T00:00', '2026-03-01T00:00', undefined],
    ['@daily', '2026-03-01T12:00', '2026-03-03T12:00', '2026-03-03T00:00'],
    ['0 0 * * 7', '2026-03-01T12:00', '2026-03-09T12:00', '2026-03-08T00:00'],
  ];
  test.each(falls)('%s after %s until %s', (schedule, after, until, last) => {
    expect(lastScheduled(schedule, at(after), at(until))).toBe(last && at(last));
  });

  test.each(['', '* * * *', '60 * * * *', '* * 0 * *', '5-1 * * * *', '*/0 * * * *', 'x * * * *', '@never', '1,,2 * * * *'])(
    '%j is none',
    (text) => {
      expect(parseSchedule(text)).toBeUndefined();
    },
  );
});

describe('a CronJob', () => {
  const cron = (spec: Partial<CronJob['spec']> = {}, status: CronJob['status'] = {}): CronJob => ({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default', uid: 'c1', creationTimestamp: '2026-03-01T11:58:30Z' },
    spec: { schedule: '* * * * *', jobTemplate: { spec: job().spec }, ...spec },
    status,
  });
  const nowMs = Date.parse(now) + 5_000;
  const ended = (type: string, hour: number): Job => ({
    ...job(),
    metadata: { name: `${type}-${hour}`, creationTimestamp: `2026-03-01T0${hour}:00:00Z` },
    status: { conditions: [{ type, status: 'True' }] },
  });

  test('makes one Job for the times that have come, named by the last of them', () => {
    const { create, status } = planCronJob(cron(), [], nowMs);
    expect(create?.metadata.name).toBe(`tick-${Date.parse(now) / 60_000}`);
    expect(status.lastScheduleTime).toBe(now);
    expect(planCronJob(cron({}, status), [], nowMs).create).toBeUndefined();
  });

  test('keeps to its policies', () => {
    expect(planCronJob(cron({ suspend: true }), [], nowMs).create).toBeUndefined();
    expect(planCronJob(cron({ concurrencyPolicy: 'Forbid' }), [job()], nowMs).create).toBeUndefined();
    expect(planCronJob(cron({ concurrencyPolicy: 'Replace' }), [job()], nowMs)).toMatchObject({
      create: {},
      delete: [{ metadata: { name: 'once' } }],
    });
    expect(planCronJob(cron({ startingDeadlineSeconds: 1 }), [], nowMs).create).toBeUndefined();
    expect(planCronJob(cron({ schedule: 'nonsense' }), [], nowMs).create).toBeUndefined();
  });

  test('forgets the oldest of the past', () => {
    const jobs = [1, 2, 3, 4].flatMap((hour) => [ended('Complete', hour), ended('Failed', hour)]);
    expect(planCronJob(cron({ suspend: true }), jobs, nowMs).delete.map(({ metadata }) => metadata.name)).toEqual([
      'Complete-1',
      'Failed-3',
      'Failed-2',
      'Failed-1',
    ]);
  });
});

test('the phase of a pod follows from its containers', () => {
  const running = { state: { running: {} } };
  const terminated = (exitCode: number) => ({ state: { terminated: { exitCode } } });
  const phase = (containers: object[], more: object = {}) =>
    podPhase({ started: true, initContainers: [], containers: containers as never, waiting: undefined, ...more });
  expect([
    phase([running]),
    phase([running, terminated(0)]),
    phase([terminated(0), terminated(0)]),
    phase([terminated(0), terminated(1)]),
    phase([], { started: false, initContainers: [running] }),
    phase([], { started: false, initContainers: [terminated(1)] }),
    phase([], { waiting: 'ImageNotMapped' }),
    phase([running], { waiting: 'CrashLoopBackOff' }),
  ]).toEqual(['Running', 'Running', 'Succeeded', 'Failed', 'Pending', 'Failed', 'Pending', 'Running']);
});
