// What is wrong with a regular expression of a resource.
import { Regex } from '#codec/regex';
import { messageOf } from '#foundation/mesh-error';

/** Istio's, for what Envoy is to match. */
const lengthMax = 1024;

/** Why RE2 would refuse the pattern; undefined where it would take it. */
export function regexProblem(pattern: string): string | undefined {
  try {
    new Regex(pattern);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The same of one that Envoy is given. */
export const matcherRegexProblem = (pattern: string): string | undefined =>
  pattern.length > lengthMax ? `is longer than ${lengthMax} characters` : regexProblem(pattern);
