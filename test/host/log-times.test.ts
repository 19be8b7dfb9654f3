// When lines of a log were written, over a real file and a clock that is turned by hand.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import { LogTimes } from '#host/log-times';

function log() {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-log-'));
  const file = path.join(directory, 'a.log');
  appendFileSync(file, '');
  const clock = new ManualClock(0);
  const times = new LogTimes(file, clock);
  onTestFinished(() => {
    times.close();
    rmSync(directory, { recursive: true });
  });
  /** Writes, and has it noted at this time. */
  const write = (text: string, wallMs: number) => {
    appendFileSync(file, text);
    clock.advance(wallMs - clock.wallMs());
    times.offsetSince(0);
  };
  return { clock, times, write };
}

test('each byte has the time at which it was seen', () => {
  const { times, write } = log();
  write('one\n', 1_000);
  write('two\nthree\n', 2_000);
  expect([0, 3, 4, 8, 13].map((offset) => times.at(offset))).toEqual([1_000, 1_000, 2_000, 2_000, 2_000]);
  expect([0, 1_000, 1_001, 2_000].map((wallMs) => times.offsetSince(wallMs))).toEqual([0, 0, 4, 4]);
  expect(times.offsetSince(2_001)).toBe(Number.POSITIVE_INFINITY);
});

test('what nobody has seen yet is of now', () => {
  const { clock, times } = log();
  clock.advance(5_000);
  expect(times.at(0)).toBe(5_000);
});

test('of much, what is recent stays exact, and times never go back', () => {
  const { times, write } = log();
  for (let i = 1; i <= 9_000; i++) write('x', i);
  expect(times.at(8_999)).toBe(9_000);
  expect(times.at(8_000)).toBe(8_001);
  const all = Array.from({ length: 9_000 }, (_, offset) => times.at(offset));
  expect(all.every((wallMs, i) => wallMs >= (all[i - 1] ?? 0) && wallMs - i <= 4)).toBe(true);
});
