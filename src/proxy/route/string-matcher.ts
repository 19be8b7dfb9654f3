// Tests of one string: what Envoy's StringMatcher, HeaderMatcher and query parameter matchers come down to. Pure.
import type { Regex } from '#codec/regex';

/** A test, and in words what it asks for: `exactly "/a"`. */
export interface StringTest {
  (value: string): boolean;
  readonly expects: string;
  /** A value that passes, or the expression that one must match as a whole; undefined: none does, or none is known. */
  readonly sample: string | Regex | undefined;
}

/** Gives a test the words that say what it asks for, and a value that passes. */
export function stringTest(expects: string, test: (value: string) => boolean, sample?: string | Regex): StringTest {
  return Object.assign(test, { expects, sample });
}

export const anything: StringTest = stringTest('anything', () => true, '/');

const inAnyCase = (ignoreCase: boolean) => (ignoreCase ? ' in any case' : '');

export function exactly(expected: string, ignoreCase = false): StringTest {
  const expects = `exactly "${expected}"${inAnyCase(ignoreCase)}`;
  if (!ignoreCase) return stringTest(expects, (value) => value === expected, expected);
  const lower = expected.toLowerCase();
  return stringTest(expects, (value) => value.length === lower.length && value.toLowerCase() === lower, expected);
}

export function startsWith(prefix: string, ignoreCase = false): StringTest {
  const expects = `prefix "${prefix}"${inAnyCase(ignoreCase)}`;
  if (!ignoreCase) {
    // Most prefixes of a table do not fit, and differ in their last character: that is seen without a call.
    const last = prefix.length - 1;
    const code = prefix.charCodeAt(last);
    return stringTest(expects, (value) => last < 0 || (value.charCodeAt(last) === code && value.startsWith(prefix)), prefix);
  }
  const lower = prefix.toLowerCase();
  return stringTest(expects, (value) => value.slice(0, lower.length).toLowerCase() === lower, prefix);
}

export function endsWith(suffix: string, ignoreCase = false): StringTest {
  const expects = `suffix "${suffix}"${inAnyCase(ignoreCase)}`;
  if (!ignoreCase) return stringTest(expects, (value) => value.endsWith(suffix), suffix);
  const lower = suffix.toLowerCase();
  return stringTest(expects, (value) => value.toLowerCase().endsWith(lower), suffix);
}

export function contains(part: string, ignoreCase = false): StringTest {
  const expects = `containing "${part}"${inAnyCase(ignoreCase)}`;
  if (!ignoreCase) return stringTest(expects, (value) => value.includes(part), part);
  const lower = part.toLowerCase();
  return stringTest(expects, (value) => value.toLowerCase().includes(lower), part);
}

/** The whole value must match, as Envoy's safe_regex asks for. */
export function matchesRegex(regex: Regex): StringTest {
  return stringTest(`regex "${regex.source}"`, (value) => regex.matches(value), regex);
}
