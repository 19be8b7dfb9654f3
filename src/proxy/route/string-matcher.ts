// Tests of one string: what Envoy's StringMatcher, HeaderMatcher and query parameter matchers come down to. Pure.

/** A test, and in words what it asks for: `exactly "/a"`. */
export interface StringTest {
  (value: string): boolean;
  readonly expects: string;
  /** A value that passes, or the expression that one must match as a whole; undefined: none does, or none is known. */
  readonly sample: string | RegExp | undefined;
}

/** Gives a test the words that say what it asks for, and a value that passes. */
export function stringTest(expects: string, test: (value: string) => boolean, sample?: string | RegExp): StringTest {
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
  if (!ignoreCase) return stringTest(expects, (value) => value.startsWith(prefix), prefix);
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
export function matchesRegex(regex: RegExp): StringTest {
  const whole = new RegExp(`^(?:${regex.source})$`, regex.flags);
  return stringTest(`regex "${regex.source}"`, (value) => whole.test(value), whole);
}

/**
 * Compiles an RE2 expression with JavaScript's engine: leading inline flags (`(?i)`, `(?s)`, `(?m)`), `(?P<name>…)`, `\z`
 * and POSIX classes are turned into JavaScript's forms. Throws SyntaxError where the expression has no such form.
 */
export function compileRegex(expression: string): RegExp {
  const flags = new Set(['u']);
  let source = expression.replace(/^\(\?([ims]+)\)/, (_, letters: string) => {
    for (const letter of letters) flags.add(letter);
    return '';
  });
  source = source
    .replace(/\(\?P</g, '(?<')
    .replace(/\\z/g, '$')
    .replace(/\\A/g, '^')
    .replace(/\[:(\w+):\]/g, (whole, name: string) => posixClasses[name] ?? whole);
  try {
    return new RegExp(source, [...flags].join(''));
  } catch {
    // RE2 allows escapes of punctuation that JavaScript's unicode mode refuses.
    flags.delete('u');
    return new RegExp(source, [...flags].join(''));
  }
}

const posixClasses: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  space: '\\t\\n\\v\\f\\r ',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};
