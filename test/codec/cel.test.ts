// CEL's bounds; the language is the library's.
import { expect, test } from 'vitest';
import { Cel } from '#codec/cel';

test('functions are added by their signatures', async () => {
  const cel = await Cel.load({ 'doubled(string): string': (text: string) => text + text });
  expect(cel.compile('doubled(name) == "abab"')({ name: 'ab' })).toBe(true);
});

test.each<[what: string, text: string, message: RegExp]>([
  ['no expression', 'self.a >', /^compilation failed: /],
  ['a long one', `"${'a'.repeat(10_000)}"`, /^an expression of 10002 characters is longer than 10000$/],
  ['a deep one', `${'('.repeat(60)}1${')'.repeat(60)}`, /^compilation failed: /],
])('%s is refused', async (_, text, message) => {
  const cel = await Cel.load();
  expect(() => cel.compile(text)).toThrow(expect.objectContaining({ code: 'EXPRESSION', message: expect.stringMatching(message) }));
});

// By backtracking alone it takes longer than anybody waits.
test('matches() ends on a text that nearly matches', async () => {
  const cel = await Cel.load();
  expect(cel.compile('path.matches("^(a+)+$")')({ path: `${'a'.repeat(20_000)}b` })).toBe(false);
});
