import { expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';

test('timers of a manual clock fire in order of time, and those set on the way too', () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  clock.after(20, () => fired.push(`b@${clock.now()}`));
  clock.after(10, () => {
    fired.push(`a@${clock.now()}`);
    clock.after(5, () => fired.push(`c@${clock.now()}`));
  });
  clock.after(12, () => fired.push('never')).cancel();
  clock.advance(30);
  expect(fired).toEqual(['a@10', 'c@15', 'b@20']);
});
