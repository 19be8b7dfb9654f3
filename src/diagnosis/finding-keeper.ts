// Keeps what analyzers find on Istio's resources in a store, as their status, and takes it away when it is mended. Works
// behind the edits: only when a store has been quiet for a while, and a few milliseconds at a time.
import { analysis } from '#analysis/analyze';
import type { Finding } from '#analysis/analyzer';
import { defaultAnalyzers } from '#analysis/analyzers';
import { envoyProblemFor } from '#analysis/envoy-problem';
import { grouped, kindKeyOf, Resources } from '#analysis/resources';
import { examineObject } from '#api/decode';
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { kinds } from '#api/registry';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';
import type { Random } from '#foundation/random';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { isSameToAnalyzers, statusWith } from './validation-messages.ts';

export interface FindingKeeperOptions {
  store: Store;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** How values of EnvoyFilters are read; without it they are not checked. */
  canonicalJson?: () => Promise<CanonicalJson>;
}

/** After the last change; and at the latest so long after the first. */
const quietMs = 500;
const waitMsMax = 10_000;
/** More than these are not analyzed: it would hold up the API server's process. */
const objectsMax = 20_000;
/** At a stretch, and the rest after it: a fifth of a core at most, so that an edit meanwhile hardly waits. */
const turnMsMax = 3;
const restMs = 12;
const retryMsMin = 100;
const retryMsMax = 5_000;

const isIstios = ({ group }: Kind) => group.endsWith('.istio.io');

export class FindingKeeper {
  private readonly informers: Informer[];
  /** Since the last analysis, by kind and key, as the objects were then; undefined: there was none. */
  private readonly touched = new Map<string, ApiObject | undefined>();
  /** As they were analyzed. */
  private readonly analyzed = new Map<string, ApiObject>();
  /** What each object's own schema and rules say of it: looked at once for each version. */
  private readonly problems = new WeakMap<ApiObject, readonly Problem[]>();
  private timer: Timer | undefined;
  private firstTouchAt = 0;
  private running = false;
  private stopped = false;

  constructor(private readonly options: FindingKeeperOptions) {
    this.informers = kinds.map((kind) => this.informerOf(kind));
  }

  start(): void {
    for (const informer of this.informers) informer.start();
  }

  /** Nothing is written after this. */
  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    for (const informer of this.informers) informer.stop();
  }

  private informerOf(kind: Kind): Informer {
    const { store, clock, random, logger } = this.options;
    return new Informer(
      { store, kind, clock, backoff: new Backoff({ random, delayMsMin: retryMsMin, delayMsMax: retryMsMax }) },
      {
        set: (object) => this.touch(object),
        delete: (object) => this.touch(object),
        synced: () => {},
        failed: (error) => logger.warn({ kind: kind.kind, error }, 'objects cannot be read for analysis'),
      },
    );
  }

  /** The only step in an edit's way: a note and a timer. */
  private touch(object: ApiObject): void {
    const id = idOf(object);
    const { clock } = this.options;
    if (this.touched.size === 0) this.firstTouchAt = clock.now();
    if (!this.touched.has(id)) this.touched.set(id, this.analyzed.get(id));
    if (!this.running) this.schedule();
  }

  private schedule(): void {
    if (this.stopped) return;
    const { clock } = this.options;
    this.timer?.cancel();
    const latestMs = this.firstTouchAt + waitMsMax - clock.now();
    this.timer = clock.after(Math.max(0, Math.min(quietMs, latestMs)), () => void this.round());
  }

  private async round(): Promise<void> {
    this.running = true;
    try {
      const objects = this.informers.flatMap((informer) => [...informer.objects.values()]);
      if (this.hasNews(objects)) await this.analyze(objects);
    } catch (error) {
      this.options.logger.error({ error: messageOf(error) }, 'resources cannot be analyzed');
    }
    this.running = false;
    if (this.touched.size > 0) this.schedule();
  }

  /** Own writes, and what only looks like a change, are none. */
  private hasNews(objects: readonly ApiObject[]): boolean {
    const touched = [...this.touched];
    this.touched.clear();
    const now = new Map(objects.map((object) => [idOf(object), object]));
    return touched.some(([id, before]) => {
      const after = now.get(id);
      return before === undefined || after === undefined ? before !== after : !isSameToAnalyzers(before, after);
    });
  }

  private async analyze(objects: readonly ApiObject[]): Promise<void> {
    const { clock, logger } = this.options;
    this.analyzed.clear();
    for (const object of objects) this.analyzed.set(idOf(object), object);
    if (objects.length > objectsMax) {
      logger.warn({ objects: objects.length, objectsMax }, 'too many objects: findings are not kept on them');
      return;
    }
    await this.inTurns(this.examine(objects));
    const envoyProblem = await envoyProblemFor(objects, this.options.canonicalJson);
    const resources = new Resources(objects, { nowMs: clock.wallMs(), problems: this.problems, ...(envoyProblem && { envoyProblem }) });
    const findings = await this.inTurns(analysis(resources, defaultAnalyzers));
    if (findings === undefined) return;
    const byObject = grouped(findings.map((finding) => [idOf(finding.object), finding] as const));
    for (const [index, kind] of kinds.entries()) {
      if (!isIstios(kind)) continue;
      for (const object of [...(this.informers[index]?.objects.values() ?? [])]) await this.keep(object, byObject.get(idOf(object)) ?? []);
    }
  }

  private *examine(objects: readonly ApiObject[]): Generator<void, void> {
    for (const object of objects) {
      if (!this.problems.has(object)) this.problems.set(object, examineObject(object).problems);
      yield;
    }
  }

  /** Goes through the steps a few milliseconds at a time; undefined where it was stopped. */
  private async inTurns<T>(steps: Generator<void, T>): Promise<T | undefined> {
    const { clock } = this.options;
    let since = clock.now();
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      if (clock.now() - since < turnMsMax) continue;
      await new Promise<void>((resolve) => clock.after(restMs, resolve));
      if (this.stopped) return undefined;
      since = clock.now();
    }
  }

  private async keep(object: ApiObject, findings: readonly Finding[]): Promise<void> {
    const id = idOf(object);
    const analyzed = this.analyzed.get(id);
    // What has changed since is looked at again in the next round.
    if (this.stopped || analyzed === undefined || !(analyzed === object || isSameToAnalyzers(analyzed, object))) return;
    const status = statusWith(object, findings);
    if (status === undefined) return;
    try {
      const { store } = this.options;
      await store.updateStatus({ ...object, status } as ApiObject);
    } catch (error) {
      const overtaken = error instanceof StoreError && ['CONFLICT', 'NOT_FOUND'].includes(error.code);
      if (!overtaken) this.options.logger.warn({ object: id, error: messageOf(error) }, 'findings cannot be written');
    }
  }
}

const idOf = (object: ApiObject): string => `${kindKeyOf(object)} ${keyOf(object.metadata)}`;
