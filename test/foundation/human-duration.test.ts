// Durations as kubectl writes them: the table of Kubernetes' rules, at their edges.
import { expect, test } from 'vitest';
import { humanDuration } from '#foundation/human-duration';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test.each([
  [-5 * second, '0s'],
  [0, '0s'],
  [119.9 * second, '119s'],
  [2 * minute, '2m'],
  [2 * minute + 5 * second, '2m5s'],
  [10 * minute - second, '9m59s'],
  [10 * minute + 5 * second, '10m'],
  [3 * hour - minute, '179m'],
  [3 * hour, '3h'],
  [7 * hour + 59 * minute, '7h59m'],
  [8 * hour + 59 * minute, '8h'],
  [47 * hour, '47h'],
  [2 * day, '2d'],
  [2 * day + 3 * hour, '2d3h'],
  [8 * day + 3 * hour, '8d'],
  [729 * day, '729d'],
  [730 * day, '2y'],
  [740 * day, '2y10d'],
  [8 * 365 * day + 10 * day, '8y'],
])('%d ms is %s', (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});
