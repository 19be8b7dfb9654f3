// The diff is `diff -u`'s: golden, and by applying what it says to thousands of generated texts.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unifiedDiff } from '#cli/unified-diff';

const diff = (a: string, b: string) => unifiedDiff({ name: 'a', text: a }, { name: 'b', text: b });
const lines = (text: string) => text.split('').join('\n');

test.each([
  ['abc', 'abc', ''],
  ['abc', 'abd', '--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n b\n-c\n+d\n'],
  [
    'abcdefghijklmn',
    'aBcdefghijklMn',
    '--- a\n+++ b\n@@ -1,5 +1,5 @@\n a\n-b\n+B\n c\n d\n e\n@@ -10,5 +10,5 @@\n j\n k\n l\n-m\n+M\n n\n',
  ],
  ['abcdefgh', 'Abcdefgh1', '--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n b\n c\n d\n@@ -6,3 +6,4 @@\n f\n g\n h\n+1\n'],
])('%s to %s', (a, b, expected) => {
  expect(diff(lines(a), lines(b))).toBe(expected);
});

/** Applies the hunks of a diff; throws where a line that it takes away or keeps is not there. */
function patched(text: string, patch: string): string {
  const before = text.split('\n');
  const after: string[] = [];
  let at = 0;
  for (const line of patch.trimEnd().split('\n').slice(2)) {
    const header = /^@@ -(\d+),(\d+) \+\d+,\d+ @@$/.exec(line);
    if (header) {
      const start = Number(header[1]) - (header[2] === '0' ? 0 : 1);
      after.push(...before.slice(at, start));
      at = start;
    } else if (line.startsWith('+')) after.push(line.slice(1));
    else {
      if (before[at] !== line.slice(1)) throw new Error(`line ${at + 1} is not ${line}`);
      if (line.startsWith(' ')) after.push(line.slice(1));
      at++;
    }
  }
  return [...after, ...before.slice(at)].join('\n');
}

test('it leads from one text to the other', () => {
  const text = fc.array(fc.constantFrom('x', 'y', 'z', 'w'), { minLength: 1, maxLength: 40 }).map((all) => all.join('\n'));
  fc.assert(
    fc.property(text, text, (a, b) => {
      const patch = diff(a, b);
      expect(patch === '' ? a : patched(a, patch)).toBe(b);
    }),
    { numRuns: 3_000, seed: 5 },
  );
});

test('texts with nothing in common, beyond its bound, are replaced', () => {
  const numbers = (from: number) => Array.from({ length: 3_000 }, (_, i) => `${from + i}`).join('\n');
  expect(patched(numbers(0), diff(numbers(0), numbers(10_000)))).toBe(numbers(10_000));
});
