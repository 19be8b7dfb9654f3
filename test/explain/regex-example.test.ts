import { expect, test } from 'vitest';
import { Regex } from '#codec/regex';
import { exampleOf } from '#explain/regex-example';

test.each([
  '/api/v[0-9]+/.*',
  '^(.*; )?beta=on(;.*)?$',
  '/isbn/[0-9]{10}',
  '(jason|jane)@[^.]+\\.example',
  '[^a-z]{2,}',
  '\\d+\\.\\w\\s?x*',
  '(?P<name>a|b)c',
  '(?i)ABC[[:digit:]]',
  'a(?i:bc)(?-s)d',
  '\\Aab\\z',
  '/a?b',
  '.+',
  '[\\]x]',
  '',
])('%s has an example', (expression) => {
  const regex = new Regex(expression);
  const example = exampleOf(regex);
  expect(example).toBeDefined();
  expect(regex.matches(example!)).toBe(true);
});

test.each(['a\\Bb\\b-', '\\p{Greek}', '[^\\s\\S]'])('for %s there is none, and that is said', (expression) => {
  expect(exampleOf(new Regex(expression))).toBeUndefined();
});
