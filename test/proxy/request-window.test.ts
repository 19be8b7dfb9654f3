// Requests of the last while: what a retry budget with an interval counts.
import { expect, test } from 'vitest';
import { RequestWindow } from '#proxy/upstream/request-window';

test('requests count for their interval, and no longer', () => {
  const window = new RequestWindow(1000);
  expect(window.count(5000)).toBe(0);
  for (let i = 0; i < 7; i++) window.note(5000);
  window.note(5450);
  expect([5000, 5450, 5999, 6000, 6399, 6500, 90_000].map((now) => window.count(now))).toEqual([8, 8, 8, 1, 1, 0, 0]);
});

test('a tenth that comes round again begins at nothing', () => {
  const window = new RequestWindow(1000);
  for (let now = 0; now < 10_000; now += 50) window.note(now);
  expect(window.count(9999)).toBe(20);
  window.note(30_000);
  expect(window.count(30_000)).toBe(1);
});
