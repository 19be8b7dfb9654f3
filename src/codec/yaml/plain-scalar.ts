// What a plain scalar of one line means: YAML 1.2's core schema. Pure.

/** What begins with one of these is no plain scalar, or one with a rule of its own. */
const indicators = '-?:,[]{}#&*!|>\'"%@`';

const words: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ['', null],
  ...['~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);

const decimal = /^[-+]?(?:\d{1,15}|\.\d{1,15}|\d{1,15}\.\d{0,15})$/;
/** What else may be a number: long, octal, hexadecimal, with an exponent, infinite. */
const rareNumber = /^[-+]?(?:[\d.]+(?:[eE][-+]?\d+)?|0[ox][\da-fA-F]+|\.(?:inf|Inf|INF|nan|NaN|NAN))$/;

/** A string, number, boolean or null; undefined where it takes the whole language to say. */
export function plainScalar(source: string): string | number | boolean | null | undefined {
  const word = words.get(source);
  if (word !== undefined) return word;
  const first = source.charCodeAt(0);
  const numeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46;
  if (numeric) {
    if (decimal.test(source)) return Number(source);
    if (rareNumber.test(source)) return undefined;
  }
  if (!indicators.includes(source[0] ?? '')) return source;
  // `-x`, `?x` and `:x` are strings; a second sign in the first's place is not looked into.
  return '-?:'.includes(source[0] ?? '') && /^.[\w./]/.test(source) ? source : undefined;
}
