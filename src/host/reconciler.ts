// A work queue of keys, worked off one at a time: a key that is asked for again while it waits is done once, one that
// fails is tried again with backoff. What a controller does for a key must be safe to do again.
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';

export class Reconciler {
  private readonly queue = new Set<string>();
  private readonly failing = new Map<string, { backoff: Backoff; timer: Timer | undefined }>();
  private running = false;
  private stopped = false;

  constructor(
    private readonly options: {
      name: string;
      clock: Clock;
      random: Random;
      logger: Logger;
      reconcile(key: string): Promise<void>;
    },
  ) {}

  enqueue(key: string): void {
    if (this.stopped) return;
    this.queue.add(key);
    if (!this.running) void this.drain();
  }

  stop(): void {
    this.stopped = true;
    this.queue.clear();
    for (const { timer } of this.failing.values()) timer?.cancel();
  }

  private async drain(): Promise<void> {
    this.running = true;
    // A turn of the loop lets the changes of one write arrive together.
    await Promise.resolve();
    for (const key of this.queue) {
      this.queue.delete(key);
      try {
        await this.options.reconcile(key);
        this.failing.delete(key);
      } catch (thrown) {
        this.retry(key, thrown);
      }
      if (this.stopped) break;
    }
    this.running = false;
  }

  private retry(key: string, thrown: unknown): void {
    const { clock, random, logger, name } = this.options;
    let entry = this.failing.get(key);
    if (entry === undefined) {
      entry = { backoff: new Backoff({ random, delayMsMin: 20, delayMsMax: 5_000 }), timer: undefined };
      this.failing.set(key, entry);
    }
    const delayMs = entry.backoff.next();
    logger.debug({ controller: name, key, error: messageOf(thrown) }, 'will be tried again');
    entry.timer = clock.after(delayMs, () => this.enqueue(key));
  }
}
