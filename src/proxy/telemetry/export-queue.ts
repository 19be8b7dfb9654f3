// Sends what telemetry gathers to a collector, in batches and one call at a time. A collector that stalls costs a bounded amount of memory:
// what comes beyond is dropped, and counted.
import { Timeout, type TimerWheel } from '#proxy/timer-wheel';
import type { Counter } from './counters.ts';

export interface ExportQueueOptions<Item> {
  timers: TimerWheel;
  /** How long an item may wait for company. */
  flushIntervalMs: number;
  /** So many are sent without waiting. */
  batchItemsMin: number;
  /** More than this waiting: dropped. */
  backlogItemsMax: number;
  /** Of items. */
  sent: Counter;
  dropped: Counter;
  /** `onDone` is called once, perhaps before this returns. */
  send(items: readonly Item[], onDone: (delivered: boolean) => void): void;
}

export class ExportQueue<Item> {
  private waiting: Item[] = [];
  private sending = false;
  private readonly timeout = new Timeout(() => this.flush());

  constructor(private readonly options: ExportQueueOptions<Item>) {}

  add(item: Item): void {
    const { waiting, options, timeout } = this;
    if (waiting.length >= options.backlogItemsMax) {
      options.dropped.value++;
      return;
    }
    waiting.push(item);
    if (waiting.length >= options.batchItemsMin) this.flush();
    else if (!timeout.pending) options.timers.set(timeout, options.flushIntervalMs);
  }

  /** Sends what waits, unless a call is under way: then it follows. */
  flush(): void {
    const { options, waiting } = this;
    if (this.sending || waiting.length === 0) return;
    options.timers.cancel(this.timeout);
    this.waiting = [];
    this.sending = true;
    options.send(waiting, (delivered) => {
      this.sending = false;
      (delivered ? options.sent : options.dropped).value += waiting.length;
      if (this.waiting.length >= options.batchItemsMin) this.flush();
      else if (this.waiting.length > 0) options.timers.set(this.timeout, options.flushIntervalMs);
    });
  }
}
