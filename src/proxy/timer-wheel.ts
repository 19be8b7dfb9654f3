// Timeouts of streams and connections: thousands of timers for the price of one. Setting and cancelling is constant work;
// a timer fires up to one tick late, never early. Used by http/, upstream/ and filters/.
import type { Clock, Timer } from '#foundation/clock';

const slotCount = 512;

/** A place for one timeout, made once by its owner and set as often as needed. At most one timeout is pending in it. */
export class Timeout {
  /** Circular list of a slot; null while not pending. */
  next: Timeout | null = null;
  previous: Timeout | null = null;
  dueTick = 0;

  constructor(readonly fire: () => void) {}

  get pending(): boolean {
    return this.next !== null;
  }
}

export class TimerWheel {
  /** The clock's time at the last tick: cheap, and exact to a tick while any timeout is pending; older while none is. */
  coarseMs: number;
  private readonly slots: Timeout[] = [];
  private readonly start: number;
  private tick = 0;
  private size = 0;
  private timer: Timer | undefined;
  private closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly tickMs = 20,
  ) {
    for (let i = 0; i < slotCount; i++) this.slots.push(emptySlot());
    this.start = clock.now();
    this.coarseMs = this.start;
  }

  /** Fires `timeout` once, `delayMs` from now at the earliest; one that is pending is moved. */
  set(timeout: Timeout, delayMs: number): void {
    if (timeout.next !== null) this.unlink(timeout);
    if (this.closed) return;
    // With nothing pending the wheel stands still: it catches up before the first timeout goes in.
    if (this.size === 0) {
      this.coarseMs = this.clock.now();
      this.tick = this.ticksUntilNow();
    }
    timeout.dueTick = Math.ceil((this.clock.now() - this.start + delayMs) / this.tickMs);
    if (timeout.dueTick <= this.tick) timeout.dueTick = this.tick + 1;
    const slot = this.slots[timeout.dueTick % slotCount]!;
    timeout.previous = slot.previous;
    timeout.next = slot;
    slot.previous!.next = timeout;
    slot.previous = timeout;
    this.size++;
    this.timer ??= this.clock.after(this.tickMs, this.turn, { unref: true });
  }

  cancel(timeout: Timeout): void {
    if (timeout.next !== null) this.unlink(timeout);
  }

  /** Nothing fires any more. */
  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private ticksUntilNow(): number {
    return Math.floor((this.clock.now() - this.start) / this.tickMs);
  }

  private unlink(timeout: Timeout): void {
    timeout.previous!.next = timeout.next;
    timeout.next!.previous = timeout.previous;
    timeout.next = null;
    timeout.previous = null;
    this.size--;
  }

  private readonly turn = (): void => {
    this.timer = undefined;
    this.coarseMs = this.clock.now();
    const until = this.ticksUntilNow();
    // After a long pause one round over the slots sees everything that is due.
    const from = Math.max(this.tick + 1, until - slotCount + 1);
    this.tick = Math.max(this.tick, until);
    for (let tick = from; tick <= until && this.size > 0; tick++) this.fireSlot(this.slots[tick % slotCount]!, until);
    if (this.size > 0 && !this.closed) this.timer ??= this.clock.after(this.tickMs, this.turn, { unref: true });
  };

  /** What falls due fires in the order of setting. A timeout set on the way goes into a later slot or round. */
  private fireSlot(slot: Timeout, until: number): void {
    for (let timeout = slot.next!; timeout !== slot; ) {
      const { next } = timeout;
      if (timeout.dueTick > until) {
        timeout = next!;
        continue;
      }
      this.unlink(timeout);
      timeout.fire();
      // Firing may have cancelled any neighbour: begin again; what has fired is gone from the list.
      timeout = slot.next!;
    }
  }
}

/** When a limit counted from `sinceMs` is reached; a limit of 0 never is. */
export function after(sinceMs: number, limitMs: number): number {
  return limitMs > 0 ? sinceMs + limitMs : Number.POSITIVE_INFINITY;
}

function emptySlot(): Timeout {
  const slot = new Timeout(() => {});
  slot.next = slot;
  slot.previous = slot;
  return slot;
}
