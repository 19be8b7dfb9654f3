// Whether a regular expression is one that RE2 takes, as Envoy and our proxy compile it. Roughly: what JavaScript has and
// RE2 lacks is refused, what RE2 has and JavaScript lacks is rewritten before the trial.

const regexLengthMax = 1024;

const unsupported: readonly [RegExp, string][] = [
  [/^(?:[^\\]|\\.)*?\(\?<?[=!]/s, 'RE2 has no lookahead or lookbehind'],
  [/^(?:[^\\]|\\.)*?\\[1-9]/s, 'RE2 has no backreferences'],
  [/^(?:[^\\]|\\.)*?\(\?>/s, 'RE2 has no atomic groups'],
];

/** Why RE2 would refuse the pattern; undefined where it would take it. */
export function re2Problem(pattern: string): string | undefined {
  if (pattern.length > regexLengthMax) return `is longer than ${regexLengthMax} characters`;
  for (const [shape, reason] of unsupported) if (shape.test(pattern)) return reason;
  try {
    new RegExp(asJavaScript(pattern));
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return reason.slice(reason.lastIndexOf(': ') + 2).toLowerCase();
  }
}

function asJavaScript(pattern: string): string {
  return pattern
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\(\?[imsU]*(?:-[imsU]+)?([:)])/g, (_, end: string) => (end === ':' ? '(?:' : '(?:)'))
    .replaceAll(/\[:\^?[a-z]+:\]/g, 'a-z')
    .replaceAll('\\z', '$')
    .replaceAll('\\A', '^')
    .replaceAll(/\\[pP](?:\{\^?\w+\}|[A-Z])/g, 'a');
}
