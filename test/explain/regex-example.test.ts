import { expect, test } from 'vitest';
import { exampleOf } from '#explain/regex-example';
import { compileRegex, matchesRegex } from '#proxy/route/string-matcher';

const whole = (expression: string) => matchesRegex(compileRegex(expression)).sample as RegExp;

test.each([
  '/api/v[0-9]+/.*',
  '^(.*; )?beta=on(;.*)?$',
  '/isbn/[0-9]{10}',
  '(jason|jane)@[^.]+\\.example',
  '[^a-z]{2,}',
  '\\d+\\.\\w\\s?x*',
  '(?P<name>a|b)c',
  '(?i)ABC[[:digit:]]',
  '/a?b',
  '.+',
  '[\\]x]',
  '',
])('%s has an example', (expression) => {
  const example = exampleOf(whole(expression));
  expect(example).toBeDefined();
  expect(whole(expression).test(example!)).toBe(true);
});

test.each(['a(?=b)', '(a)\\1', '[^\\s\\S]'])('for %s there is none, and that is said', (expression) => {
  expect(exampleOf(whole(expression))).toBeUndefined();
});
