// RE2's language, as far as JavaScript's is another, and its time.
import { describe, expect, test } from 'vitest';
import { Regex } from '#codec/regex';

test.each<[expression: string, text: string, matches: boolean]>([
  ['a|ab', 'ab', true],
  ['a.c', 'a\nc', false],
  ['(?s)a.c', 'a\nc', true],
  ['^a$', 'a\n', false],
  ['a(?i:b)c', 'aBc', true],
  ['a(?i:b)c', 'aBC', false],
  ['(?P<name>a)b', 'ab', true],
  ['[[:alpha:]]+\\d', 'abc1', true],
  ['\\Qa.b\\E', 'axb', false],
  ['\\Aab\\z', 'ab', true],
  ['\\pL+', 'straße', true],
  ['\\-\\_\\@', '-_@', true],
])('%s and %j as a whole: %s', (expression, text, matches) => {
  expect(new Regex(expression).matches(text)).toBe(matches);
});

test('anywhere, the first, and all', () => {
  const regex = new Regex('a(b)?');
  expect([regex.isIn('xaby'), regex.isIn('xy')]).toEqual([true, false]);
  expect([regex.find('xaby'), regex.find('xy')]).toEqual(['ab', undefined]);
  expect(regex.findAll('xabyaz')).toEqual(['ab', 'a']);
});

test.each<[expression: string, problem: string]>([
  ['(', 'missing closing ): `(`'],
  ['a(?=b)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['(a)\\1', 'invalid escape sequence: `\\1`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
])('%s is none: %s', (expression, message) => {
  expect(() => new Regex(expression)).toThrow(expect.objectContaining({ code: 'REGEX', message }));
});

// By backtracking each of these takes longer than anybody waits.
test.each(['(a+)+b', '(a|aa)+b', '(.*a){20}b', '(a*)*b', '([a-z]+)*[0-9]'])('%s ends on a text that nearly matches', (expression) => {
  expect(new Regex(expression).matches('a'.repeat(20_000))).toBe(false);
});

describe('a rewrite', () => {
  test.each<[expression: string, substitution: string, text: string, expected: string]>([
    ['^/user/([0-9]+)', '/u$/\\1', '/user/12/x', '/u$/12/x'],
    ['a(b)?', '[\\0|\\1]', 'aba', '[ab|b][a|]'],
    ['x', '\\\\1$&$1', 'x', '\\1$&$1'],
    ['none', 'y', 'x', 'x'],
    ['', '-', 'ab', '-a-b-'],
  ])('of %s by %j', (expression, substitution, text, expected) => {
    expect(new Regex(expression).rewriter(substitution)(text)).toBe(expected);
  });

  test.each<[substitution: string, message: string]>([
    ['\\2', '"\\2" in a substitution: the expression has 1 groups'],
    ['\\x', '"\\x" in a substitution: a backslash goes before a digit or a backslash'],
    ['a\\', '"\\" in a substitution: a backslash goes before a digit or a backslash'],
  ])('that is none: %s', (substitution, message) => {
    expect(() => new Regex('(a)').rewriter(substitution)).toThrow(expect.objectContaining({ code: 'REGEX', message }));
  });
});
