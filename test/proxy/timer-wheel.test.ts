import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import { Timeout, TimerWheel } from '#proxy/timer-wheel';

test('a timeout fires once, not early and at most two ticks late, whatever else is set, moved or cancelled', () => {
  const action = fc.record({ id: fc.nat(9), delayMs: fc.integer({ min: 0, max: 30_000 }), cancel: fc.boolean(), advanceMs: fc.nat(5000) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const clock = new ManualClock();
      const wheel = new TimerWheel(clock, 20);
      const due = new Map<number, number>();
      const timeouts = Array.from(
        { length: 10 },
        (_, id) =>
          new Timeout(() => {
            const wanted = due.get(id);
            expect(wanted).toBeDefined();
            expect(clock.now()).toBeGreaterThanOrEqual(wanted!);
            expect(clock.now()).toBeLessThanOrEqual(wanted! + 40);
            due.delete(id);
          }),
      );
      for (const { id, delayMs, cancel, advanceMs } of actions) {
        if (cancel) {
          wheel.cancel(timeouts[id]!);
          due.delete(id);
        } else {
          wheel.set(timeouts[id]!, delayMs);
          due.set(id, clock.now() + delayMs);
        }
        clock.advance(advanceMs);
      }
      clock.advance(40_000);
      expect([...due]).toEqual([]);
    }),
    { seed: 3 },
  );
});

test('a timeout may set itself and cancel others while it fires', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, 20);
  let fired = 0;
  const never = new Timeout(() => expect.unreachable());
  const again: Timeout = new Timeout(() => {
    wheel.cancel(never);
    if (++fired < 3) wheel.set(again, 100);
  });
  wheel.set(again, 100);
  wheel.set(never, 100);
  clock.advance(1000);
  expect(fired).toBe(3);
  expect(never.pending).toBe(false);
});

test('after close nothing fires', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  wheel.set(new Timeout(() => expect.unreachable()), 10);
  wheel.close();
  wheel.set(new Timeout(() => expect.unreachable()), 10);
  clock.advance(1000);
});
